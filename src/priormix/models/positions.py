"""How a transformer knows the order of its tokens."""

from math import log
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

PositionsName = Literal["sine", "learned", "rotary", "none"]


def sine_table(n_tokens: int, width: int, device: torch.device) -> Float[Tensor, "S W"]:
    """Fixed positions of any length, sines in the first half of the features [vaswani2017]."""
    angles = _angles(n_tokens, (width + 1) // 2, device)
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width]


def rotate(
    queries: Float[Tensor, "B H S E"],
    keys: Float[Tensor, "B H S E"],
    places: Int[Tensor, " S"] | None = None,
) -> tuple[Float[Tensor, "B H S E"], Float[Tensor, "B H S E"]]:
    """Rotate queries and keys by angles that grow with their place [su2021]: 0, 1, ... or the given ones."""
    n_tokens, half = queries.shape[2], queries.shape[3] // 2
    angles = _angles(n_tokens, half, queries.device)
    angles = angles if places is None else angles[places]
    cosines, sines = angles.cos().to(queries.dtype), angles.sin().to(queries.dtype)
    return _rotated(queries, cosines, sines), _rotated(keys, cosines, sines)


def _angles(n_tokens: int, n_frequencies: int, device: torch.device) -> Float[Tensor, "S F"]:
    steps = torch.arange(n_frequencies, device=device) / n_frequencies
    frequencies = torch.exp(-log(10_000.0) * steps)
    return torch.arange(n_tokens, device=device)[:, None] * frequencies


def _rotated(
    states: Float[Tensor, "B H S E"], cosines: Float[Tensor, "S F"], sines: Float[Tensor, "S F"]
) -> Float[Tensor, "B H S E"]:
    first, second = states.chunk(2, dim=-1)
    return torch.cat([first * cosines - second * sines, first * sines + second * cosines], dim=-1)
