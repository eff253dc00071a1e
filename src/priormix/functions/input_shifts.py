"""Input distributions that change another one: scaled, shifted, skewed, in a subspace, in one orthant."""

from math import ceil, sqrt
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field, PositiveFloat
from torch import Tensor

from priormix.functions.inputs import WrappedInputs


class ScaledInputs(WrappedInputs):
    """Inputs from `base`, all multiplied by `factor`."""

    kind: Literal["scaled"] = "scaled"
    factor: PositiveFloat

    def changed(self, xs: Float[Tensor, "B T D"], generator: torch.Generator) -> Float[Tensor, "B T D"]:
        """The scaled inputs; nothing is random."""
        return self.factor * xs


class ShiftedInputs(WrappedInputs):
    """Inputs from `base` plus `mean`: one number for all coordinates, or one number a coordinate."""

    kind: Literal["shifted"] = "shifted"
    mean: float | tuple[float, ...]

    def check_dim(self, dim: int) -> None:
        """Raise ValueError where the base cannot have `dim` coordinates, or mean has another length."""
        super().check_dim(dim)
        if isinstance(self.mean, tuple) and len(self.mean) != dim:
            raise ValueError(f"inputs.mean has {len(self.mean)} entries, but x has {dim} coordinates")

    def changed(self, xs: Float[Tensor, "B T D"], generator: torch.Generator) -> Float[Tensor, "B T D"]:
        """The shifted inputs; raises ValueError where mean has another length than x has coordinates."""
        self.check_dim(xs.shape[2])
        return xs + torch.tensor(self.mean, dtype=xs.dtype, device=xs.device)


class SkewedInputs(WrappedInputs):
    """Inputs whose covariance has eigenvalues ∝ 1/i^power, i = 1, ..., D, with trace D.

    That holds for a standard normal base: E|x|² stays. Each prompt has a random orthogonal basis U of its
    own, and x becomes U S Uᵀ x with S² the eigenvalues. Power 2 is the skewed covariance of [garg2022],
    power 0 leaves x as it is.
    """

    kind: Literal["skewed"] = "skewed"
    power: Annotated[float, Field(ge=0)] = 2.0

    def changed(self, xs: Float[Tensor, "B T D"], generator: torch.Generator) -> Float[Tensor, "B T D"]:
        """U S Uᵀ x, with a basis U from the generator for every prompt."""
        basis = _random_bases(xs, generator)
        if self.power == 0:
            return xs
        ranks = torch.arange(1, xs.shape[2] + 1, dtype=xs.dtype, device=xs.device)
        eigenvalues = ranks**-self.power
        stretch = (eigenvalues / eigenvalues.mean()).sqrt()
        return (xs @ basis * stretch) @ basis.mT


class SubspaceInputs(WrappedInputs):
    """Inputs projected on a random subspace of m ≈ share · D dimensions, times √(D/m).

    Each prompt has a subspace of its own. E|x|² stays what it is for a base without preferred directions,
    as in the half subspace of [garg2022], share 1/2. m is the nearest whole number, the smaller one of
    two, and at least 1; share 1 leaves x as it is.
    """

    kind: Literal["subspace"] = "subspace"
    share: Annotated[float, Field(gt=0, le=1)] = 0.5

    def changed(self, xs: Float[Tensor, "B T D"], generator: torch.Generator) -> Float[Tensor, "B T D"]:
        """√(D/m) V Vᵀ x, with m orthonormal columns V from the generator for every prompt."""
        dim = xs.shape[2]
        kept = max(1, ceil(self.share * dim - 0.5))
        basis = _random_bases(xs, generator)[..., :kept]
        return xs if kept == dim else sqrt(dim / kept) * (xs @ basis) @ basis.mT


class OrthantInputs(WrappedInputs):
    """Inputs of which all points of a prompt have the signs of one random orthant [garg2022].

    A coordinate belongs to the pattern with probability `share`, independently and for the whole prompt;
    the other coordinates keep their signs. `opposite` turns the pattern round: beside the same
    distribution without it, and from the same generator state, it gives points of the opposite orthant.
    """

    kind: Literal["orthant"] = "orthant"
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
    opposite: bool = False

    def changed(self, xs: Float[Tensor, "B T D"], generator: torch.Generator) -> Float[Tensor, "B T D"]:
        """The inputs with the signs of the prompt's pattern, which comes from the generator."""
        shape = (2, len(xs), 1, xs.shape[2])
        uniform = torch.rand(shape, generator=generator, dtype=xs.dtype, device=xs.device)
        positive = (uniform[0] < 0.5) != self.opposite
        signed = torch.where(positive, xs.abs(), -xs.abs())
        return torch.where(uniform[1] < self.share, signed, xs)


def _random_bases(xs: Float[Tensor, "B T D"], generator: torch.Generator) -> Float[Tensor, "B D D"]:
    """A random orthogonal matrix for every prompt, uniform up to the signs of its columns."""
    batch, _, dim = xs.shape
    normal = torch.randn((batch, dim, dim), generator=generator, dtype=xs.dtype, device=xs.device)
    basis: Tensor = torch.linalg.qr(normal).Q
    return basis
