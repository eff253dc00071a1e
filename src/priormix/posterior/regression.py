"""Bayesian linear regression, point by point, for many prompts and hypotheses at a time.

Coefficients w ~ N(prior_mean, prior_std² I) in S dimensions, labels y = wᵀx + noise. Coordinates come
first and prompts last, so that small problems are batched along contiguous memory; whatever stands
between them (the supports of a sparse class) is batched too.
"""

from abc import ABC, abstractmethod
from math import log, pi

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from priormix.posterior.evidence import Evidence

_LOG_2PI = log(2 * pi)


class Regression(ABC):
    """The posterior of w after the points observed so far; `coefficients` holds its mean."""

    coefficients: Float[Tensor, "S *batch B"]

    @abstractmethod
    def step(
        self,
        x: Float[Tensor, "S *batch B"],
        y: Float[Tensor, "... B"],
        known: Float[Tensor, "... B"] | None = None,
    ) -> tuple[Float[Tensor, "*batch B"], Float[Tensor, "*batch B"]]:
        """Mean and variance of f(x) from the points before it; then (x, y) is observed.

        `y` holds a label for all hypotheses or one for each. Where a known part of f was subtracted from
        the labels, `known` is its squared size, as its rounding errors are in them.
        """

    @abstractmethod
    def evidence(self) -> Evidence:
        """Evidence of the labels observed so far, each field (*batch, B)."""


def regression(
    prior_mean: Float[Tensor, "S *batch B"], prior_std: float, noise_std: float, tolerance: float
) -> Regression:
    """The recursion for noisy labels, or the one for labels without noise."""
    if noise_std > 0:
        return NoisyRegression(prior_mean, prior_std, noise_std)
    return NoiseFreeRegression(prior_mean, prior_std, tolerance)


class NoisyRegression(Regression):
    """Known noise: the Kalman recursion on a square root of the covariance [potter1963].

    The square root keeps variances positive however small the noise is.
    """

    def __init__(self, prior_mean: Float[Tensor, "S *batch B"], prior_std: float, noise_std: float) -> None:
        self.coefficients = prior_mean
        self._root = _identity(prior_mean) * prior_std
        self._noise_std = noise_std
        self._log_density = torch.zeros_like(prior_mean[0])

    def step(
        self,
        x: Float[Tensor, "S *batch B"],
        y: Float[Tensor, "... B"],
        known: Float[Tensor, "... B"] | None = None,
    ) -> tuple[Float[Tensor, "*batch B"], Float[Tensor, "*batch B"]]:
        mean = (self.coefficients * x).sum(0)
        image = (self._root * x[:, None]).sum(0)
        variance = image.square().sum(0)
        total = variance + self._noise_std**2
        residual = y - mean
        gain = (self._root * image).sum(1) / total
        self.coefficients = self.coefficients + gain * residual
        shrinkage = 1 + self._noise_std * total.rsqrt()
        self._root = self._root - gain[:, None] * (image / shrinkage)
        self._log_density = self._log_density - (total.log() + _LOG_2PI + residual.square() / total) / 2
        return mean, variance

    def evidence(self) -> Evidence:
        zero = torch.zeros_like(self._log_density)
        return Evidence(zero, zero.long(), self._log_density)


