"""A neural network trained from scratch on the examples of every prompt."""

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from priormix.predictors.base import ClassicalPredictor, Prediction
from priormix.streams import generator

_CHUNK_ENTRIES = 2**19


@dataclass(frozen=True)
class _Examples:
    """The examples of N problems, padded with zeros to T.

    `share` is the weight of each in the mean squared error, and exactly 0 for the padding, which
    therefore adds exact zeros to every gradient.
    """

    inputs: Float[Tensor, "N T D"]
    labels: Float[Tensor, "N T"]
    share: Float[Tensor, "N T"]

    @classmethod
    def of(
        cls, inputs: Float[Tensor, "N T D"], labels: Float[Tensor, "N T"], number: Int[Tensor, " N"]
    ) -> "_Examples":
        """The first `number` points of each problem."""
        known = torch.arange(labels.shape[1], device=labels.device) < number[:, None]
        # where() and not a product, which would let through what is not finite
        return cls(
            torch.where(known[..., None], inputs, 0.0),
            torch.where(known, labels, 0.0),
            known / number[:, None].to(labels),
        )


class GradientDescentNetwork(ClassicalPredictor):
    """A two-layer ReLU network with biases, trained on the examples by full-batch Adam [garg2022].

    The loss is the mean squared error. Every prefix of every prompt is a problem of its own, and all of
    them start from the same weights, drawn uniformly within ±1/√fan_in from the seed.
    """

    kind: Literal["gradient_descent_network"] = "gradient_descent_network"
    width: PositiveInt = 100
    steps: PositiveInt = 100
    learning_rate: PositiveFloat = 5e-3
    seed: int = 0

    def predict(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Prediction:
        """Predict all prefixes: O(B T² D) times width times steps.

        As many networks are trained at once as keep every intermediate tensor, of which there are about
        ten, below 2¹⁹ numbers (4 MiB).
        """
        inputs, labels = _with_one(xs.double()), ys.double()
        batch, points, dim = inputs.shape
        initial = self._initial(dim, inputs.device)
        mean = torch.zeros_like(labels)
        chunk = max(1, _CHUNK_ENTRIES // (self.width * max(dim, points)))
        # by prefix first, so that the problems of a chunk need little padding
        for first in range(batch, batch * points, chunk):
            problems = torch.arange(first, min(first + chunk, batch * points), device=inputs.device)
            prefix, prompt = problems // batch, problems % batch
            longest = (first + len(problems) - 1) // batch
            examples = _Examples.of(inputs[prompt, :longest], labels[prompt, :longest], prefix)
            hidden, output = self._train(examples, *initial)
            query = inputs[prompt, prefix][:, None]
            mean[prompt, prefix] = _forward(query, hidden, output)[1][:, 0]
        return Prediction(mean.to(ys))

    def _initial(self, dim: int, device: torch.device) -> tuple[Float[Tensor, "H D"], Float[Tensor, " H+1"]]:
        # drawn on the CPU, so that every device starts from the same weights
        stream = generator(self.seed, "gradient_descent_network")
        shapes = ((self.width, dim), (self.width + 1,))
        hidden, output = (2 * torch.rand(s, generator=stream, dtype=torch.float64) - 1 for s in shapes)
        return (hidden / sqrt(max(dim - 1, 1))).to(device), (output / sqrt(self.width)).to(device)

    def _train(
        self,
        examples: _Examples,
        hidden: Float[Tensor, "H D"],
        output: Float[Tensor, " H+1"],
    ) -> tuple[Float[Tensor, "N H D"], Float[Tensor, "N H+1"]]:
        """The weights of N networks after training, from the same initial ones."""
        parameters = [part.repeat(len(examples.labels), *[1] * part.dim()) for part in (hidden, output)]
        adam = torch.optim.Adam(parameters, lr=self.learning_rate, fused=True)
        for _ in range(self.steps):
            for parameter, gradient in zip(parameters, _gradients(examples, *parameters), strict=True):
                parameter.grad = gradient
            adam.step()
        return parameters[0], parameters[1]


def _with_one(xs: Float[Tensor, "*N D"]) -> Float[Tensor, "*N D+1"]:
    """Append the constant 1, whose weight is the bias."""
    return torch.cat([xs, torch.ones_like(xs[..., :1])], dim=-1)


def _forward(
    inputs: Float[Tensor, "N T D"], hidden: Float[Tensor, "N H D"], output: Float[Tensor, "N H+1"]
) -> tuple[Float[Tensor, "N T H"], Float[Tensor, "N T"]]:
    activations = (inputs @ hidden.mT).relu_()
    return activations, (activations @ output[:, :-1, None])[..., 0] + output[:, -1:]


def _gradients(
    examples: _Examples, hidden: Float[Tensor, "N H D"], output: Float[Tensor, "N H+1"]
) -> tuple[Float[Tensor, "N H D"], Float[Tensor, "N H+1"]]:
    """The gradients of the mean squared error, by hand because autograd is off in inference mode."""
    activations, predictions = _forward(examples.inputs, hidden, output)
    errors = 2 * examples.share * (predictions - examples.labels)
    through = errors[..., None] * output[:, None, :-1] * (activations > 0)
    to_output = torch.cat([(errors[:, None] @ activations)[:, 0], errors.sum(1, keepdim=True)], dim=1)
    return through.mT @ examples.inputs, to_output
