"""Exact posterior of Gaussian processes."""

from math import log, pi

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.errors import PriormixError
from priormix.functions.gaussian_process import GaussianProcess, nugget
from priormix.functions.kernels import Kernel
from priormix.posterior.base import Posterior, PosteriorPredictor, exact_for
from priormix.posterior.evidence import Evidence

_LOG_2PI = log(2 * pi)
# prompts are grouped as if they had this many points
_USUAL_POINTS = 41


class GaussianProcessPosterior(PosteriorPredictor):
    """Gaussian process regression; one Cholesky factorisation a prompt serves all its prefixes.

    Row t of the root holds what the t points before x_t say of it. O(T³ + T² dim) a prompt, and 8 T²
    bytes [rasmussen2006].

    Without label noise, and for label noise below that, this is the posterior for noise of 1e-5
    standard deviations of f(x) (see `nugget`), and not the limit of vanishing noise: float64 cannot
    tell the values of a smooth function at close points apart any better. No label is ever certain: one
    that the context contradicts has a log_density that is very low, not −inf, and one that the context
    determines a high one, not +inf. Labels that no function of the class could have, such as
    contradictions at nearly equal points of a smooth kernel, can give means far larger than themselves.

    Raises:
        PriormixError: on prompts of so many points that their covariance cannot be factorised.
    """

    def __init__(self, kernel: Kernel, dim: int, noise_std: float) -> None:
        super().__init__(dim, noise_std, state_size=_USUAL_POINTS**2)
        self.kernel = kernel

    def posterior(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"], tolerance: float) -> Posterior:
        """The posterior for float64 prompts; `tolerance` is far below the nugget and not used."""
        noise = nugget(self.kernel, xs).clamp(min=self.noise_std**2)
        root = _root(self.kernel(xs, xs) + torch.diag_embed(noise))
        scale = root.diagonal(dim1=1, dim2=2)
        mean, white = _explain(root, ys)
        log_density = -(_LOG_2PI + white.square()) / 2 - scale.log()
        total = torch.nn.functional.pad(log_density.cumsum(1), (1, 0))
        zero = torch.zeros_like(total)
        evidence = Evidence(zero, zero.long(), total)
        variance = (scale.square() - noise).clamp(min=0)
        return Posterior(mean, variance, evidence, torch.zeros_like(ys)[..., None])


def _root(covariance: Float[Tensor, "B T T"]) -> Float[Tensor, "B T T"]:
    """The Cholesky root, of whose rows each depends on the earlier ones only.

    A prompt with NaN has a root up to there.
    """
    root: Tensor
    root, info = torch.linalg.cholesky_ex(covariance)
    if info.any() and covariance[info > 0].isfinite().all():
        raise PriormixError(
            f"the covariance of a Gaussian process at {covariance.shape[1]} points cannot be factorised in "
            "float64; give fewer points or more label noise"
        )
    return root


def _explain(
    root: Float[Tensor, "B T T"], ys: Float[Tensor, "B T"]
) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"]]:
    """The mean of every label given the earlier ones, and its deviation in standard deviations.

    Forward substitution, written out for the means that it passes, which a solver does not return.
    """
    mean, white = torch.zeros_like(ys), torch.zeros_like(ys)
    for t in range(ys.shape[1]):
        mean[:, t] = (root[:, t, :t] * white[:, :t]).sum(1)
        white[:, t] = (ys[:, t] - mean[:, t]) / root[:, t, t]
    return mean, white


@exact_for(GaussianProcess)
def _gaussian_process(function_class: GaussianProcess, noise_std: float) -> GaussianProcessPosterior:
    return GaussianProcessPosterior(function_class.kernel, function_class.dim, noise_std)
