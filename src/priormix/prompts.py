"""Prompts: sequences of in-context examples, the one shape that every other room speaks."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Prompts:
    """B prompts of T points in D dimensions, each prompt with a function of its own.

    Attributes:
        xs: inputs, (B, T, D).
        ys: observed labels, (B, T); they carry the label noise where there is any.
        values: noise-free function values f(x), (B, T).
        component: index of the mixture component that each prompt's function came from, (B,).
    """

    xs: Float[Tensor, "B T D"]
    ys: Float[Tensor, "B T"]
    values: Float[Tensor, "B T"]
    component: Int[Tensor, " B"]

    def __post_init__(self) -> None:
        batch, points = self.xs.shape[:2]
        for name, expected in (("ys", (batch, points)), ("values", (batch, points)), ("component", (batch,))):
            received = tuple(getattr(self, name).shape)
            if received != expected:
                raise ValueError(f"{name} has shape {received}, expected {expected} from xs")

    def __len__(self) -> int:
        return self.xs.shape[0]

    def __getitem__(self, rows: slice) -> "Prompts":
        return Prompts(self.xs[rows], self.ys[rows], self.values[rows], self.component[rows])

    @property
    def n_points(self) -> int:
        return self.xs.shape[1]

    @property
    def dim(self) -> int:
        return self.xs.shape[2]

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> "Prompts":
        """The same prompts on another device or in another floating-point precision."""
        xs, ys, values = (part.to(device=device, dtype=dtype) for part in (self.xs, self.ys, self.values))
        return Prompts(xs, ys, values, self.component.to(device=device))
