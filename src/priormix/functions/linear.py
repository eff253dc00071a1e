"""Linear functions: dense, sparse, and one that is given."""

from math import sqrt
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from priormix.functions.base import Dim, FunctionClass, Functions, single_component


class LinearFunctions(Functions):
    """f(x) = wᵀx, with coefficients w of shape (B, D)."""

    def __init__(self, coefficients: Float[Tensor, "B D"]) -> None:
        self.coefficients = coefficients
        self.component = single_component(coefficients.shape[0], coefficients.device)

    def __call__(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        return torch.einsum("btd,bd->bt", xs, self.coefficients)


class DenseLinear(FunctionClass):
    """f(x) = βᵀx / √dim with β ~ N(0, I): unit variance for standard normal x [yadlowsky2023]."""

    kind: Literal["dense_linear"] = "dense_linear"
    dim: Dim = 20

    def draw(self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> LinearFunctions:
        """Draw n functions with coefficients (n, dim)."""
        beta = torch.randn(n, self.dim, generator=generator, dtype=dtype, device=generator.device)
        return LinearFunctions(beta / sqrt(self.dim))


class SparseLinear(FunctionClass):
    """f(x) = βᵀx / √nonzeros, with `nonzeros` coordinates chosen uniformly, each N(0, 1), others 0.

    Unit variance for standard normal x [yadlowsky2023].
    """

    kind: Literal["sparse_linear"] = "sparse_linear"
    dim: Dim = 20
    nonzeros: Annotated[int, Field(ge=1, description="number of coordinates that matter")] = 2

    @model_validator(mode="after")
    def _support_fits(self) -> "SparseLinear":
        if self.nonzeros > self.dim:
            raise ValueError(f"nonzeros must be at most dim (nonzeros {self.nonzeros}, dim {self.dim})")
        return self

    def draw(self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> LinearFunctions:
        """Draw n functions with coefficients (n, dim), of which `nonzeros` differ from 0."""
        device = generator.device
        # the positions of the largest of i.i.d. uniforms are a uniform subset without replacement
        keys = torch.rand(n, self.dim, generator=generator, dtype=torch.float64, device=device)
        support = keys.topk(self.nonzeros, dim=1).indices
        beta = torch.randn(n, self.nonzeros, generator=generator, dtype=dtype, device=device)
        coefficients = torch.zeros(n, self.dim, dtype=dtype, device=device)
        return LinearFunctions(coefficients.scatter(1, support, beta / sqrt(self.nonzeros)))


class GivenLinear(FunctionClass):
    """The one linear function f(x) = wᵀx with the given coefficients, for scenarios such as y = x."""

    kind: Literal["given_linear"] = "given_linear"
    dim: Dim = 1
    coefficients: tuple[float, ...] = (1.0,)

    @model_validator(mode="after")
    def _one_a_dimension(self) -> "GivenLinear":
        if len(self.coefficients) != self.dim:
            raise ValueError(f"needs dim = {self.dim} coefficients, got {len(self.coefficients)}")
        return self

    def draw(self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> LinearFunctions:
        """The same function n times; nothing is random."""
        row = torch.tensor(self.coefficients, dtype=dtype, device=generator.device)
        return LinearFunctions(row.expand(n, self.dim))
