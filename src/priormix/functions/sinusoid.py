"""Sinusoids in one dimension."""

from math import pi
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field, PositiveFloat
from torch import Tensor

from priormix.functions.base import FunctionClass, Functions, single_component


class SinusoidFunctions(Functions):
    """f(x) = amplitude · cos(2π · frequency · x), both of shape (B,)."""

    def __init__(self, frequency: Float[Tensor, " B"], amplitude: Float[Tensor, " B"]) -> None:
        self.frequency = frequency
        self.amplitude = amplitude
        self.component = single_component(frequency.shape[0], frequency.device)

    def __call__(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        phase = 2 * pi * self.frequency[:, None] * xs[..., 0]
        return self.amplitude[:, None] * torch.cos(phase)


class Sinusoid(FunctionClass):
    """f(x) = β cos(2πωx) with ω ~ Gamma(shape, scale) and β ~ N(0, 1), no phase [yadlowsky2023].

    The variance for standard normal x is 1/2, not 1 as for the other classes: the definition is kept
    as published. Frequencies count cycles per unit of x. `frequency` and `amplitude` fix ω and β
    where they are given, for scenarios such as cos(2πx).
    """

    kind: Literal["sinusoid"] = "sinusoid"
    dim: Annotated[int, Field(ge=1, le=1, description="sinusoids have one input dimension")] = 1
    shape: PositiveFloat = 6.0
    scale: PositiveFloat = 1 / 6
    frequency: Annotated[float, Field(ge=0)] | None = None
    amplitude: float | None = None

    def draw(
        self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32
    ) -> SinusoidFunctions:
        """Draw n functions with frequency (n,) and amplitude (n,)."""
        device = generator.device
        shape = torch.full((n,), self.shape, dtype=dtype, device=device)
        # torch.distributions takes no generator, so the operator below its Gamma is called
        frequency = torch._standard_gamma(shape, generator=generator) * self.scale
        amplitude = torch.randn(n, generator=generator, dtype=dtype, device=device)
        if self.frequency is not None:
            frequency = torch.full_like(frequency, self.frequency)
        if self.amplitude is not None:
            amplitude = torch.full_like(amplitude, self.amplitude)
        return SinusoidFunctions(frequency, amplitude)
