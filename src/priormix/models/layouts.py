"""Token layouts: how the points of a prompt become the tokens of a sequence."""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

LayoutName = Literal["interleaved", "paired", "examples", "cells"]


class Layout(ABC):
    """A map from T points to tokens, and back from hidden states to the T places that predict.

    `holds_query` is whether the token that predicts f(x_t) holds x_t, `holds_cells` whether every token is
    a row of cells, one for each coordinate, which only some backbones read.
    """

    holds_query = True
    holds_cells = False

    @abstractmethod
    def n_features(self, dim: int) -> int:
        """Number of features F of a token, for inputs with `dim` coordinates."""

    @abstractmethod
    def n_tokens(self, n_points: int) -> int:
        """Length S of the sequence that holds n_points points."""

    @abstractmethod
    def tokens(
        self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]
    ) -> Float[Tensor, "B S F"] | Float[Tensor, "B S D F"]:
        """Tokens of which the one that predicts f(x_t) and those before it hold x_≤t and y_<t only."""

    @abstractmethod
    def predicting(self, hidden: Float[Tensor, "B S *states"]) -> Float[Tensor, "B T *states"]:
        """The hidden states at the places that predict f(x_1), ..., f(x_T)."""


class Interleaved(Layout):
    """x and y alternate, y zero-padded to the width of x: 2T − 1 tokens [garg2022].

    The last y would follow every prediction, so it is left out.
    """

    def n_features(self, dim: int) -> int:
        return dim

    def n_tokens(self, n_points: int) -> int:
        return 2 * n_points - 1

    def tokens(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Float[Tensor, "B S F"]:
        padded = functional.pad(ys[..., None], (0, xs.shape[2] - 1))
        return torch.stack([xs, padded], dim=2).flatten(1, 2)[:, :-1]

    def predicting(self, hidden: Float[Tensor, "B S W"]) -> Float[Tensor, "B T W"]:
        return hidden[:, ::2]


class Paired(Layout):
    """One token a point: x_t beside x_{t−1} and y_{t−1}; the same information in T tokens.

    A last feature marks the first token, which has no point before it.
    """

    def n_features(self, dim: int) -> int:
        return 2 * dim + 2

    def n_tokens(self, n_points: int) -> int:
        return n_points

    def tokens(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Float[Tensor, "B S F"]:
        return torch.cat([xs, _before(xs, ys)], dim=2)

    def predicting(self, hidden: Float[Tensor, "B S W"]) -> Float[Tensor, "B T W"]:
        return hidden


class Examples(Layout):
    """One token a point: x_{t−1} and y_{t−1}, without x_t; a last feature marks the first token.

    The state at t then describes the whole function, and can be asked for its value at any input.
    """

    holds_query = False

    def n_features(self, dim: int) -> int:
        return dim + 2

    def n_tokens(self, n_points: int) -> int:
        return n_points

    def tokens(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Float[Tensor, "B S F"]:
        return _before(xs, ys)

    def predicting(self, hidden: Float[Tensor, "B S W"]) -> Float[Tensor, "B T W"]:
        return hidden


class Cells(Layout):
    """A cell for every coordinate i of every point: x_{t−1,i} beside y_{t−1}, and a mark of the first point.

    Without names for the coordinates, a network can only treat all of them alike.
    """

    holds_query = False
    holds_cells = True

    def n_features(self, dim: int) -> int:
        return 3

    def n_tokens(self, n_points: int) -> int:
        return n_points

    def tokens(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Float[Tensor, "B S D F"]:
        before = _before(xs, ys)
        coordinates, shared = before[..., :-2, None], before[..., None, -2:]
        return torch.cat([coordinates, shared.expand(*coordinates.shape[:3], 2)], dim=3)

    def predicting(self, hidden: Float[Tensor, "B S D W"]) -> Float[Tensor, "B T D W"]:
        return hidden


def _before(xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Float[Tensor, "B T F"]:
    """The example before each point, and a feature that is 1 where there is none."""
    points = torch.cat([xs, ys[..., None], torch.zeros_like(ys)[..., None]], dim=2)
    before = functional.pad(points[:, :-1], (0, 0, 1, 0))
    before[:, 0, -1] = 1
    return before


LAYOUTS: dict[LayoutName, Layout] = {
    "interleaved": Interleaved(),
    "paired": Paired(),
    "examples": Examples(),
    "cells": Cells(),
}
