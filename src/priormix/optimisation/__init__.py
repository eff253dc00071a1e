"""Optimisers, learning-rate schedules and curricula as configurations."""

from priormix.optimisation.curriculum import Curriculum, Ramp
from priormix.optimisation.divergence import Divergence
from priormix.optimisation.optimisers import Adam, AnyOptimiser, Muon, Optimiser
from priormix.optimisation.schedules import (
    AnySchedule,
    Constant,
    InverseSquareRoot,
    Schedule,
    WarmupDecay,
)

__all__ = [
    "Adam",
    "AnyOptimiser",
    "AnySchedule",
    "Constant",
    "Curriculum",
    "Divergence",
    "InverseSquareRoot",
    "Muon",
    "Optimiser",
    "Ramp",
    "Schedule",
    "WarmupDecay",
]
