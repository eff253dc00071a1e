"""Predictors that are drawn beside the models."""

from dataclasses import replace

from priormix.measure import Evaluation
from priormix.posterior import bayes
from priormix.predictors import KNearestNeighbours, Lasso, LeastSquares
from priormix.predictors.base import Predictor
from priormix.studies.catalogue import dense, half_and_half, sparse
from priormix.studies.names import BAYES_MIXTURE, BEST_LASSO, LEAST_SQUARES
from priormix.studies.preset import Preset

PENALTIES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)


def linear_references(preset: Preset) -> dict[str, Predictor]:
    """Least squares, the Lasso at every penalty, and exact Bayes for each class and their mixture."""
    lassos = {f"Lasso {penalty:g}": Lasso(penalties=(penalty,)) for penalty in PENALTIES}
    return {
        LEAST_SQUARES: LeastSquares(),
        **lassos,
        "Bayes: dense": bayes(dense(preset)),
        "Bayes: sparse": bayes(sparse(preset)),
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


def relu_references() -> dict[str, Predictor]:
    """Least squares and nearest neighbours."""
    return {LEAST_SQUARES: LeastSquares(), "3 nearest neighbours": KNearestNeighbours(neighbours=3)}
