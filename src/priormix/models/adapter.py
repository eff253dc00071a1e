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
                means.append(self.network(_like(reference, xs[part]), _like(reference, ys[part])))
        return Prediction(mean=torch.cat(means).clone().to(ys))

    def predict_at(
        self, xs: Float[Tensor, "B K D"], ys: Float[Tensor, "B K"], queries: Float[Tensor, "B Q D"]
    ) -> Prediction:
        """Predict at Q queries of every context; mean (B, Q) only."""
        reference = next(self.network.parameters())
        xs, labels = _like(reference, xs), _like(reference, ys)
        pieces = torch.split(_like(reference, queries), max(1, self.chunk // len(queries)), dim=1)
        with torch.inference_mode():
            means = [self.network.at_queries(xs, labels, piece) for piece in pieces]
        return Prediction(mean=torch.cat(means, 1).clone().to(ys))


def _like(reference: Tensor, tensor: Tensor) -> Tensor:
    """The tensor with the device and precision of a network's weights, which may be spread over devices."""
    return tensor.to(reference.device, reference.dtype)
