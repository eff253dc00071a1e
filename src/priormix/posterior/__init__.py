"""Exact posterior predictors, one file a function class; mixtures compose them by evidence."""

# importing a class's file registers its exact predictor
from priormix.functions import FunctionClass
from priormix.posterior import linear, mixture, sparse
from priormix.posterior.base import Posterior, PosteriorPredictor, exact_for, exact_predictor
from priormix.predictors.base import Predictor

__all__ = ["Posterior", "PosteriorPredictor", "bayes", "exact_for", "linear", "mixture", "sparse"]


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
