"""Two-layer ReLU networks with random weights."""

from math import sqrt
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from priormix.functions.base import Dim, FunctionClass, Functions, single_component


class ReluFunctions(Functions):
    """f(x) = Σ_j output_j relu(hidden_jᵀx), with hidden (B, H, D) and output (B, H)."""

    def __init__(self, hidden: Float[Tensor, "B H D"], output: Float[Tensor, "B H"]) -> None:
        self.hidden = hidden
        self.output = output
        self.component = single_component(output.shape[0], output.device)

    def __call__(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        activations = torch.einsum("btd,bhd->bth", xs, self.hidden).relu()
        return torch.einsum("bth,bh->bt", activations, self.output)


class ReluNetwork(FunctionClass):
    """f(x) = βᵀ relu(Wx) / √(dim·width), W_ij ~ N(0, variance 2), β ~ N(0, I) [yadlowsky2023].

    Unit variance for standard normal x.
    """

    kind: Literal["relu_network"] = "relu_network"
    dim: Dim = 20
    width: Annotated[int, Field(ge=1, description="number of hidden units h")] = 100

    def draw(self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> ReluFunctions:
        """Draw n networks with hidden weights (n, width, dim) and output weights (n, width)."""
        device = generator.device
        hidden = torch.randn(n, self.width, self.dim, generator=generator, dtype=dtype, device=device)
        output = torch.randn(n, self.width, generator=generator, dtype=dtype, device=device)
        return ReluFunctions(hidden * sqrt(2), output / sqrt(self.dim * self.width))
