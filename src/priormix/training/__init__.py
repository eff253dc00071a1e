"""Pretraining: the loop, its reporters, run directories and weights on disk."""

from priormix.training.loop import train
from priormix.training.reporters import Metrics, ProgressBar, Reporter, TensorBoard, WeightsAndBiases
from priormix.training.run_directory import RunDirectory
from priormix.training.saving import Pace
from priormix.training.stepper import training_batch
from priormix.training.weights import read_weights, write_weights

__all__ = [
    "Metrics",
    "Pace",
    "ProgressBar",
    "Reporter",
    "RunDirectory",
    "TensorBoard",
    "WeightsAndBiases",
    "read_weights",
    "train",
    "training_batch",
    "write_weights",
]
