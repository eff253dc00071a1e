"""Pretrained networks: ship, load, save and share them."""

from priormix.zoo.catalogue import names, names_by_run_id, shipped_recipe
from priormix.zoo.listing import describe, entries
from priormix.zoo.loading import load
from priormix.zoo.measuring import Measured, MeasuredScenario, measure, measure_on, own_prior
from priormix.zoo.pretrained import PretrainedNetwork
from priormix.zoo.pretraining_range import OutsidePretraining, PretrainingRange, pretraining_range

__all__ = [
    "Measured",
    "MeasuredScenario",
    "OutsidePretraining",
    "PretrainedNetwork",
    "PretrainingRange",
    "describe",
    "entries",
    "load",
    "measure",
    "measure_on",
    "names",
    "names_by_run_id",
    "own_prior",
    "pretraining_range",
    "shipped_recipe",
]
