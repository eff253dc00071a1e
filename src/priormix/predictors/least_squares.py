"""Linear fits by least squares: the minimum-norm one and ridge regression.

Both absorb one example after the other. They keep a square root S of (XᵀX)⁺, or of (XᵀX + penalty I)⁻¹,
and never the matrix itself: its condition number is the square of that of S, and would cost half of the
digits where there are as many examples as dimensions.
"""

from math import sqrt
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import PositiveFloat
from torch import Tensor

from priormix.predictors.base import ClassicalPredictor, Prediction


class LeastSquares(ClassicalPredictor):
    """The linear fit of smallest norm among those of smallest squared error [greville1960].

    An example whose part outside the span of those before it is shorter than ε^(2/3) of its length, for
    the precision ε of `xs`, counts as lying in the span: in single precision that is 2.4e-5, in double
    precision 3.7e-11.
    """

    kind: Literal["least_squares"] = "least_squares"

    def predict(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Prediction:
        """Predict all prefixes, in O(B T D²)."""
        tolerance = torch.finfo(xs.dtype).eps ** (2 / 3)
        return Prediction(_minimum_norm(xs.double(), ys.double(), tolerance).to(ys))


class Ridge(ClassicalPredictor):
    """The w that minimises |y − Xw|² + penalty |w|², without an intercept.

    It is the exact posterior mean of dense linear functions where the penalty is the variance of the
    label noise divided by that of a coefficient.
    """

    kind: Literal["ridge"] = "ridge"
    penalty: PositiveFloat = 1.0

    def predict(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Prediction:
        """Predict all prefixes, in O(B T D²)."""
        return Prediction(_ridge(xs.double(), ys.double(), self.penalty).to(ys))


def _ridge(xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"], penalty: float) -> Float[Tensor, "B T"]:
    batch, points, dim = xs.shape
    root = (_identity(xs) / sqrt(penalty)).expand(batch, dim, dim)
    weights = xs.new_zeros(batch, dim)
    mean = torch.zeros_like(ys)
    for t in range(points):
        x = xs[:, t]
        mean[:, t] = (x * weights).sum(1)
        gain, change = _absorb(root, x)
        root = root + _outer(gain, change)
        weights = weights + gain * (ys[:, t] - mean[:, t])[:, None]
    return mean


def _minimum_norm(
    xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"], tolerance: float
) -> Float[Tensor, "B T"]:
    batch, points, dim = xs.shape
    root = xs.new_zeros(batch, dim, dim)
    # the projection onto what is orthogonal to all examples so far
    complement = _identity(xs).expand(batch, dim, dim)
    rank = torch.zeros(batch, dtype=torch.long, device=xs.device)
    weights = xs.new_zeros(batch, dim)
    mean = torch.zeros_like(ys)
    for t in range(points):
        x = xs[:, t]
        mean[:, t] = (x * weights).sum(1)
        # projecting once leaves rounding errors in the span; twice is enough
        beyond = _apply(complement, _apply(complement, x))
        length = beyond.norm(dim=1, keepdim=True)
        is_new = length > tolerance * x.norm(dim=1, keepdim=True)
        direction = torch.where(is_new, beyond / length, 0.0)
        gain, change = _absorb(root, x)
        gain = torch.where(is_new, direction / length, gain)
        change = torch.where(is_new, _next_column(rank, xs) - _apply(root.mT, x), change)
        root = root + _outer(gain, change)
        complement = complement - _outer(direction, direction)
        rank = rank + is_new[:, 0]
        weights = weights + gain * (ys[:, t] - mean[:, t])[:, None]
    return mean


def _absorb(
    root: Float[Tensor, "B D D"], x: Float[Tensor, "B D"]
) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
    """What an example x within the span of the root S does [potter1963].

    Returns:
        The gain of the weights per unit of residual, and the vector `change` for which
        S + gain changeᵀ is the new root, both (B, D).
    """
    image = _apply(root.mT, x)
    shrinkage = 1 / (1 + image.square().sum(1, keepdim=True))
    return shrinkage * _apply(root, image), -image / (1 + shrinkage.sqrt())


def _next_column(rank: Tensor, like: Tensor) -> Float[Tensor, "B D"]:
    """The unit vector of the first unused column of the root; zero where all D are used."""
    return (torch.arange(like.shape[2], device=like.device) == rank[:, None]).to(like)


def _identity(like: Tensor) -> Float[Tensor, "D D"]:
    return torch.eye(like.shape[2], dtype=like.dtype, device=like.device)


def _apply(matrix: Float[Tensor, "B D D"], vector: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
    return (matrix @ vector[..., None])[..., 0]


def _outer(left: Float[Tensor, "B D"], right: Float[Tensor, "B D"]) -> Float[Tensor, "B D D"]:
    return left[:, :, None] * right[:, None, :]
