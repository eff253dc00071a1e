"""What an exact posterior predictor is, and which function classes have one."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.errors import PriormixError
from priormix.functions import FunctionClass
from priormix.posterior.evidence import Evidence
from priormix.posterior.stand_ins import stand_in
from priormix.predictors.base import ClassicalPredictor, Prediction, Predictor, one_prompt_a_query

# float64 numbers in one array of prompts worked on together: what a processor's cache holds a few of,
# and what keeps a graphics card busy
_CPU_NUMBERS = 2**15
_DEVICE_NUMBERS = 2**22


@dataclass(frozen=True)
class Posterior:
    """What a class says of every point of B prompts given the points before it, in float64.

    Attributes:
        mean: posterior mean of f(x_t), (B, T).
        variance: posterior variance of f(x_t), (B, T).
        evidence: evidence of the first 0 … T labels, each field (B, T + 1).
        log_component: log probability of each of the C innermost classes before y_t is seen, (B, T, C).
    """

    mean: Float[Tensor, "B T"]
    variance: Float[Tensor, "B T"]
    evidence: Evidence
    log_component: Float[Tensor, "B T C"]

    def parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mean, variance, log_density and log_component, as a `Prediction` lists them."""
        return self.mean, self.variance, self.evidence.increments(), self.log_component


