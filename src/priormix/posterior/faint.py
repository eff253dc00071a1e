"""Frequencies at which the wave nearly vanishes at all points, so that a large amplitude may fit them.

The sum of squares has valleys there that may be narrower than any grid. What the wave leaves beside the
known feature is smooth, so its small minima are found on a grid, and the valley next to each follows.
"""

from math import pi

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from priormix.posterior.waves import Points, Rows

# share of a full wave's sum of squares below which it counts as faint
_FAINT = 0.1
_STEPS = 4
_TINIEST = 1e-290


def faint_nodes(squares: Float[Tensor, "b G"], count: Int[Tensor, "b 1"]) -> Bool[Tensor, "b G"]:
    """Where the wave's sum of squares over `count` points, beside the feature, has a small local minimum."""
    before = torch.cat([squares[:, :1], squares[:, :-1]], 1)
    after = torch.cat([squares[:, 1:], squares[:, -1:]], 1)
    return (squares <= before) & (squares < after) & (squares < _FAINT * count) & (count > 1)


def valleys(
    points: Points, rows: Rows, frequency: Float[Tensor, " n"], ridge: float, reach: float
) -> Float[Tensor, " n"]:
    """The best fitting frequencies next to faint nodes, for a squared noise of `ridge` amplitudes.

    There the wave is to first order a + bδ at the points, and what it explains, (yᵀ(a + bδ))² over
    |a + bδ|² + ridge, has one maximum. Gauss-Newton steps first bring a and b at right angles.
    """
    longest = int(rows.count.max())
    there = torch.arange(longest, device=frequency.device) < rows.count[:, None]
    x, feature, y = (
        part[:longest].T[rows.prompt].masked_fill(~there, 0) for part in (points.x, points.feature, points.y)
    )
    length = (feature * feature).sum(1, keepdim=True).clamp(min=_TINIEST)

    def beside(part: Float[Tensor, "n T"]) -> Float[Tensor, "n T"]:
        return part - (part * feature).sum(1, keepdim=True) / length * feature

    low, high = (frequency - reach).clamp(min=0.01 * reach), frequency + reach
    rate, left = 2 * pi * x * there, beside(y)
    for step in range(_STEPS + 1):
        phase = rate * frequency[:, None]
        wave, turned = beside(phase.cos() * there), beside(-rate * phase.sin())
        steepness = (turned * turned).sum(1).clamp(min=_TINIEST)
        if step < _STEPS:
            frequency = (frequency - (wave * turned).sum(1) / steepness).clamp(low, high)
    size = (wave * wave).sum(1) + ridge
    move = size * (turned * left).sum(1) / (steepness * (wave * left).sum(1))
    return (frequency + move.nan_to_num(0.0, 0.0, 0.0)).clamp(low, high)
