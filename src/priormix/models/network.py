"""A network that reads prompts: token layout, linear map in, backbone, head."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import PositiveFloat, model_validator
from torch import Tensor, nn

from priormix.errors import PriormixError
from priormix.kinds import Frozen
from priormix.models.backbone import AnyBackbone, Branching
from priormix.models.layouts import LAYOUTS, LayoutName
from priormix.models.transformer import Transformer
from priormix.predictors.base import one_prompt_a_query

HeadName = Literal["linear", "affine", "basis"]
# functions of x that a basis has; and the spread of its first weights, which tells inputs apart that are a
# tenth of a unit away
_BASIS_SIZE = 32
_BASIS_STD = 3.0


class Network(Frozen):
    """Which network: a token layout, a backbone and a head; by default one that a laptop trains in minutes.

    With a `linear` head the prediction is a linear map of the last state, as in the study. With an `affine`
    one that map gives an intercept and a coefficient for every coordinate of x_t, and the prediction is
    intercept + coefficients · x_t. The network can then reason about coefficients, which sparse functions
    need, and has no products to learn. With a `basis` they are the coefficients of 32 learned functions of
    x_t instead, for functions that are not affine. The layout `examples` needs one of these two, since only
    the head knows x_t then; it can answer for many inputs at once. So can `cells`, which needs the affine
    head, where every cell gives the coefficient of its coordinate, and a backbone that reads cells.

    `input_std` is the standard deviation of the first map's weights at the start; PyTorch's own start
    where it is None. Large values tell nearby inputs apart from the first step on, which functions that
    vary quickly need.
    """

    layout: LayoutName = "paired"
    input_std: PositiveFloat | None = None
    backbone: AnyBackbone = Transformer(layers=4, heads=4, width=64, positions="none")
    head: HeadName = "affine"

    @model_validator(mode="after")
    def _head_knows_the_query(self) -> "Network":
        if self.head == "linear" and not LAYOUTS[self.layout].holds_query:
            raise ValueError(
                f"a linear head needs tokens that hold x_t (layout {self.layout}, allowed with it: "
                f"{', '.join(name for name, layout in LAYOUTS.items() if layout.holds_query)})"
            )
        return self

    @model_validator(mode="after")
    def _cells_meet_what_reads_them(self) -> "Network":
        if self.backbone.reads_cells != LAYOUTS[self.layout].holds_cells:
            fitting = [n for n, layout in LAYOUTS.items() if layout.holds_cells == self.backbone.reads_cells]
            raise ValueError(
                f"backbone {self.backbone.kind} cannot read layout {self.layout} "
                f"(allowed with it: {', '.join(fitting)})"
            )
        if self.backbone.reads_cells and self.head != "affine":
            raise ValueError(f"layout cells needs the affine head (head {self.head})")
        return self

    def build(self, dim: int, n_points: int, seed: int = 0) -> "InContextNetwork":
        """The network for inputs of `dim` coordinates, pretrained on prompts of n_points points.

        The weights depend on the seed alone; torch's random state is left as it was.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return InContextNetwork(self, dim, n_points)