@dataclass(frozen=True)
class Answers:
    """What a class says of Q queries of each of B contexts, in float64.

    Attributes:
        mean: posterior mean of f at the queries, (B, Q).
        variance: posterior variance of f at the queries, (B, Q).
        evidence: evidence of the labels of the context, each field (B,).
        log_component: log probability of each of the C innermost classes, (B, C).
        parts: what each part of a mixture says alone.
    """

    mean: Float[Tensor, "B Q"]
    variance: Float[Tensor, "B Q"]
    evidence: Evidence
    log_component: Float[Tensor, "B C"]
    parts: tuple["Answers", ...] = ()

    @classmethod
    def at_the_end(cls, found: Posterior, n_queries: int) -> "Answers":
        """What is found at the ends of prompts, one for each of n_queries queries of every context."""
        # the label of a query comes last, and the evidence before it is that of the context
        evidence = Evidence(*(part[::n_queries, -2] for part in found.evidence.fields()))
        mean, variance = (part[:, -1].reshape(-1, n_queries) for part in (found.mean, found.variance))
        return cls(mean, variance, evidence, found.log_component[::n_queries, -1])

    def innermost(self) -> Iterator["Answers"]:
        """What each innermost class says alone, in the order of log_component."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.innermost()


class PosteriorPredictor(Predictor):
    """Predicts with the exact posterior of a function class and label noise of a known size."""

    def __init__(self, dim: int, noise_std: float, state_size: int) -> None:
        """`state_size` is how many float64 numbers the largest array of one prompt's state holds."""
        self.dim = dim
        self.noise_std = noise_std
        self.state_size = state_size

    @abstractmethod
    def posterior(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"], tolerance: float) -> Posterior:
        """The posterior for float64 prompts whose labels are exact to a relative `tolerance`."""

    def answers(
        self,
        xs: Float[Tensor, "B K D"],
        ys: Float[Tensor, "B K"],
        queries: Float[Tensor, "B Q D"],
        tolerance: float,
    ) -> Answers:
        """The posterior at many queries of float64 contexts, here with a prompt for every query."""
        found = self.posterior(*one_prompt_a_query(xs, ys, queries), tolerance)
        return Answers.at_the_end(found, queries.shape[1])

    def predict_at(
        self, xs: Float[Tensor, "B K D"], ys: Float[Tensor, "B K"], queries: Float[Tensor, "B Q D"]
    ) -> Prediction:
        """Mean, variance and log_component (B, Q, C) at Q queries of every context of K points.

        The same as `predict` with each query as the point after its context, up to rounding. What a
        context says of an unknown frequency is worked out once for all of its queries where there is
        label noise.

        Raises:
            ValueError: xs, ys or queries of another shape than (B, K, dim), (B, K) and (B, Q, dim).
        """
        self._check(xs, ys)
        if queries.ndim != 3 or queries.shape[2] != self.dim or len(queries) != len(xs):
            expected = f"({len(xs)}, Q, {self.dim})"
            raise ValueError(f"queries has shape {tuple(queries.shape)}, expected {expected}")
        device = _device_with_float64(xs)
        exact_xs, exact_ys = xs.to(device, torch.float64), ys.to(device, torch.float64)
        tolerance = _tolerance(xs.dtype, ys.dtype)
        width = max(1, _numbers(device) // self.state_size)
        pieces = torch.split(queries.to(device, torch.float64), width, dim=1)
        with _one_thread() if width > 1 else nullcontext():
            found = [self.answers(exact_xs, exact_ys, piece, tolerance) for piece in pieces]
        mean, variance = (torch.cat([getattr(a, name) for a in found], 1) for name in ("mean", "variance"))
        log_component = found[0].log_component[:, None].expand(-1, queries.shape[1], -1)
        return Prediction(mean.to(ys), variance.to(ys), None, log_component.to(ys))

    def predict(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Prediction:
        """Mean, variance, log_density and log_component (B, T, C) of all prefixes of all prompts.

        Work is done in float64. Without label noise the result is the limit of vanishing noise, and y_t
        counts as met within a relative tolerance that follows from the precision of the prompts: 5e-7
        for float32, 1e-9 for float64. There log_density is +inf where y_t was certain and is met, −inf
        where it could not be.

        Raises:
            ValueError: xs or ys of another shape than (B, T, dim) and (B, T).
        """
        self._check(xs, ys)
        device = _device_with_float64(xs)
        tolerance = _tolerance(xs.dtype, ys.dtype)
        rows = max(1, _numbers(device) // self.state_size)
        exact_xs, exact_ys = (torch.split(part.to(device, torch.float64), rows) for part in (xs, ys))
        with _one_thread() if rows > 1 else nullcontext():
            groups = [
                self.posterior(x, y, tolerance).parts() for x, y in zip(exact_xs, exact_ys, strict=True)
            ]
        return Prediction(*(torch.cat(part).to(ys) for part in zip(*groups, strict=True)))

    def _check(self, xs: Tensor, ys: Tensor) -> None:
        if xs.ndim != 3 or xs.shape[2] != self.dim:
            raise ValueError(f"xs has shape {tuple(xs.shape)}, expected (B, T, {self.dim})")
        if ys.shape != xs.shape[:2]:
            raise ValueError(f"ys has shape {tuple(ys.shape)}, expected {tuple(xs.shape[:2])} from xs")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep PyTorch to one thread for arrays that are too short to gain from more.

    MKL splits even logarithms of a hundred numbers among all threads. Where other work holds the cores
    each such call waits for the scheduler, which made sparse posteriors ten times slower.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _device_with_float64(like: Tensor) -> torch.device:
    # MPS has none
    return torch.device("cpu") if like.device.type == "mps" else like.device


def _numbers(device: torch.device) -> int:
    return _CPU_NUMBERS if device.type == "cpu" else _DEVICE_NUMBERS


def _tolerance(*dtypes: torch.dtype) -> float:
    coarsest = max(torch.finfo(dtype).eps for dtype in dtypes)
    # below 1e-9 the rounding of the recursion itself would count
    return max(4 * coarsest, 1e-9)


_Class = TypeVar("_Class", bound=FunctionClass)
_Build = Callable[[_Class, float], PosteriorPredictor]
_builds: dict[type[FunctionClass], _Build[Any]] = {}


def exact_for(function_class: type[_Class]) -> Callable[[_Build[_Class]], _Build[_Class]]:
    """Register `build(instance, noise_std)` as the maker of exact predictors for a function class.

    It serves subclasses too, unless they register a maker of their own.
    """

    def register(build: _Build[_Class]) -> _Build[_Class]:
        _builds[function_class] = build
        return build

    return register


def has_exact_posterior(function_class: FunctionClass) -> bool:
    """Whether a maker of exact predictors is registered for the class; its parts may still lack one."""
    return any(ancestor in _builds for ancestor in type(function_class).__mro__)


def exact_predictor(function_class: FunctionClass, noise_std: float) -> PosteriorPredictor:
    """The exact predictor of a class; raises PriormixError where none is known."""
    for ancestor in type(function_class).__mro__:
        if ancestor in _builds:
            return _builds[ancestor](function_class, noise_std)
    approximate = ", ".join(ClassicalPredictor.family.kinds())
    nearest = (
        "priormix.posterior.near_bayes stands in a Gaussian process with the same covariance for it; "
        if stand_in(function_class)
        else ""
    )
    raise PriormixError(
        f"no exact posterior is known for the function class {function_class.kind!r}; "
        f"{nearest}approximate predictors: {approximate}"
    )
