"""The Lasso: least squares with a penalty on the sum of the absolute weights."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, PositiveFloat
from torch import Tensor

from priormix.predictors.base import ClassicalPredictor, Prediction

_ROUNDS_PER_DIMENSION = 20
_TOLERANCE = 1e-9


class Lasso(ClassicalPredictor):
    """The w that minimises |y − Xw|² / 2n + penalty Σ|w_j|, without an intercept.

    Of several penalties the one is used, at every prefix, that has predicted the earlier points of the
    same prompt best, each from the points before it, by squared error; the first of equally good ones.
    """

    kind: Literal["lasso"] = "lasso"
    penalties: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)] = (1.0, 0.1, 0.01, 0.001, 0.0001)

    def predict(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Prediction:
        """Predict all prefixes, each by the penalty that served its prompt best so far."""
        path = self._path(xs.double(), ys.double())
        errors = (path - ys.double()).square()
        past = torch.zeros_like(errors)
        past[:, :, 1:] = errors[:, :, :-1].cumsum(2)
        best = past.argmin(0, keepdim=True)
        return Prediction(path.gather(0, best)[0].to(ys))

    def predict_path(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Float[Tensor, "L B T"]:
        """The predictions of each of the L penalties, in their order."""
        return self._path(xs.double(), ys.double()).to(ys)

    def _path(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Float[Tensor, "L B T"]:
        batch, points, dim = xs.shape
        penalties = torch.tensor(self.penalties, dtype=xs.dtype, device=xs.device)
        gram, moment = xs.new_zeros(batch, dim, dim), xs.new_zeros(batch, dim)
        weights = xs.new_zeros(len(penalties), batch, dim)
        path = xs.new_zeros(len(penalties), batch, points)
        for t in range(1, points):
            last = xs[:, t - 1]
            gram = gram + last[:, :, None] * last[:, None, :]
            moment = moment + last * ys[:, t - 1, None]
            weights = _solve(gram, moment, penalties * t, weights)
            path[:, :, t] = (weights * xs[:, t]).sum(2)
        return path


@dataclass
class _Search:
    """N searches for the w that minimises ½ wᵀ gram w − momentᵀw + penalty Σ|w_j|.

    `slope` is moment − gram w and `scale` the largest |moment|; `signs` are those that the weights may
    have, 0 where a weight is held at zero; `settled` searches stand at the minimum among the weights of
    such signs.
    """

    gram: Float[Tensor, "N D D"]
    penalty: Float[Tensor, "N 1"]
    scale: Float[Tensor, " N"]
    weights: Float[Tensor, "N D"]
    slope: Float[Tensor, "N D"]
    signs: Float[Tensor, "N D"]
    settled: Bool[Tensor, " N"]

    def __getitem__(self, rows: Bool[Tensor, " N"]) -> "_Search":
        return _Search(**{name: part[rows] for name, part in vars(self).items()})


def _solve(
    gram: Float[Tensor, "B D D"],
    moment: Float[Tensor, "B D"],
    penalties: Float[Tensor, " L"],
    start: Float[Tensor, "L B D"],
) -> Float[Tensor, "L B D"]:
    """The minimisers of ½ wᵀ gram w − momentᵀw + penalty Σ|w_j| by feature-sign search [lee2006].

    Every round lowers the objective: it lets the weight that violates the optimality conditions most
    leave zero, and then steps towards the minimum for the present signs, up to the first weight that
    reaches zero. Coordinate descent needs a million sweeps for small penalties and fewer examples
    than dimensions; this needs about as many rounds as weights change their sign. A search ends where
    the conditions hold to 1e-9 of the largest |moment|, or after 20 (D + 1) rounds with the best
    weights so far.
    """
    n_penalties, batch, dim = start.shape
    found = start.flatten(0, 1)
    gram, moment = gram.repeat(n_penalties, 1, 1), moment.repeat(n_penalties, 1)
    search = _Search(
        gram=gram,
        penalty=penalties.repeat_interleave(batch)[:, None],
        scale=moment.abs().amax(1),
        weights=found,
        slope=moment - _apply(gram, found),
        signs=found.sign(),
        settled=(found == 0).all(1),
    )
    searching = torch.arange(len(found), device=found.device)
    for _ in range(_ROUNDS_PER_DIMENSION * (dim + 1)):
        excess, entering = _worst(search)
        left = ~(search.settled & (excess <= _TOLERANCE * search.scale))
        found = found.index_copy(0, searching, search.weights)
        search, searching, entering = search[left], searching[left], entering[left]
        if len(searching) == 0:
            break
        _step(search, entering)
    return found.view(n_penalties, batch, dim)


def _worst(search: _Search) -> tuple[Float[Tensor, " N"], Int[Tensor, " N"]]:
    """By how much the slope of a weight held at zero exceeds the penalty at most, and of which weight."""
    excess = torch.where(search.signs == 0, search.slope.abs() - search.penalty, -torch.inf)
    worst = excess.max(1)
    return worst.values, worst.indices


def _step(search: _Search, entering: Int[Tensor, " N"]) -> None:
    """Let a weight enter where the search has settled, and move, up to the first change of a sign."""
    slope = search.slope
    enters = search.settled[:, None] & (
        torch.arange(slope.shape[1], device=slope.device) == entering[:, None]
    )
    signs = torch.where(enters, slope.sign(), search.signs)
    move, change = _to_minimum(search.gram, slope - search.penalty * signs, signs != 0)
    turns = (signs != 0) & ((search.weights + move) * signs <= 0)
    fraction = torch.where(turns, -search.weights / move, 2.0)
    length = fraction.amin(1, keepdim=True).clamp(max=1)
    reached = fraction <= length
    search.weights = torch.where(reached, 0.0, search.weights + length * move)
    search.slope = slope - length * change
    search.signs = torch.where(reached, 0.0, signs)
    search.settled = ~reached.any(1)


def _to_minimum(
    gram: Float[Tensor, "N D D"], slope: Float[Tensor, "N D"], free: Bool[Tensor, "N D"]
) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N D"]]:
    """The move of the free weights from where the slope is to where it is zero, and gram times the move.

    Where the free columns are dependent there may be no such place: the move is then a very long one
    downhill.
    """
    both = free[:, :, None] & free[:, None, :]
    # above the rounding error of the factorisation, so that dependent columns leave no pivot below zero
    lift = 1 + 10 * gram.shape[1] * torch.finfo(gram.dtype).eps
    system = gram.masked_fill(~both, 0.0)
    diagonal = system.diagonal(dim1=1, dim2=2)
    diagonal.copy_(torch.where(free, diagonal * lift, 1.0))
    factor = torch.linalg.cholesky_ex(system).L
    slope = slope.masked_fill(~free, 0.0)
    move = torch.cholesky_solve(slope[..., None], factor)[..., 0]
    change = _apply(gram, move)
    # a second solve takes out what the lift has put in
    rest = (slope - change).masked_fill(~free, 0.0)
    further = torch.cholesky_solve(rest[..., None], factor)[..., 0]
    return move + further, change + _apply(gram, further)


def _apply(matrix: Float[Tensor, "N D D"], vector: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
    return (matrix @ vector[..., None])[..., 0]
