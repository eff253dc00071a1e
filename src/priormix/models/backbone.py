"""What a backbone is: a causal map from a sequence of states to a sequence of states."""

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from priormix.kinds import Family, Kind, OfKind

# building even the outline of a network takes time for every layer
MOST_LAYERS = 1024
Count = Annotated[int, Field(ge=1)]


class Backbone(Kind, ABC):
    """The configuration of a module that maps (B, S, width) to (B, S, width) causally.

    One that `reads_cells` maps (B, S, D, width) to (B, S, D, width), a state for every coordinate.
    """

    family: ClassVar[Family] = Family("backbone", "priormix.backbones")
    reads_cells: ClassVar[bool] = False
    width: int

    @abstractmethod
    def build(self, max_tokens: int) -> nn.Module:
        """The module, for sequences of up to max_tokens tokens in pretraining."""


AnyBackbone = Annotated[Backbone, OfKind()]


def check_heads(heads: int, width: int) -> None:
    """Raises ValueError where the heads do not share the features evenly."""
    if width % heads:
        raise ValueError(f"heads must divide width (heads {heads}, width {width})")


class Branching(nn.Module, ABC):
    """A module that can also take many tokens for the place after a sequence, beside each other."""

    @abstractmethod
    def branches(
        self, context: Float[Tensor, "B S W"], last: Float[Tensor, "B Q W"]
    ) -> Float[Tensor, "B Q W"]:
        """The states (B, Q, W) of Q last tokens after the context, each as if the others were not there."""
