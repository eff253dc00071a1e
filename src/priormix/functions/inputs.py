"""Distributions of the inputs x."""

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from torch import Tensor

from priormix.kinds import Family, Kind, OfKind


class InputDistribution(Kind, ABC):
    """A distribution over inputs, independent from point to point."""

    family: ClassVar[Family] = Family("input distribution", "priormix.input_distributions")

    def check_dim(self, dim: int) -> None:
        """Raise ValueError where this distribution cannot have `dim` coordinates."""

    @abstractmethod
    def draw(
        self, shape: tuple[int, int, int], generator: torch.Generator, dtype: torch.dtype
    ) -> Float[Tensor, "B T D"]:
        """Inputs of shape (B, T, D) on the generator's device."""


AnyInputs = Annotated[InputDistribution, OfKind()]


class GaussianInputs(InputDistribution):
    """x ~ N(mean, diag(spectrum)), the spectrum along the coordinate axes; standard normal by default.

    `mean` and `spectrum` are one number for all coordinates or one number a coordinate; `spectrum`
    holds variances, in squared units of x.
    """

    kind: Literal["gaussian"] = "gaussian"
    mean: float | tuple[float, ...] = 0.0
    spectrum: PositiveFloat | tuple[Annotated[float, Field(ge=0)], ...] = 1.0

    def check_dim(self, dim: int) -> None:
        """Raise ValueError where mean or spectrum have another length than `dim`."""
        for field, value in (("mean", self.mean), ("spectrum", self.spectrum)):
            if isinstance(value, tuple) and len(value) != dim:
                raise ValueError(f"inputs.{field} has {len(value)} entries, but x has {dim} coordinates")

    def draw(
        self, shape: tuple[int, int, int], generator: torch.Generator, dtype: torch.dtype
    ) -> Float[Tensor, "B T D"]:
        """Raises ValueError where mean or spectrum have another length than the inputs have coordinates."""
        self.check_dim(shape[2])
        device = generator.device
        mean = torch.tensor(self.mean, dtype=dtype, device=device)
        scale = torch.tensor(self.spectrum, dtype=dtype, device=device).sqrt()
        return torch.randn(shape, generator=generator, dtype=dtype, device=device) * scale + mean


class UniformInputs(InputDistribution):
    """x uniform on the box [low, high] in every coordinate."""

    kind: Literal["uniform"] = "uniform"
    low: float = -1.0
    high: float = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> "UniformInputs":
        if self.low >= self.high:
            raise ValueError(f"low must be below high (low {self.low}, high {self.high})")
        return self

    def draw(
        self, shape: tuple[int, int, int], generator: torch.Generator, dtype: torch.dtype
    ) -> Float[Tensor, "B T D"]:
        """Inputs of shape (B, T, D) on the generator's device."""
        unit = torch.rand(shape, generator=generator, dtype=dtype, device=generator.device)
        return self.low + (self.high - self.low) * unit


class WrappedInputs(InputDistribution, ABC):
    """Inputs from `base`, changed.

    What a wrapper draws for itself it draws after the base, as many numbers whatever its settings are.
    Distributions that differ only in the settings of their wrappers then share everything else.
    """

    base: AnyInputs = GaussianInputs()

    def check_dim(self, dim: int) -> None:
        """Raise ValueError where the base cannot have `dim` coordinates."""
        self.base.check_dim(dim)

    def draw(
        self, shape: tuple[int, int, int], generator: torch.Generator, dtype: torch.dtype
    ) -> Float[Tensor, "B T D"]:
        """Inputs of shape (B, T, D) on the generator's device."""
        return self.changed(self.base.draw(shape, generator, dtype), generator)

    @abstractmethod
    def changed(self, xs: Float[Tensor, "B T D"], generator: torch.Generator) -> Float[Tensor, "B T D"]:
        """The base's inputs as this distribution has them; may write into `xs`."""


class LeadingInputs(WrappedInputs):
    """Inputs from `base` of which only the first `active` coordinates are kept, others 0 [garg2022]."""

    kind: Literal["leading"] = "leading"
    active: PositiveInt

    def changed(self, xs: Float[Tensor, "B T D"], generator: torch.Generator) -> Float[Tensor, "B T D"]:
        """The inputs with zeros from coordinate `active` on."""
        xs[..., self.active :] = 0
        return xs
