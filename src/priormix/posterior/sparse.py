"""Exact posterior of sparse linear functions, by enumeration of their supports."""

from itertools import combinations
from math import comb, log, sqrt

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.errors import PriormixError
from priormix.functions import SparseLinear
from priormix.posterior.base import Posterior, PosteriorPredictor, exact_for
from priormix.posterior.evidence import Evidence, total_moments
from priormix.posterior.regression import regression

_MOST_SUPPORTS = 200_000


class SparsePosterior(PosteriorPredictor):
    """Averages the Gaussian posteriors of all C(dim, nonzeros) supports by their evidence.

    One prompt takes O(T · C(dim, nonzeros) · nonzeros²). The variance is the total one: the mean of
    the variances plus the variance of the means.

    Without label noise the average is the limit of vanishing noise. Up to `nonzeros` generic points
    every support interpolates the context and weighs with the density of its labels; from then on
    only those that still interpolate count. Where none does, as on prompts from another class, the
    posterior rests on the supports with the least residual sum of squares (ties by point masses, then
    by density), the mean is their least-squares fit, log_density is −inf at every label that no support
    could produce, and a mixture gives the class no weight beside a class that interpolates.

    In single precision about two wrong supports in 10⁶ pass as interpolating by chance, for one point
    (nonzeros + 1 examples); in double precision one in 10⁹.

    Raises:
        PriormixError: more than 200,000 supports, which would take minutes and over 1 GB a prompt.
    """

    def __init__(self, dim: int, nonzeros: int, noise_std: float) -> None:
        n_supports = comb(dim, nonzeros)
        if n_supports > _MOST_SUPPORTS:
            raise PriormixError(
                f"sparse_linear with dim {dim} and nonzeros {nonzeros} has {n_supports:,} supports, too many "
                f"for an exact posterior (at most {_MOST_SUPPORTS:,})"
            )
        super().__init__(dim, noise_std, state_size=n_supports * nonzeros**2)
        self.nonzeros = nonzeros
        # coordinates first: (nonzeros, number of supports)
        self._supports = torch.tensor(list(combinations(range(dim), nonzeros))).T.contiguous()

    def posterior(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"], tolerance: float) -> Posterior:
        """The posterior for float64 prompts whose labels are exact to a relative `tolerance`."""
        supports = self._supports.to(xs.device)
        n_supports = supports.shape[1]
        log_prior = xs.new_full((n_supports,), -log(n_supports))
        start = xs.new_zeros(self.nonzeros, n_supports, len(xs))
        state = regression(start, 1 / sqrt(self.nonzeros), self.noise_std, tolerance)
        total, log_weights = state.evidence().average(log_prior)
        means, variances, evidence = [], [], [total]
        for x, y in zip(xs.permute(1, 2, 0).contiguous(), ys.T, strict=True):
            mean, variance = total_moments(log_weights, *state.step(x[supports], y))
            total, log_weights = state.evidence().average(log_prior)
            means.append(mean)
            variances.append(variance)
            evidence.append(total)
        alone = torch.zeros_like(ys)[..., None]
        return Posterior(
            torch.stack(means, 1), torch.stack(variances, 1), Evidence.stack(*evidence, dim=1), alone
        )


@exact_for(SparseLinear)
def _sparse(function_class: SparseLinear, noise_std: float) -> SparsePosterior:
    return SparsePosterior(function_class.dim, function_class.nonzeros, noise_std)
