"""Predictors that are drawn beside the models."""

from collections.abc import Iterable
from dataclasses import replace

from priormix.measure import Evaluation
from priormix.posterior import bayes, near_bayes
from priormix.predictors import KNearestNeighbours, Lasso, LeastSquares
from priormix.predictors.base import Predictor
from priormix.studies.catalogue import curve_models, dense, half_and_half, relu, sparse
from priormix.studies.names import (
    BAYES_MIXTURE,
    BEST_LASSO,
    DENSE,
    LEAST_SQUARES,
    RELU,
    SPARSE,
    bayes_name,
)
from priormix.studies.preset import Preset

PENALTIES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)


def linear_references(preset: Preset) -> dict[str, Predictor]:
    """Least squares, the Lasso at every penalty, and exact Bayes for each class and their mixture."""
    lassos = {f"Lasso {penalty:g}": Lasso(penalties=(penalty,)) for penalty in PENALTIES}
    return {
        LEAST_SQUARES: LeastSquares(),
        **lassos,
        bayes_name(DENSE): bayes(dense(preset)),
        bayes_name(SPARSE): bayes(sparse(preset)),
        BAYES_MIXTURE: bayes(half_and_half(dense(preset), sparse(preset))),
    }


def with_best_lasso(evaluation: Evaluation) -> Evaluation:
    """The evaluation with one Lasso: the penalty with the smallest error over all prefixes of the scenario.

    That choice knows the truth, so no honest Lasso does better.
    """
    lassos = [name for name in evaluation.means if name.startswith("Lasso ")]
    best = min(lassos, key=lambda name: float(evaluation.mse_over_prefixes(name).mean))
    kept = {name: mean for name, mean in evaluation.means.items() if name not in lassos}
    return replace(evaluation, means={**kept, BEST_LASSO: evaluation.means[best]})


def relu_references(preset: Preset) -> dict[str, Predictor]:
    """Least squares, nearest neighbours, and near Bayes: a Gaussian process stands in for the networks."""
    return {
        LEAST_SQUARES: LeastSquares(),
        "3 nearest neighbours": KNearestNeighbours(neighbours=3),
        bayes_name(DENSE): bayes(dense(preset)),
        f"near-{bayes_name(RELU)}": near_bayes(relu(preset)),
        f"near-{BAYES_MIXTURE}": near_bayes(half_and_half(dense(preset), relu(preset))),
    }


def curve_references(preset: Preset, models: Iterable[str]) -> dict[str, Predictor]:
    """Exact Bayes under the prior of every one-dimensional model."""
    priors = {name: recipe.mixture for name, recipe in curve_models(preset, seed=0).items()}
    return {bayes_name(name): bayes(priors[name]) for name in models}