class NoiseFreeRegression(Regression):
    """The limit of vanishing noise σ, exactly.

    The covariance of w is p·F + σ²·RRᵀ + O(σ⁴) with the prior variance p: F projects on the directions
    that no point has seen, and R is a square root of (XᵀX)⁺. The mean is the least-squares solution
    nearest to the prior mean [greville1960].

    A point is in the span of the earlier ones, and its value determined, where its part outside is
    below tolerance/4 of its length. The value is met where the residual is below tolerance · |w| |x|, x
    being the longest point so far, or that share of a known part that was subtracted. Both are widened by
    √(1 + leverage), by which rounding errors of the earlier labels are magnified.
    """

    def __init__(self, prior_mean: Float[Tensor, "S *batch B"], prior_std: float, tolerance: float) -> None:
        self.coefficients = prior_mean
        self._prior_mean = prior_mean
        self._prior_variance = prior_std**2
        self._tolerance = tolerance
        self._free = _identity(prior_mean) * (prior_std > 0)
        self._root = torch.zeros_like(self._free)
        self._longest = self._known = torch.zeros_like(prior_mean[0])
        self._rank = torch.zeros_like(self._longest, dtype=torch.long)
        self._misfit = self._log_volume = self._longest
        self._point_masses = self._rank

    def step(
        self,
        x: Float[Tensor, "S *batch B"],
        y: Float[Tensor, "... B"],
        known: Float[Tensor, "... B"] | None = None,
    ) -> tuple[Float[Tensor, "*batch B"], Float[Tensor, "*batch B"]]:
        mean = (self.coefficients * x).sum(0)
        # projected twice, as once leaves rounding errors of the size of x
        outside = (self._free * (self._free * x).sum(1)).sum(1)
        image = (self._root * x[:, None]).sum(0)
        distance, leverage, length = (part.square().sum(0) for part in (outside, image, x))
        widening = 1 + leverage
        rounding = self._tolerance**2 * widening
        is_new = distance > rounding * length / 16
        variance = (self._prior_variance * distance).where(is_new, 0)

        residual = y - mean
        self._longest = self._longest.maximum(length)
        if known is not None:
            self._known = self._known.maximum(known)
        self._judge(residual, widening, is_new, rounding * (self._longest * self._size() + self._known))
        self._log_volume = self._log_volume + variance.where(is_new, widening).log() + _LOG_2PI
        direction = (outside / distance).where(is_new, 0)
        gain = direction + ((self._root * image).sum(1) / widening).where(~is_new, 0)
        change = -image / (1 + widening.rsqrt().where(~is_new, 0))
        self.coefficients = self.coefficients + gain * residual
        self._root = self._root + gain[:, None] * (change + self._next_column(is_new))
        self._free = self._free - outside[:, None] * direction
        self._rank = self._rank + is_new
        return mean, variance

    def evidence(self) -> Evidence:
        if self._prior_variance == 0:
            return Evidence(self._misfit, self._point_masses, -self._log_volume / 2)
        # the part of yᵀ cov(y)⁻¹ y that stays finite
        surprise = (self.coefficients - self._prior_mean).square().sum(0) / self._prior_variance
        return Evidence(self._misfit, self._point_masses, -(self._log_volume + surprise) / 2)

    def _judge(
        self,
        residual: Float[Tensor, "*batch B"],
        widening: Float[Tensor, "*batch B"],
        is_new: Bool[Tensor, "*batch B"],
        allowed: Float[Tensor, "*batch B"],
    ) -> None:
        """Count a determined value as met or missed; `allowed` is the square residual that is rounding."""
        square = residual.square()
        self._misfit = self._misfit + (square / widening).masked_fill(is_new | (square <= allowed), 0)
        self._point_masses = self._point_masses + ~is_new

    def _size(self) -> Float[Tensor, "*batch B"]:
        """|w|² by which rounding is judged: that of the mean, at most about ten times what the prior expects.

        A longer mean comes from an ill-conditioned wrong support, which must not pass for its length.
        """
        square = self.coefficients.square().sum(0)
        if self._prior_variance == 0:
            return square
        expected = self._prior_variance * len(self.coefficients)
        return (expected + square).clamp(max=10 * expected)

    def _next_column(self, is_new: Bool[Tensor, "*batch B"]) -> Float[Tensor, "S *batch B"]:
        """The unit vector of the root's first unused column for a new point, zero for others."""
        size = len(self.coefficients)
        columns = torch.arange(size, device=is_new.device).reshape(size, *(1,) * is_new.ndim)
        return ((columns == self._rank) & is_new).to(self.coefficients)


def _identity(prior_mean: Float[Tensor, "S *batch B"]) -> Float[Tensor, "S S *batch B"]:
    size, *batch = prior_mean.shape
    eye = torch.eye(size, dtype=prior_mean.dtype, device=prior_mean.device)
    return eye.reshape(size, size, *(1,) * len(batch)).expand(size, size, *batch)
