"""The adapter that makes a trained network a predictor."""

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.models.network import InContextNetwork
from priormix.predictors.base import Prediction, Predictor


class NetworkPredictor(Predictor):
    """A trained network under the predictors' contract; it predicts in float32, chunk by chunk.

    A chunk holds at most `chunk` prompts, which bounds the memory of the activations.
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
