"""Pretraining: the loop, its reporters, run directories and weights on disk."""

from priormix.training.launch import run_ranks
from priormix.training.loop import train
from priormix.training.plan import Plan, plan, training_flops
from priormix.training.ranks import ALONE, Ranks
from priormix.training.reporters import Metrics, ProgressBar, Reporter, TensorBoard, WeightsAndBiases
from priormix.training.run_directory import RunDirectory
from priormix.training.saving import Pace
from priormix.training.stepper import training_batch
from priormix.training.weights import read_weights, write_weights

__all__ = [
    "ALONE",
    "Metrics",
    "Pace",
    "Plan",
    "ProgressBar",
    "Ranks",
    "Reporter",
    "RunDirectory",
    "TensorBoard",
    "WeightsAndBiases",
    "plan",
    "read_weights",
    "run_ranks",
    "train",
    "training_batch",
    "training_flops",
    "write_weights",
]
