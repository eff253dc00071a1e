"""Exact posterior of a mixture of classes: their posteriors, weighed by evidence."""

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.functions import Mixture
from priormix.posterior.base import Answers, Posterior, PosteriorPredictor, exact_for, exact_predictor
from priormix.posterior.evidence import Evidence, total_moments


class MixturePosterior(PosteriorPredictor):
    """Averages the components' posteriors with weights prior · evidence of the labels so far.

    log_component runs over the innermost classes from left to right, as `Prompts.component` does.

    Without label noise the average is the limit of vanishing noise. A component that interpolates
    the context beats any that does not, and among those that do, the one that left fewer labels to
    chance: an exactly met prediction outweighs every density. Where no component interpolates, those
    with the least residual sum of squares hold the posterior.
    """

    def __init__(self, parts: list[PosteriorPredictor], weights: tuple[float, ...], noise_std: float) -> None:
        super().__init__(parts[0].dim, noise_std, max(part.state_size for part in parts))
        self.parts = parts
        self.weights = weights

    def posterior(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"], tolerance: float) -> Posterior:
        """The posterior for float64 prompts whose labels are exact to a relative `tolerance`."""
        parts = [part.posterior(xs, ys, tolerance) for part in self.parts]
        evidence, log_weights = self._weighed(xs, *(part.evidence for part in parts))
        before = log_weights[..., :-1]
        means = torch.stack([part.mean for part in parts])
        variances = torch.stack([part.variance for part in parts])
        within = [part.log_component + log[..., None] for part, log in zip(parts, before, strict=True)]
        return Posterior(*total_moments(before, means, variances), evidence, torch.cat(within, -1))

    def answers(
        self,
        xs: Float[Tensor, "B K D"],
        ys: Float[Tensor, "B K"],
        queries: Float[Tensor, "B Q D"],
        tolerance: float,
    ) -> Answers:
        """The posterior at many queries of float64 contexts: that of every part, weighed once."""
        parts = [part.answers(xs, ys, queries, tolerance) for part in self.parts]
        evidence, log_weights = self._weighed(xs, *(part.evidence for part in parts))
        means = torch.stack([part.mean for part in parts])
        variances = torch.stack([part.variance for part in parts])
        within = [part.log_component + log[:, None] for part, log in zip(parts, log_weights, strict=True)]
        moments = total_moments(log_weights[..., None].expand_as(means), means, variances)
        return Answers(*moments, evidence, torch.cat(within, -1), tuple(parts))

    def _weighed(self, like: Tensor, *evidence: Evidence) -> tuple[Evidence, Tensor]:
        """Evidence of the mixture, and the log posterior probability of each part."""
        log_prior = torch.tensor(self.weights, dtype=like.dtype, device=like.device).log()
        return Evidence.stack(*evidence, dim=0).average(log_prior)


@exact_for(Mixture)
def _mixture(function_class: Mixture, noise_std: float) -> MixturePosterior:
    parts = [exact_predictor(component, noise_std) for component in function_class.components]
    return MixturePosterior(parts, function_class.weights, noise_std)
