"""The decoder-only transformer."""

from typing import Annotated, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from priormix.errors import PriormixError
from priormix.models.attention import (
    branching_attention,
    branching_sight,
    causal_attention,
    causal_sight,
    linear_attention,
)
from priormix.models.backbone import MOST_LAYERS, Backbone, Branching, Count, check_heads
from priormix.models.positions import PositionsName, rotate, sine_table

ActivationName = Literal["gelu", "relu"]
AttentionName = Literal["softmax", "linear"]


class Transformer(Backbone):
    """A pre-norm decoder-only transformer; by default at the study's largest size [yadlowsky2023].

    `width` counts features, `heads` must divide it. Sine, rotary and no positions take prompts of any
    length, learned positions only up to the length in pretraining. `linear` attention has no softmax, and
    learns linear functions sooner, others later.
    """

    kind: Literal["transformer"] = "transformer"
    layers: Annotated[int, Field(ge=1, le=MOST_LAYERS)] = 12
    heads: Count = 8
    width: Count = 256
    positions: PositionsName = "sine"
    activation: ActivationName = "gelu"
    attention: AttentionName = "softmax"

    @model_validator(mode="after")
    def _heads_divide(self) -> "Transformer":
        check_heads(self.heads, self.width)
        if self.positions == "rotary" and (self.width // self.heads) % 2:
            raise ValueError("rotary positions need an even number of features a head")
        return self

    def build(self, max_tokens: int) -> nn.Module:
        """The network, initialised from torch's current random state."""
        return _Stack(self, max_tokens)


class _Tree(NamedTuple):
    """Tokens that branch at their end: the place of each, and which ones it sees."""

    places: Int[Tensor, " S"]
    visible: Bool[Tensor, "S S"]


class _Stack(Branching):
    def __init__(self, config: Transformer, max_tokens: int) -> None:
        super().__init__()
        self.positions = config.positions
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        if config.positions == "learned":
            self.table = nn.Parameter(0.02 * torch.randn(max_tokens, config.width))

    def forward(self, states: Float[Tensor, "B S W"]) -> Float[Tensor, "B S W"]:
        return self._through(states, states.shape[1], None)

    def branches(
        self, context: Float[Tensor, "B S W"], last: Float[Tensor, "B Q W"]
    ) -> Float[Tensor, "B Q W"]:
        """The states (B, Q, W) of Q last tokens after the context, each as if the others were not there."""
        n_context, n_last = context.shape[1], last.shape[1]
        places = torch.arange(n_context + n_last, device=last.device).clamp(max=n_context)
        tree = _Tree(places, branching_sight(n_context, n_last, last.device))
        return self._through(torch.cat([context, last], 1), n_context + 1, tree)[:, n_context:]

    def _through(
        self, states: Float[Tensor, "B S W"], n_places: int, tree: _Tree | None
    ) -> Float[Tensor, "B S W"]:
        table = self._positions(n_places, states)
        if table is not None:
            states = states + (table if tree is None else table[tree.places])
        # with tokens first in memory attention needs no copies
        states = states.transpose(0, 1).contiguous()
        for block in self.blocks:
            states = block(states, tree)
        normed: Tensor = self.norm(states.transpose(0, 1))
        return normed

    def _positions(self, n_places: int, like: Float[Tensor, "B S W"]) -> Float[Tensor, "P W"] | None:
        if self.positions == "sine":
            return sine_table(n_places, like.shape[2], like.device)
        return self._learned(n_places) if self.positions == "learned" else None

    def _learned(self, n_tokens: int) -> Float[Tensor, "S W"]:
        if n_tokens > self.table.shape[0]:
            raise PriormixError(
                f"this network has learned positions for {self.table.shape[0]} tokens, the prompt needs "
                f"{n_tokens}; use shorter prompts, or a network with sine, rotary or no positions"
            )
        return self.table[:n_tokens]


class _Block(nn.Module):
    def __init__(self, config: Transformer) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.rotary = config.positions == "rotary"
        self.linear = config.attention == "linear"
        self.activation = functional.relu if config.activation == "relu" else functional.gelu
        self.attention_norm = nn.LayerNorm(width)
        self.attention_in = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.mlp_out = nn.Linear(4 * width, width)
        for linear in (self.attention_in, self.attention_out, self.mlp_in, self.mlp_out):
            nn.init.normal_(linear.weight, std=linear.in_features**-0.5)
            nn.init.zeros_(linear.bias)
        for last in (self.attention_out, self.mlp_out):
            # every block starts as the identity, which learns faster here than any scaled start
            nn.init.zeros_(last.weight)

    def forward(self, states: Float[Tensor, "S B W"], tree: _Tree | None) -> Float[Tensor, "S B W"]:
        states = states + self._attend(self.attention_norm(states), tree)
        change: Tensor = self.mlp_out(self.activation(self.mlp_in(self.mlp_norm(states))))
        return states + change

    def _attend(self, states: Float[Tensor, "S B W"], tree: _Tree | None) -> Float[Tensor, "S B W"]:
        n_tokens, batch, width = states.shape
        # queries, keys and values stand side by side, head by head
        joint = self.attention_in(states).view(n_tokens, batch, self.heads, 3, width // self.heads)
        queries, keys, values = joint.permute(3, 1, 2, 0, 4).unbind()
        if self.rotary:
            queries, keys = rotate(queries, keys, None if tree is None else tree.places)
        if self.linear:
            visible = causal_sight(n_tokens, states.device) if tree is None else tree.visible
            mixed = linear_attention(queries, keys, values, visible)
        elif tree is None:
            mixed = causal_attention(queries, keys, values)
        else:
            mixed = branching_attention(queries, keys, values, tree.visible)
        out: Tensor = self.attention_out(mixed.permute(2, 0, 1, 3).reshape(n_tokens, batch, width))
        return out
