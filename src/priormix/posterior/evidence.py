"""Evidence that stays exact when the label noise vanishes, and what follows from comparing it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

# sums of squares of one context that differ by less, relatively, differ by rounding
_TIE = 1e-8


@dataclass(frozen=True)
class Evidence:
    """Evidence of a context under one or more hypotheses, for label noise σ that is given or vanishes.

    With given noise `log_density` is the log density of the labels, and the other two are 0. Without
    noise the fields are the leading terms as σ → 0:

        log p(y) = −misfit / 2σ² − point_masses · log σ + log_density + o(1).

    A point whose value the earlier points determine adds one point mass; its miss, where it missed,
    adds to the misfit. Hypotheses are therefore compared in that order: the least misfit (0 where the
    hypothesis interpolates the context), then the most point masses, then the log density.

    Attributes:
        misfit: residual sum of squares, in squared units of y, exactly 0 within the tolerance.
        point_masses: number of points that the earlier ones determine.
        log_density: log density with respect to the dimensions that are left.
    """

    misfit: Float[Tensor, "*batch B"]
    point_masses: Int[Tensor, "*batch B"]
    log_density: Float[Tensor, "*batch B"]

    def fields(self) -> tuple[Tensor, Tensor, Tensor]:
        """The three fields in their order."""
        return self.misfit, self.point_masses, self.log_density

    @classmethod
    def stack(cls, *parts: "Evidence", dim: int) -> "Evidence":
        """Evidence with one more dimension, which runs over the parts."""
        return cls(
            torch.stack([part.misfit for part in parts], dim),
            torch.stack([part.point_masses for part in parts], dim),
            torch.stack([part.log_density for part in parts], dim),
        )

    def average(self, log_prior: Float[Tensor, " H"]) -> tuple["Evidence", Float[Tensor, "H *batch B"]]:
        """Weigh the H hypotheses along the first dimension by their prior.

        Returns:
            The evidence of the whole, without the first dimension, and the log posterior probability of
            each hypothesis, with it.
        """
        log_prior = log_prior.reshape(-1, *(1,) * (self.misfit.ndim - 1))
        misfit = self.misfit.masked_fill(log_prior.isneginf(), torch.inf)
        least = misfit.amin(0)
        fits = misfit <= least * (1 + _TIE)
        most = self.point_masses.masked_fill(~fits, -1).amax(0)
        leads = fits & (self.point_masses == most)
        joint = (self.log_density + log_prior).masked_fill(~leads, -torch.inf)
        total = joint.logsumexp(0)
        return Evidence(least, most, total), joint - total

    def increments(self) -> Float[Tensor, "B T"]:
        """Log predictive densities of T labels from the evidence (B, T + 1) of all prefixes.

        It is +inf where a label was predicted with certainty and is met, and −inf where it is missed.
        """
        misfit, masses, finite = (
            part.diff(dim=1) for part in (self.misfit, self.point_masses, self.log_density)
        )
        met = finite.masked_fill(masses > 0, torch.inf)
        return met.masked_fill((misfit > 0) | (masses < 0), -torch.inf)


def total_moments(
    log_weights: Float[Tensor, "H *batch B"],
    means: Float[Tensor, "H *batch B"],
    variances: Float[Tensor, "H *batch B"],
) -> tuple[Float[Tensor, "*batch B"], Float[Tensor, "*batch B"]]:
    """Mean and total variance of H hypotheses along the first dimension, weighed by exp(log_weights)."""
    weights = log_weights.exp()
    mean = (weights * means).sum(0)
    return mean, (weights * (variances + (means - mean).square())).sum(0)
