"""Covariance functions of Gaussian processes."""

from abc import ABC, abstractmethod
from math import pi, sqrt
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field, PositiveFloat, field_validator
from torch import Tensor

from priormix.kinds import Family, Kind, OfKind

LengthScale = Annotated[float, Field(gt=0, description="how far apart values still agree, in units of x")]


class Kernel(Kind, ABC):
    """A covariance function k(x, x′) = variance · unit(x, x′), in squared units of y.

    `variance` is k(x, x) for a kernel that depends on x − x′ only, and k(x, x) where |x|² = dim for the
    others. A kernel of your own writes `unit`, and `unit_diagonal` where that is not 1.
    """

    family: ClassVar[Family] = Family("kernel", "priormix.kernels")
    variance: PositiveFloat = 1.0

    def __call__(self, xs: Float[Tensor, "B T D"], others: Float[Tensor, "B S D"]) -> Float[Tensor, "B T S"]:
        """The matrix of k(xs[b, t], others[b, s])."""
        return self.variance * self.unit(xs, others)

    def diagonal(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        """The variances k(x, x)."""
        return self.variance * self.unit_diagonal(xs)

    @abstractmethod
    def unit(self, xs: Float[Tensor, "B T D"], others: Float[Tensor, "B S D"]) -> Float[Tensor, "B T S"]:
        """The kernel of variance 1."""

    def unit_diagonal(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        """unit(x, x); 1 unless a subclass says otherwise."""
        return torch.ones_like(xs[..., 0])


AnyKernel = Annotated[Kernel, OfKind()]


class SquaredExponential(Kernel):
    """k = variance · exp(−|x − x′|² / 2 length_scale²), also called RBF [rasmussen2006]."""

    kind: Literal["squared_exponential"] = "squared_exponential"
    length_scale: LengthScale = 1.0

    def unit(self, xs: Float[Tensor, "B T D"], others: Float[Tensor, "B S D"]) -> Float[Tensor, "B T S"]:
        """The kernel of variance 1."""
        return torch.exp(-(_distance(xs, others) / self.length_scale).square() / 2)


class Matern(Kernel):
    """The Matérn kernel of smoothness ν, with s = √(2ν) |x − x′| / length_scale [rasmussen2006].

    k = variance · e^−s for ν = 0.5, · (1 + s) e^−s for 1.5, · (1 + s + s²/3) e^−s for 2.5.
    """

    kind: Literal["matern"] = "matern"
    length_scale: LengthScale = 1.0
    smoothness: Annotated[float, Field(json_schema_extra={"enum": [0.5, 1.5, 2.5]})] = 1.5

    @field_validator("smoothness")
    @classmethod
    def _has_closed_form(cls, value: float) -> float:
        if value not in (0.5, 1.5, 2.5):
            raise ValueError(f"smoothness must be 0.5, 1.5 or 2.5, got {value:g}")
        return value

    def unit(self, xs: Float[Tensor, "B T D"], others: Float[Tensor, "B S D"]) -> Float[Tensor, "B T S"]:
        """The kernel of variance 1."""
        s = sqrt(2 * self.smoothness) * _distance(xs, others) / self.length_scale
        # the powers of s that a smoothness has beyond 1
        linear, square = float(self.smoothness > 1), float(self.smoothness > 2)
        return (1 + linear * s + square * s.square() / 3) * torch.exp(-s)


class RationalQuadratic(Kernel):
    """k = variance · (1 + |x − x′|² / (2 alpha length_scale²))^−alpha [rasmussen2006].

    A mixture of squared exponentials over length scales: the smaller alpha is, the wider.
    """

    kind: Literal["rational_quadratic"] = "rational_quadratic"
    length_scale: LengthScale = 1.0
    alpha: PositiveFloat = 1.0

    def unit(self, xs: Float[Tensor, "B T D"], others: Float[Tensor, "B S D"]) -> Float[Tensor, "B T S"]:
        """The kernel of variance 1."""
        square = (_distance(xs, others) / self.length_scale).square()
        return torch.exp(-self.alpha * torch.log1p(square / (2 * self.alpha)))


class Periodic(Kernel):
    """k = variance · exp(−Σ_i sin²(π (x_i − x′_i) / period) · period² / (2 π² length_scale²)).

    The squared exponential of points on circles of circumference `period`, one circle a coordinate
    [rasmussen2006]; for small distances the squared exponential of the same length scale.
    """

    kind: Literal["periodic"] = "periodic"
    length_scale: LengthScale = 1.0
    period: Annotated[float, Field(gt=0, description="in units of x, the same for all coordinates")] = 1.0

    def unit(self, xs: Float[Tensor, "B T D"], others: Float[Tensor, "B S D"]) -> Float[Tensor, "B T S"]:
        """The kernel of variance 1."""
        chord = _distance(self._on_circles(xs), self._on_circles(others))
        return torch.exp(-(chord / self.length_scale).square() / 2)

    def _on_circles(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T 2*D"]:
        angle = 2 * pi * xs / self.period
        return torch.cat([angle.cos(), angle.sin()], dim=2) * (self.period / (2 * pi))


class Linear(Kernel):
    """k = variance · xᵀx′ / dim, the covariance of dense linear functions [rasmussen2006]."""

    kind: Literal["linear"] = "linear"

    def unit(self, xs: Float[Tensor, "B T D"], others: Float[Tensor, "B S D"]) -> Float[Tensor, "B T S"]:
        """The kernel of variance 1."""
        return xs @ others.mT / xs.shape[2]

    def unit_diagonal(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        """|x|² / dim."""
        return xs.square().mean(2)


class ArcCosine(Kernel):
    """k = variance · |x| |x′| / (π dim) · (sin θ + (π − θ) cos θ), θ the angle between x and x′ [cho2009].

    The arc-cosine kernel of order 1: the covariance of two-layer ReLU networks of any width.
    """

    kind: Literal["arc_cosine"] = "arc_cosine"

    def unit(self, xs: Float[Tensor, "B T D"], others: Float[Tensor, "B S D"]) -> Float[Tensor, "B T S"]:
        """The kernel of variance 1."""
        (length, direction), (other_length, other_direction) = _polar(xs), _polar(others)
        # π − θ; the arc cosine of a scalar product would lose half of the digits of small angles
        rest = 2 * torch.atan2(_distance(direction, -other_direction), _distance(direction, other_direction))
        shape = (rest.sin() - rest * rest.cos()) / pi
        return shape * (length * other_length.mT / xs.shape[2])

    def unit_diagonal(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        """|x|² / dim."""
        return xs.square().mean(2)


class Sum(Kernel):
    """k = variance · Σ_i parts_i(x, x′): the covariance of a sum of independent processes."""

    kind: Literal["sum"] = "sum"
    parts: Annotated[tuple[AnyKernel, ...], Field(min_length=1)]

    def unit(self, xs: Float[Tensor, "B T D"], others: Float[Tensor, "B S D"]) -> Float[Tensor, "B T S"]:
        """The sum of the parts."""
        return torch.stack([part(xs, others) for part in self.parts]).sum(0)

    def unit_diagonal(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        """The sum of the parts' variances."""
        return torch.stack([part.diagonal(xs) for part in self.parts]).sum(0)


def _distance(xs: Float[Tensor, "B T E"], others: Float[Tensor, "B S E"]) -> Float[Tensor, "B T S"]:
    # by differences: |x|² − 2xᵀx′ + |x′|² would lose the digits of close points
    return torch.cdist(xs, others, compute_mode="donot_use_mm_for_euclid_dist")


def _polar(xs: Float[Tensor, "B T D"]) -> tuple[Float[Tensor, "B T 1"], Float[Tensor, "B T D"]]:
    """Length and direction; the origin has the direction 0."""
    length = torch.linalg.vector_norm(xs, dim=2, keepdim=True)
    return length, xs / length.clamp(min=torch.finfo(xs.dtype).tiny)
