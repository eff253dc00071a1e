"""Optimisers as configurations."""

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat
from torch import nn, optim

from priormix.kinds import Family, Kind, OfKind
from priormix.optimisation.muon import BatchedMuon

Betas = tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]]


class Optimiser(Kind, ABC):
    """How gradients become steps; learning rates are multiplied by the schedule's factor.

    `elementwise` says that every number moves by its own gradients alone, so that a network may be spread
    over devices.
    """

    family: ClassVar[Family] = Family("optimiser", "priormix.optimisers")
    elementwise: ClassVar[bool] = False

    @abstractmethod
    def build(self, network: nn.Module) -> list[optim.Optimizer]:
        """The torch optimisers that together own every parameter once."""


AnyOptimiser = Annotated[Optimiser, OfKind()]


class Adam(Optimiser):
    """Adam, without weight decay; by default with the study's constants [yadlowsky2023]."""

    elementwise: ClassVar[bool] = True
    kind: Literal["adam"] = "adam"
    learning_rate: PositiveFloat = 1.0
    betas: Betas = (0.9, 0.999)
    epsilon: PositiveFloat = 1e-9

    def build(self, network: nn.Module) -> list[optim.Optimizer]:
        """One Adam for all parameters."""
        return [
            optim.Adam(
                network.parameters(), lr=self.learning_rate, betas=self.betas, eps=self.epsilon, fused=True
            )
        ]


class Muon(Optimiser):
    """Muon for the weight matrices of the backbone, AdamW for everything else [jordan2024]."""

    kind: Literal["muon"] = "muon"
    learning_rate: PositiveFloat = 4e-3
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.95
    adam_learning_rate: PositiveFloat = 2e-3
    adam_betas: Betas = (0.9, 0.95)
    weight_decay: Annotated[float, Field(ge=0)] = 0.0

    def build(self, network: nn.Module) -> list[optim.Optimizer]:
        """Muon for the matrices of linear layers below `backbone`, AdamW for the rest."""
        matrices = _backbone_matrices(network)
        owned = {id(matrix) for matrix in matrices}
        others = [parameter for parameter in network.parameters() if id(parameter) not in owned]
        adam = optim.AdamW(
            others,
            lr=self.adam_learning_rate,
            betas=self.adam_betas,
            weight_decay=self.weight_decay,
            fused=True,
        )
        # a backbone of somebody else's may have no linear layers
        if not matrices:
            return [adam]
        muon = BatchedMuon(
            matrices, lr=self.learning_rate, momentum=self.momentum, weight_decay=self.weight_decay
        )
        return [muon, adam]


def _backbone_matrices(network: nn.Module) -> list[nn.Parameter]:
    return [
        parameter
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and "backbone" in name.split(".")
        for parameter in module.parameters()
        if parameter.ndim == 2
    ]
