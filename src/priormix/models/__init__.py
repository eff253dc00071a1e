"""Networks: token layouts, positions, backbones, and the adapter that makes a network a predictor."""

from priormix.models.adapter import NetworkPredictor
from priormix.models.axial import Axial
from priormix.models.backbone import AnyBackbone, Backbone
from priormix.models.network import InContextNetwork, Network
from priormix.models.transformer import Transformer

__all__ = [
    "AnyBackbone",
    "Axial",
    "Backbone",
    "InContextNetwork",
    "Network",
    "NetworkPredictor",
    "Transformer",
]
