"""Nearest neighbours."""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import PositiveInt
from torch import Tensor

from priormix.predictors.base import ClassicalPredictor, Prediction


class KNearestNeighbours(ClassicalPredictor):
    """The mean label of the nearest earlier points in Euclidean distance [garg2022].

    All earlier points count while there are fewer than `neighbours`; of equally distant points the
    earlier one is nearer.
    """

    kind: Literal["k_nearest_neighbours"] = "k_nearest_neighbours"
    neighbours: PositiveInt = 3

    def predict(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Prediction:
        """Predict all prefixes, in O(B T² D)."""
        points, labels = xs.double(), ys.double()
        mean = torch.zeros_like(labels)
        for t in range(1, points.shape[1]):
            distances = (points[:, :t] - points[:, t, None]).square().sum(2)
            nearest = distances.argsort(dim=1, stable=True)[:, : self.neighbours]
            mean[:, t] = labels.gather(1, nearest).mean(1)
        return Prediction(mean.to(ys))
