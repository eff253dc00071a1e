"""Least squares on chosen features: shows that a function could have been learnt from its prompt."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.predictors.base import Prediction, Predictor
from priormix.predictors.least_squares import LeastSquares

Features = Callable[[Float[Tensor, "B T D"]], Float[Tensor, "B T F"]]


class FeatureLeastSquares(Predictor):
    """Minimum-norm least squares on features φ(x) in place of x, computed in float64."""

    def __init__(self, features: Features) -> None:
        self.features = features

    def predict(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Prediction:
        """Predict all prefixes of all prompts from their features; mean (B, T) only."""
        fitted = LeastSquares().predict(self.features(xs.double()), ys.double())
        return Prediction(mean=fitted.mean.to(ys))


def line_and_cosine(frequency: float) -> Features:
    """The features x and cos(2π · frequency · x) of one-dimensional inputs."""

    def features(xs: Float[Tensor, "B T 1"]) -> Float[Tensor, "B T 2"]:
        return torch.cat([xs, torch.cos(2 * torch.pi * frequency * xs)], dim=2)

    return features
