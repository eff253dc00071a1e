"""Means over prompts with 95% confidence intervals."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

Z95 = 1.959964


@dataclass(frozen=True)
class Estimate:
    """A mean with the ends of its 95% confidence interval, element by element."""

    mean: Float[Tensor, "..."]
    low: Float[Tensor, "..."]
    high: Float[Tensor, "..."]


def mean_over_prompts(samples: Float[Tensor, "N ..."]) -> Estimate:
    """The mean over independent prompts, by the central limit theorem; one prompt has no interval (NaN)."""
    samples = samples.double()
    return _around(samples.mean(0), samples.std(0) / len(samples) ** 0.5)


def ratio_of_means(numerator: Float[Tensor, "N ..."], denominator: Float[Tensor, "N ..."]) -> Estimate:
    """The ratio of two means over the same prompts, by the delta method."""
    numerator, denominator = numerator.double(), denominator.double()
    ratio = numerator.mean(0) / denominator.mean(0)
    residual = (numerator - ratio * denominator) / denominator.mean(0)
    return _around(ratio, residual.std(0) / len(residual) ** 0.5)


def _around(mean: Tensor, standard_error: Tensor) -> Estimate:
    return Estimate(mean, mean - Z95 * standard_error, mean + Z95 * standard_error)
