"""Mixtures of function classes: one component a prompt."""

from itertools import accumulate
from math import isclose
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor

from priormix.functions.base import AnyFunctionClass, FunctionClass, Functions
from priormix.functions.derived import DerivedDim, derive, shared_dim


class MixtureFunctions(Functions):
    """One function of each of the C classes for every prompt, of which `choice` (B,) picks one."""

    def __init__(self, parts: list[Functions], choice: Int[Tensor, " B"], offsets: list[int]) -> None:
        self.parts = parts
        self.choice = choice
        inner = torch.stack([part.component + offset for part, offset in zip(parts, offsets, strict=True)])
        self.component = inner.gather(0, choice[None])[0]

    def __call__(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        # every class is evaluated on every prompt: a few wasted products instead of a host
        # synchronisation and shapes that change from batch to batch
        values = torch.stack([part(xs) for part in self.parts])
        index = self.choice[None, :, None].expand(1, -1, values.shape[2])
        return values.gather(0, index)[0]


class Mixture(FunctionClass):
    """Draw a class with probability `weights`, afresh for every prompt, then a function from it.

    Mixtures nest; `Prompts.component` numbers the innermost classes from left to right. Weights
    default to equal ones and may be as rare as wanted.
    """

    kind: Literal["mixture"] = "mixture"
    dim: DerivedDim = 0
    components: Annotated[tuple[AnyFunctionClass, ...], Field(min_length=1)]
    weights: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> "Mixture":
        weights = self.weights or (1 / len(self.components),) * len(self.components)
        if len(weights) != len(self.components):
            raise ValueError(f"{len(self.components)} components need as many weights, got {len(weights)}")
        if min(weights) < 0:
            raise ValueError(f"weights must not be negative, got {list(weights)}")
        if not isclose(sum(weights), 1.0, abs_tol=1e-6):
            raise ValueError(f"weights must sum to 1, got {list(weights)} with sum {sum(weights):g}")
        derive(self, dim=shared_dim(self.dim, self.components), weights=weights)
        return self

    @property
    def n_components(self) -> int:
        """Number C of innermost classes."""
        return sum(component.n_components for component in self.components)

    def draw(
        self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32
    ) -> MixtureFunctions:
        """Draw n functions, each from a class of its own choice."""
        weights = torch.tensor(self.weights, dtype=torch.float64, device=generator.device)
        choice = torch.multinomial(weights, n, replacement=True, generator=generator)
        parts = [component.draw(n, generator, dtype) for component in self.components]
        counts = [component.n_components for component in self.components]
        return MixtureFunctions(parts, choice, list(accumulate(counts[:-1], initial=0)))
