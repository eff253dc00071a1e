"""Exact posteriors of sinusoids and of sums: expand into hypotheses, and average them by evidence."""

from math import log

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.errors import PriormixError
from priormix.functions import Combination, FunctionClass, Sinusoid
from priormix.posterior.base import Answers, Posterior, PosteriorPredictor, exact_for, exact_predictor
from priormix.posterior.evidence import Evidence
from priormix.posterior.frequency import FrequencyPosterior
from priormix.posterior.gaussian_sum import GaussianSumPosterior
from priormix.posterior.hypotheses import GammaFrequency, Hypotheses, hypotheses
from priormix.posterior.linear import LinearPosterior
from priormix.posterior.mixture import MixturePosterior
from priormix.predictors.base import ClassicalPredictor


class SumPosterior(PosteriorPredictor):
    """Averages groups of hypotheses by evidence, as the one component that a sum is."""

    def __init__(self, parts: list[PosteriorPredictor], weights: tuple[float, ...], noise_std: float) -> None:
        self._mixture = MixturePosterior(parts, weights, noise_std)
        super().__init__(self._mixture.dim, noise_std, self._mixture.state_size)

    def posterior(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"], tolerance: float) -> Posterior:
        """The posterior for float64 prompts whose labels are exact to a relative `tolerance`."""
        found = self._mixture.posterior(xs, ys, tolerance)
        return Posterior(found.mean, found.variance, found.evidence, torch.zeros_like(ys)[..., None])

    def answers(
        self,
        xs: Float[Tensor, "B K D"],
        ys: Float[Tensor, "B K"],
        queries: Float[Tensor, "B Q D"],
        tolerance: float,
    ) -> Answers:
        """The posterior at many queries of float64 contexts."""
        found = self._mixture.answers(xs, ys, queries, tolerance)
        alone = torch.zeros_like(found.mean[:, :1])
        return Answers(found.mean, found.variance, found.evidence, alone)


class ScaledPosterior(PosteriorPredictor):
    """weight · f for a weight other than 0 and any f with an exact posterior, whose components it keeps."""

    def __init__(self, part: PosteriorPredictor, weight: float, noise_std: float) -> None:
        super().__init__(part.dim, noise_std, part.state_size)
        self._part = part
        self._weight = weight

    def posterior(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"], tolerance: float) -> Posterior:
        """The posterior for float64 prompts whose labels are exact to a relative `tolerance`."""
        found = self._part.posterior(xs, ys / self._weight, tolerance)
        square, masses = self._weight**2, found.evidence.point_masses
        # a label's density is per unit of y; a point mass has none
        densities = (torch.arange(ys.shape[1] + 1, device=ys.device) - masses).to(ys)
        evidence = Evidence(
            found.evidence.misfit * square,
            masses,
            found.evidence.log_density - densities * log(abs(self._weight)),
        )
        return Posterior(found.mean * self._weight, found.variance * square, evidence, found.log_component)


class ZeroPosterior(PosteriorPredictor):
    """0 · f: the zero function, from which nothing is learnt about f's components."""

    def __init__(self, part: PosteriorPredictor, noise_std: float) -> None:
        super().__init__(part.dim, noise_std, part.state_size)
        self._part = part
        self._zero = LinearPosterior((0.0,) * part.dim, 0.0, noise_std)

    def posterior(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"], tolerance: float) -> Posterior:
        """The posterior for float64 prompts whose labels are exact to a relative `tolerance`."""
        zero = self._zero.posterior(xs, ys, tolerance)
        prior = self._part.posterior(xs[:, :1], ys[:, :1], tolerance).log_component
        return Posterior(zero.mean, zero.variance, zero.evidence, prior.expand(-1, ys.shape[1], -1))


def with_refinement(function_class: FunctionClass, noise_std: float, refinement: int) -> PosteriorPredictor:
    """The exact predictor of a sinusoid or a sum, with every step of its frequency grids so much finer."""
    return _from_hypotheses(function_class, noise_std, refinement)


@exact_for(Sinusoid)
def _sinusoid(function_class: Sinusoid, noise_std: float) -> PosteriorPredictor:
    return _from_hypotheses(function_class, noise_std)


@exact_for(Combination)
def _combination(function_class: Combination, noise_std: float) -> PosteriorPredictor:
    if len(function_class.parts) > 1:
        return _from_hypotheses(function_class, noise_std)
    (part,), (weight,) = function_class.parts, function_class.weights
    if weight == 0:
        return ZeroPosterior(exact_predictor(part, noise_std), noise_std)
    return ScaledPosterior(exact_predictor(part, noise_std / abs(weight)), weight, noise_std)


def _from_hypotheses(
    function_class: FunctionClass, noise_std: float, refinement: int = 1
) -> PosteriorPredictor:
    groups = [single for group in hypotheses(function_class) for single in _one_by_one(group)]
    for group in groups:
        _check_waves(function_class, group)
    parts = [_group(group, noise_std, refinement) for group in groups]
    weights = tuple(float(group.log_prior.exp().sum()) for group in groups)
    return parts[0] if len(parts) == 1 else SumPosterior(parts, weights, noise_std)


def _one_by_one(group: Hypotheses) -> list[Hypotheses]:
    """Hypotheses with a free frequency one by one, as each has a likelihood of its own to integrate."""
    if group.n_free == 0:
        return [group]
    single = torch.arange(len(group))[:, None]
    return [Hypotheses(group.log_prior[h], group.mean[h], group.variance[h], group.waves) for h in single]


def _check_waves(function_class: FunctionClass, group: Hypotheses) -> None:
    if group.n_free == 0:
        return
    approximate = ", ".join(ClassicalPredictor.family.members())
    name = function_class.kind
    if isinstance(function_class, Combination):
        name += f" of {', '.join(part.kind for part in function_class.parts)}"
    if group.n_free > 1:
        raise PriormixError(
            f"{name}: {group.n_free} parts have an unknown frequency, at most one is allowed in an exact "
            f"posterior; approximate predictors: {approximate}"
        )
    known = [wave for wave in group.waves if not isinstance(wave.frequency, GammaFrequency) and wave.std > 0]
    n_features = len(known) + int((group.variance > 0).sum())
    if n_features > 1:
        raise PriormixError(
            f"{name}: beside an unknown frequency an exact posterior allows one unknown coefficient (that of "
            f"all lines, or a known frequency's amplitude), not {n_features}; approximate predictors: "
            f"{approximate}"
        )


def _group(group: Hypotheses, noise_std: float, refinement: int) -> PosteriorPredictor:
    normalised = Hypotheses(
        group.log_prior - group.log_prior.logsumexp(0), group.mean, group.variance, group.waves
    )
    if group.n_free == 0:
        return GaussianSumPosterior(normalised, noise_std)
    return FrequencyPosterior(normalised, noise_std, refinement)
