"""Weighted sums of functions from several classes."""

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from priormix.functions.base import AnyFunctionClass, FunctionClass, Functions, single_component
from priormix.functions.derived import DerivedDim, derive, shared_dim


class SummedFunctions(Functions):
    """f(x) = Σ_i a_i f_i(x): the y-values are added, not the coefficients."""

    def __init__(self, parts: list[Functions], weights: tuple[float, ...]) -> None:
        self.parts = parts
        self.weights = weights
        first = parts[0].component
        self.component = first if len(parts) == 1 else single_component(first.shape[0], first.device)

    def __call__(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        terms = [weight * part(xs) for weight, part in zip(self.weights, self.parts, strict=True)]
        return torch.stack(terms).sum(0)


class Combination(FunctionClass):
    """f = Σ_i weights_i f_i with an independent f_i from every part.

    A convex combination has weights that are not negative and sum to 1; any other weights are allowed
    too. One part alone is that part scaled, and keeps its components; a sum is one component.
    """

    kind: Literal["combination"] = "combination"
    dim: DerivedDim = 0
    parts: Annotated[tuple[AnyFunctionClass, ...], Field(min_length=1)]
    weights: tuple[float, ...]

    @model_validator(mode="after")
    def _complete(self) -> "Combination":
        if len(self.weights) != len(self.parts):
            raise ValueError(f"{len(self.parts)} parts need as many weights, got {len(self.weights)}")
        derive(self, dim=shared_dim(self.dim, self.parts))
        return self

    @property
    def n_components(self) -> int:
        """Number C of components: those of the part where there is one part, else 1."""
        return self.parts[0].n_components if len(self.parts) == 1 else 1

    def draw(self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> SummedFunctions:
        """Draw n sums, each of one function from every part."""
        return SummedFunctions([part.draw(n, generator, dtype) for part in self.parts], self.weights)
