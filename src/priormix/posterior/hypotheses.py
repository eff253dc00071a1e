"""Function classes written out as finitely many Gaussian hypotheses, so that sums of them are too."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import comb, log, prod
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.errors import PriormixError
from priormix.functions import (
    Combination,
    DenseLinear,
    FunctionClass,
    GivenLinear,
    Mixture,
    Sinusoid,
    SparseLinear,
)
from priormix.predictors.base import ClassicalPredictor

MOST_HYPOTHESES = 200_000


@dataclass(frozen=True)
class GammaFrequency:
    """A frequency with density Gamma(shape, scale), in cycles per unit of x."""

    shape: float
    scale: float


@dataclass(frozen=True)
class Wave:
    """A cos(2πωx) with A ~ N(mean, std²); the frequency ω is a number or has a density."""

    mean: float
    std: float
    frequency: float | GammaFrequency

    def scaled(self, weight: float) -> "Wave":
        """The wave of weight · f."""
        return Wave(weight * self.mean, abs(weight) * self.std, self.frequency)


@dataclass(frozen=True)
class Hypotheses:
    """H hypotheses wᵀx + Σ waves with w ~ N(mean, diag(variance)); all of them have the same waves.

    Attributes:
        log_prior: log probability of each, (H,).
        mean: prior means of the coefficients, (H, D).
        variance: prior variances of the coefficients, (H, D).
        waves: what is added to the linear function, in one dimension.
    """

    log_prior: Float[Tensor, " H"]
    mean: Float[Tensor, "H D"]
    variance: Float[Tensor, "H D"]
    waves: tuple[Wave, ...] = ()

    @property
    def n_free(self) -> int:
        """How many frequencies have a density."""
        return sum(isinstance(wave.frequency, GammaFrequency) for wave in self.waves)

    def __len__(self) -> int:
        return len(self.log_prior)


_Class = TypeVar("_Class", bound=FunctionClass)
_Expand = Callable[[_Class], list[Hypotheses]]
_expansions: dict[type[FunctionClass], _Expand[Any]] = {}


def expands(function_class: type[_Class]) -> Callable[[_Expand[_Class]], _Expand[_Class]]:
    """Register how a class is written out, which lets it take part in exact sums.

    It serves subclasses too, unless they register one of their own. The probabilities of all
    hypotheses in the list add up to 1.
    """

    def register(expand: _Expand[_Class]) -> _Expand[_Class]:
        _expansions[function_class] = expand
        return expand

    return register


def hypotheses(function_class: FunctionClass) -> list[Hypotheses]:
    """All hypotheses of a class; raises PriormixError where it has no such list or a too long one."""
    for ancestor in type(function_class).__mro__:
        if ancestor in _expansions:
            return _expansions[ancestor](function_class)
    approximate = ", ".join(ClassicalPredictor.family.members())
    known = ", ".join(str(each.model_fields["kind"].default) for each in _expansions)
    raise PriormixError(
        f"no exact posterior is known for a sum with the part {function_class.kind!r}; exact parts: {known}; "
        f"approximate predictors: {approximate}"
    )


@expands(DenseLinear)
def _dense(function_class: DenseLinear) -> list[Hypotheses]:
    dim = function_class.dim
    return [_single((0.0,) * dim, (1 / dim,) * dim)]


@expands(GivenLinear)
def _given(function_class: GivenLinear) -> list[Hypotheses]:
    return [_single(function_class.coefficients, (0.0,) * function_class.dim)]


@expands(SparseLinear)
def _sparse(function_class: SparseLinear) -> list[Hypotheses]:
    dim, nonzeros = function_class.dim, function_class.nonzeros
    count = comb(dim, nonzeros)
    _check_count(count, f"sparse_linear with dim {dim} and nonzeros {nonzeros}")
    variance = torch.zeros(count, dim, dtype=torch.float64)
    variance.scatter_(1, torch.tensor(list(combinations(range(dim), nonzeros))), 1 / nonzeros)
    return [Hypotheses(_uniform(count), torch.zeros_like(variance), variance)]


@expands(Sinusoid)
def _sinusoid(function_class: Sinusoid) -> list[Hypotheses]:
    frequency = function_class.frequency
    amplitude = function_class.amplitude
    density = GammaFrequency(function_class.shape, function_class.scale)
    wave = Wave(
        mean=0.0 if amplitude is None else amplitude,
        std=1.0 if amplitude is None else 0.0,
        frequency=density if frequency is None else frequency,
    )
    return [_single((0.0,), (0.0,), () if wave.mean == wave.std == 0 else (wave,))]


@expands(Mixture)
def _mixture(function_class: Mixture) -> list[Hypotheses]:
    found = []
    for part, weight in zip(function_class.components, function_class.weights, strict=True):
        if weight > 0:
            found += [
                Hypotheses(group.log_prior + log(weight), group.mean, group.variance, group.waves)
                for group in hypotheses(part)
            ]
    return found


@expands(Combination)
def _combination(function_class: Combination) -> list[Hypotheses]:
    parts = [hypotheses(part) for part in function_class.parts]
    count = prod(sum(len(group) for group in part) for part in parts)
    _check_count(count, f"the combination of {', '.join(part.kind for part in function_class.parts)}")
    nothing = (0.0,) * function_class.dim
    total = [_single(nothing, nothing)]
    for part, weight in zip(parts, function_class.weights, strict=True):
        if weight != 0:
            total = [_sum(left, right, weight) for left in total for right in part]
    return total


def _sum(left: Hypotheses, right: Hypotheses, weight: float) -> Hypotheses:
    """Every hypothesis on the left plus `weight` times every one on the right."""
    return Hypotheses(
        (left.log_prior[:, None] + right.log_prior).flatten(),
        (left.mean[:, None] + weight * right.mean).flatten(0, 1),
        (left.variance[:, None] + weight**2 * right.variance).flatten(0, 1),
        left.waves + tuple(wave.scaled(weight) for wave in right.waves),
    )


def _single(mean: tuple[float, ...], variance: tuple[float, ...], waves: tuple[Wave, ...] = ()) -> Hypotheses:
    rows = torch.tensor([mean, variance], dtype=torch.float64)
    return Hypotheses(_uniform(1), rows[:1], rows[1:], waves)


def _uniform(count: int) -> Float[Tensor, " count"]:
    return torch.full((count,), -log(count), dtype=torch.float64)


def _check_count(count: int, name: str) -> None:
    if count > MOST_HYPOTHESES:
        raise PriormixError(
            f"{name} has {count:,} hypotheses, too many for an exact posterior (at most {MOST_HYPOTHESES:,})"
        )
