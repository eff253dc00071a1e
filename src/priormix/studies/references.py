"""Predictors that are drawn beside the models."""

from priormix.posterior import bayes
from priormix.predictors import KNearestNeighbours, Lasso, LeastSquares
from priormix.predictors.base import Predictor
from priormix.studies.catalogue import dense, half_and_half, sparse
from priormix.studies.preset import Preset

PENALTIES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)


def linear_references(preset: Preset) -> dict[str, Predictor]:
    """Least squares, the Lasso, and exact Bayes for each class and their half-half mixture."""
    return {
        "least squares": LeastSquares(),
        "Lasso": Lasso(penalties=PENALTIES),
        "Bayes: dense": bayes(dense(preset)),
        "Bayes: sparse": bayes(sparse(preset)),
        "Bayes: mixture": bayes(half_and_half(dense(preset), sparse(preset))),
    }


def relu_references() -> dict[str, Predictor]:
    """Least squares and nearest neighbours."""
    return {"least squares": LeastSquares(), "3 nearest neighbours": KNearestNeighbours(neighbours=3)}
