"""Exact posterior predictors, one file a function class; mixtures compose them by evidence."""

# importing a class's file registers its exact predictor
from priormix.functions import FunctionClass
from priormix.posterior import combination, gaussian_process, linear, mixture, sparse
from priormix.posterior.base import Posterior, PosteriorPredictor, exact_for, exact_predictor
from priormix.posterior.near import with_stand_ins
from priormix.posterior.stand_ins import stand_in_for
from priormix.predictors.base import Predictor

__all__ = [
    "Posterior",
    "PosteriorPredictor",
    "bayes",
    "combination",
    "exact_for",
    "gaussian_process",
    "linear",
    "mixture",
    "near_bayes",
    "sparse",
    "stand_in_for",
]


def bayes(function_class: FunctionClass, *, noise_std: float = 0.0) -> Predictor:
    """The exact Bayes predictor for prompts that `function_class` samples with this label noise.

    Args:
        function_class: a class with an exact posterior, or any mixture of such classes.
        noise_std: standard deviation of the Gaussian label noise, in units of y.

    Raises:
        PriormixError: a class, or one inside the mixture, has no exact posterior.
        ValueError: a negative noise_std.
    """
    if noise_std < 0:
        raise ValueError(f"noise_std must be at least 0, got {noise_std}")
    return exact_predictor(function_class, noise_std)


def near_bayes(function_class: FunctionClass, *, noise_std: float = 0.0) -> Predictor:
    """Like `bayes`, but with a Gaussian stand-in for every class that has no exact posterior.

    The stand-in for ReLU networks is the Gaussian process with the arc-cosine kernel. It has their mean
    and covariance at any width, so its mean is the best of all predictions that are linear in the
    labels; exact Bayes, which is not linear, is better, and less so the wider the networks are [cho2009].
    Its variance, log_density and log_component are those of the process. Where everything is exact this
    is `bayes`.

    Raises:
        PriormixError: a class, or one inside a mixture or combination, has neither.
        ValueError: a negative noise_std.
    """
    return bayes(with_stand_ins(function_class), noise_std=noise_std)
