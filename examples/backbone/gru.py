"""A gated recurrent unit: a backbone that an installed package adds to priormix."""

from typing import Literal

from torch import nn

from priormix.models import Backbone


class OutputsOnly(nn.GRU):
    def forward(self, states):
        return super().forward(states)[0]


class Gru(Backbone):
    """Reads the tokens one after the other, and so is causal."""

    kind: Literal["gru"] = "gru"
    width: int = 64
    layers: int = 1

    def build(self, max_tokens):
        return OutputsOnly(self.width, self.width, self.layers, batch_first=True)