class InContextNetwork(nn.Module):
    """Predicts f(x_t) at every point from the points before it."""

    def __init__(self, config: Network, dim: int, n_points: int) -> None:
        super().__init__()
        self.dim = dim
        self.layout = LAYOUTS[config.layout]
        n_features, width = self.layout.n_features(dim), config.backbone.width
        self.read_in = nn.Linear(n_features, width)
        if config.input_std is not None:
            nn.init.normal_(self.read_in.weight, std=config.input_std)
        self.backbone = config.backbone.build(self.layout.n_tokens(n_points))
        self.basis = _basis(dim, width) if config.head == "basis" else None
        # a cell gives the coefficient of its own coordinate
        n_own = 1 if self.layout.holds_cells else dim
        n_coefficients = {"linear": 0, "affine": n_own, "basis": _BASIS_SIZE}[config.head]
        self.read_out = nn.Linear(width, 1 + n_coefficients)
        # a network that starts at the prior mean, zero, does not have to unlearn anything
        nn.init.zeros_(self.read_out.weight)
        nn.init.zeros_(self.read_out.bias)

    def forward(
        self,
        xs: Float[Tensor, "B T D"],
        ys: Float[Tensor, "B T"],
        queries: Float[Tensor, "B Q D"] | None = None,
    ) -> Float[Tensor, "B T"] | Float[Tensor, "B T Q"]:
        """Predictions of f(x_t), (B, T); with queries, of f at every query from every prefix, (B, T, Q).

        Queries need a layout whose tokens do not hold x_t. Raises PriormixError for inputs of another
        dimension.
        """
        self._check(xs)
        states = self.layout.predicting(self.backbone(self.read_in(self.layout.tokens(xs, ys))))
        if queries is None:
            return self._predictions(states, xs)
        numbers, features = self._numbers(states), self._features(queries)
        with _without_autocast(queries.device.type):
            coefficients, features = numbers[..., 1:].to(queries), features.to(queries)
            predictions: Tensor = numbers[..., :1] + coefficients @ features.mT
        return predictions

    def at_queries(
        self, xs: Float[Tensor, "B K D"], ys: Float[Tensor, "B K"], queries: Float[Tensor, "B Q D"]
    ) -> Float[Tensor, "B Q"]:
        """Predictions of f at Q queries of every context, (B, Q), each as if it alone came next.

        A backbone that can branch reads the context once for all of them; others read it for every query.
        Raises PriormixError for inputs of another dimension.
        """
        self._check(queries)
        if not self.layout.holds_query:
            # any input may stand where the next one would
            prompts = one_prompt_a_query(xs, ys, torch.zeros_like(queries[:, :1]))
            return self.forward(*prompts, queries)[:, -1]
        tokens = self.read_in(self.layout.tokens(*one_prompt_a_query(xs, ys, queries)))
        if isinstance(self.backbone, Branching):
            # a token that predicts comes last in both layouts
            last = tokens[:, -1].reshape(*queries.shape[:2], -1)
            states = self.backbone.branches(tokens[:: queries.shape[1], :-1], last)
        else:
            states = self.backbone(tokens)[:, -1].reshape(*queries.shape[:2], -1)
        return self._predictions(states, queries)

    def _predictions(
        self, states: Float[Tensor, "B T *W"], xs: Float[Tensor, "B T D"]
    ) -> Float[Tensor, "B T"]:
        numbers = self._numbers(states)
        if numbers.shape[-1] == 1:
            return numbers[..., 0]
        return numbers[..., 0] + (numbers[..., 1:] * self._features(xs)).sum(-1)

    def _numbers(self, states: Float[Tensor, "B T *W"]) -> Float[Tensor, "B T N"]:
        """The intercept, then the coefficients where there are any."""
        numbers: Tensor = self.read_out(states)
        if not self.layout.holds_cells:
            return numbers
        return torch.cat([numbers[..., 0].mean(-1, keepdim=True), numbers[..., 1]], dim=-1)

    def _features(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T F"]:
        return xs if self.basis is None else self.basis(xs)

    def _check(self, xs: Float[Tensor, "B T D"]) -> None:
        if xs.shape[2] != self.dim:
            raise PriormixError(f"the network reads inputs with {self.dim} coordinates, got {xs.shape[2]}")

    @property
    def n_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


def _without_autocast(device: str) -> AbstractContextManager[object]:
    """Products of predictions keep their precision where others are in bfloat16."""
    # outlines of networks, on the device meta, know no autocast
    if not torch.amp.is_autocast_available(device):
        return nullcontext()
    return torch.autocast(device, enabled=False)


def _basis(dim: int, width: int) -> nn.Module:
    """Learned functions of x: (..., D) to (..., 32)."""
    first = nn.Linear(dim, width)
    for part in (first.weight, first.bias):
        nn.init.normal_(part, std=_BASIS_STD)
    return nn.Sequential(first, nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, _BASIS_SIZE))
