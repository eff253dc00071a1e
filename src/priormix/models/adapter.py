"""The adapter that makes a trained network a predictor."""

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.models.network import InContextNetwork
from priormix.predictors.base import Prediction, Predictor


class NetworkPredictor(Predictor):
    """A trained network under the predictors' contract; it predicts in float32, chunk by chunk.

    A chunk holds at most `chunk` prompts, or queries, which bounds the memory of the activations.
    """

    def __init__(self, network: InContextNetwork, chunk: int = 512) -> None:
        self.network = network.eval()
        self.chunk = chunk

    @property
    def dim(self) -> int:
        """Number D of coordinates of the inputs that the network reads."""
        return self.network.dim

    def predict(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Prediction:
        """Predict all prefixes of all prompts; mean (B, T) only."""
        reference = next(self.network.parameters())
        means = []
        with torch.inference_mode():
            for rows in range(0, len(xs), self.chunk):
                part = slice(rows, rows + self.chunk)
                means.append(self.network(xs[part].to(reference), ys[part].to(reference)))
        return Prediction(mean=torch.cat(means).clone().to(ys))

    def predict_at(
        self, xs: Float[Tensor, "B K D"], ys: Float[Tensor, "B K"], queries: Float[Tensor, "B Q D"]
    ) -> Prediction:
        """Predict at Q queries of every context; mean (B, Q) only."""
        reference = next(self.network.parameters())
        xs, labels = xs.to(reference), ys.to(reference)
        pieces = torch.split(queries.to(reference), max(1, self.chunk // len(queries)), dim=1)
        with torch.inference_mode():
            means = [self.network.at_queries(xs, labels, piece) for piece in pieces]
        return Prediction(mean=torch.cat(means, 1).clone().to(ys))
