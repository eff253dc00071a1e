"""A transformer over cells, one for every example and coordinate: attention goes along either axis."""

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from priormix.models.attention import causal_sight, linear_attention
from priormix.models.backbone import MOST_LAYERS, Backbone, Count, check_heads

_TINY = 1e-6


class Axial(Backbone):
    """A network that treats all coordinates alike; it reads the layout `cells`.

    Every layer mixes along the examples, then along the coordinates, both by linear attention, then lets
    every coordinate hear from its pairs with all others, then works within each cell. Permuted coordinates
    give permuted coefficients, whatever the weights are, so sparse functions are learned from far fewer
    prompts; the cost grows with the square of their number. `width` counts the features of a cell, `heads`
    must divide it [ho2019, rao2021, hollmann2025].
    """

    reads_cells: ClassVar[bool] = True
    kind: Literal["axial"] = "axial"
    layers: Annotated[int, Field(ge=1, le=MOST_LAYERS)] = 4
    heads: Count = 4
    width: Count = 32

    @model_validator(mode="after")
    def _heads_divide(self) -> "Axial":
        check_heads(self.heads, self.width)
        return self

    def build(self, max_tokens: int) -> nn.Module:
        """The network, initialised from torch's current random state."""
        return _Stack(self)


class _Stack(nn.Module):
    def __init__(self, config: Axial) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.norm = _CellNorm(config.width)

    def forward(self, cells: Float[Tensor, "B S D W"]) -> Float[Tensor, "B S D W"]:
        # sums over the examples so far are one product where examples come first in memory
        cells = cells.transpose(0, 1).contiguous()
        for block in self.blocks:
            cells = block(cells)
        normed: Tensor = self.norm(cells.transpose(0, 1))
        return normed


class _Block(nn.Module):
    def __init__(self, config: Axial) -> None:
        super().__init__()
        self.along_examples = _AlongExamples(config)
        self.along_coordinates = _AlongCoordinates(config)
        self.of_pairs = _OfPairs(config.width)
        self.mlp_norm = _CellNorm(config.width)
        self.mlp_in = _first(config.width, 4 * config.width)
        self.mlp_out = _last(4 * config.width, config.width)

    def forward(self, cells: Float[Tensor, "S B D W"]) -> Float[Tensor, "S B D W"]:
        cells = cells + self.along_examples(cells)
        cells = cells + self.along_coordinates(cells)
        cells = cells + self.of_pairs(cells)
        change: Tensor = self.mlp_out(functional.gelu(self.mlp_in(self.mlp_norm(cells))))
        return cells + change


class _Attention(nn.Module, ABC):
    """Queries, keys and values of every cell, mixed along one axis."""

    def __init__(self, config: Axial) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm = _CellNorm(config.width)
        self.attention_in = _first(config.width, 3 * config.width)
        self.attention_out = _last(config.width, config.width)

    def forward(self, cells: Float[Tensor, "S B D W"]) -> Float[Tensor, "S B D W"]:
        joint = self.attention_in(self.norm(cells))
        joint = joint.view(*cells.shape[:3], 3, self.heads, cells.shape[3] // self.heads)
        mixed = self._mixed(*joint.permute(3, 0, 1, 4, 2, 5).unbind())
        out: Tensor = self.attention_out(mixed.transpose(2, 3).reshape(cells.shape))
        return out

    @abstractmethod
    def _mixed(
        self,
        queries: Float[Tensor, "S B H D E"],
        keys: Float[Tensor, "S B H D E"],
        values: Float[Tensor, "S B H D E"],
    ) -> Float[Tensor, "S B H D E"]: ...


class _AlongExamples(_Attention):
    """Every example sees those before it, with one score for all coordinates."""

    def _mixed(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        n_examples, _, _, dim, size = queries.shape
        queries, keys, values = (part.permute(1, 2, 0, 3, 4).flatten(3) for part in (queries, keys, values))
        mixed = linear_attention(queries, keys, values, causal_sight(n_examples, queries.device))
        return mixed.view(*mixed.shape[:3], dim, size).permute(2, 0, 1, 3, 4)


class _AlongCoordinates(_Attention):
    """Every coordinate sees all others, by scores that are summed over the examples so far.

    With queries and keys in proportion to x the scores are the second moments of the inputs, so that a layer
    can take a step of gradient descent that is exact for every prefix.
    """

    def _mixed(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        scores = _summed(queries @ keys.mT, (queries.shape[3] * queries.shape[4]) ** -0.5)
        mixed: Tensor = scores @ values
        return mixed


class _OfPairs(nn.Module):
    """Features of every pair of coordinates, of both cells and of products summed over the examples so far.

    Whether a pair alone explains the labels is no sum of what each of the two explains.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = _CellNorm(width)
        self.pairs_in = _first(width, 4 * width)
        self.pairs_out = _last(width, width)

    def forward(self, cells: Float[Tensor, "S B D W"]) -> Float[Tensor, "S B D W"]:
        # two are multiplied and two added, of either one by this coordinate and one by the other
        factor, other_factor, term, other_term = self.pairs_in(self.norm(cells)).chunk(4, dim=-1)
        products = factor.unsqueeze(3) * other_factor.unsqueeze(2)
        pairs = functional.gelu(_summed(products) + term.unsqueeze(3) + other_term.unsqueeze(2))
        out: Tensor = self.pairs_out(pairs.mean(3))
        return out


def _summed(products: Float[Tensor, "S B *any"], scale: float = 1.0) -> Float[Tensor, "S B *any"]:
    """Sums over all examples up to each, times the scale over the root of their number."""
    sight = causal_sight(len(products), products.device)
    shares = scale * sight / sight.sum(1, keepdim=True).sqrt()
    # a product with a triangle, since running sums along a slow axis take longer
    return (shares.to(products.dtype) @ products.flatten(1)).view(products.shape)


class _CellNorm(nn.Module):
    """Divides by the root mean square over coordinates and features, which keeps the coordinates' ratios."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))

    def forward(self, cells: Float[Tensor, "*any D W"]) -> Float[Tensor, "*any D W"]:
        size = cells.square().mean((-2, -1), keepdim=True)
        return cells * torch.rsqrt(size + _TINY) * self.gain


def _first(n_in: int, n_out: int) -> nn.Linear:
    linear = nn.Linear(n_in, n_out)
    nn.init.normal_(linear.weight, std=n_in**-0.5)
    nn.init.zeros_(linear.bias)
    return linear


def _last(n_in: int, n_out: int) -> nn.Linear:
    """The end of a residual branch: every block starts as the identity."""
    linear = nn.Linear(n_in, n_out)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
