"""The contract of everything that predicts in context, and the classical estimators."""

from priormix.predictors.averaging import Averaging
from priormix.predictors.base import AnyPredictor, ClassicalPredictor, Prediction, Predictor
from priormix.predictors.descent import GradientDescentNetwork
from priormix.predictors.features import FeatureLeastSquares, line_and_cosine
from priormix.predictors.lasso import Lasso
from priormix.predictors.least_squares import LeastSquares, Ridge
from priormix.predictors.neighbours import KNearestNeighbours
from priormix.predictors.trees import BoostedTrees, GreedyTree

__all__ = [
    "AnyPredictor",
    "Averaging",
    "BoostedTrees",
    "ClassicalPredictor",
    "FeatureLeastSquares",
    "GradientDescentNetwork",
    "GreedyTree",
    "KNearestNeighbours",
    "Lasso",
    "LeastSquares",
    "Prediction",
    "Predictor",
    "Ridge",
    "line_and_cosine",
]
