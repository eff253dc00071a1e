"""Exact posteriors of linear functions."""

from math import sqrt

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.functions import DenseLinear, GivenLinear
from priormix.posterior.base import Posterior, PosteriorPredictor, exact_for
from priormix.posterior.evidence import Evidence
from priormix.posterior.regression import regression


class LinearPosterior(PosteriorPredictor):
    """f(x) = wᵀx with w ~ N(prior_mean, prior_std² I), in O(T dim²) a prompt.

    With noise the mean is ridge regression with penalty noise_std² / prior_std². Without noise it is
    the least-squares solution nearest to the prior mean, and a point in the span of the earlier ones
    has variance 0.
    """

    def __init__(self, prior_mean: tuple[float, ...], prior_std: float, noise_std: float) -> None:
        dim = len(prior_mean)
        super().__init__(dim, noise_std, state_size=dim * dim)
        self.prior_mean = prior_mean
        self.prior_std = prior_std

    def posterior(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"], tolerance: float) -> Posterior:
        """The posterior for float64 prompts whose labels are exact to a relative `tolerance`."""
        start = torch.tensor(self.prior_mean, dtype=xs.dtype, device=xs.device)[:, None]
        state = regression(start.expand(-1, len(xs)), self.prior_std, self.noise_std, tolerance)
        means, variances, evidence = [], [], [state.evidence()]
        for x, y in zip(xs.permute(1, 2, 0).contiguous(), ys.T, strict=True):
            mean, variance = state.step(x, y)
            means.append(mean)
            variances.append(variance)
            evidence.append(state.evidence())
        alone = torch.zeros_like(ys)[..., None]
        return Posterior(
            torch.stack(means, 1), torch.stack(variances, 1), Evidence.stack(*evidence, dim=1), alone
        )


@exact_for(DenseLinear)
def _dense(function_class: DenseLinear, noise_std: float) -> LinearPosterior:
    dim = function_class.dim
    return LinearPosterior((0.0,) * dim, 1 / sqrt(dim), noise_std)


@exact_for(GivenLinear)
def _given(function_class: GivenLinear, noise_std: float) -> LinearPosterior:
    return LinearPosterior(function_class.coefficients, 0.0, noise_std)
