"""Runs that are cut off at a chosen step, and what has to be the same as in runs that are not."""

import csv

from priormix.functions import DenseLinear
from priormix.models import Network, Transformer
from priormix.optimisation import Adam
from priormix.recipe import Recipe
from priormix.training import Pace, Reporter, train

CLOCK = {"seconds", "prompts_per_second"}
RECIPE = Recipe(
    mixture=DenseLinear(dim=2),
    n_points=5,
    network=Network(backbone=Transformer(layers=1, heads=1, width=16, positions="none")),
    steps=230,  # a report every two steps
    batch=8,
    precision="float32",
)
ADAM = RECIPE.model_copy(update={"optimiser": Adam(learning_rate=0.1), "precision": "bfloat16"})


class PlugPulledError(Exception):
    """Ends a run without its consent."""


class PullThePlug(Reporter):
    """Cuts a run off at the first report from the given step on; leaves no time to save anything."""

    def __init__(self, step):
        self.step = step

    def __exit__(self, *_):
        pass

    def update(self, metrics):
        if metrics.step >= self.step:
            raise PlugPulledError


def train_until(step, recipe, folder, pace):
    """Train up to a step and no further."""
    try:
        train(recipe, folder, device="cpu", reporters=[PullThePlug(step)], pace=pace)
    except PlugPulledError:
        return
    raise AssertionError("the run ended before it was cut off")


def go_on(recipe, folder, pace=Pace()):  # noqa: B008 (frozen)
    """Train to the end."""
    return train(recipe, folder, device="cpu", pace=pace)


def metrics_of(folder):
    """The metrics of a run without the columns that a clock has filled."""
    with (folder / "metrics.csv").open(newline="") as file:
        return [
            {name: text for name, text in row.items() if name not in CLOCK} for row in csv.DictReader(file)
        ]


def assert_the_same(one, two):
    """Weight files equal byte for byte, metrics equal but for the clock's columns."""
    assert (one / "weights.safetensors").read_bytes() == (two / "weights.safetensors").read_bytes()
    assert metrics_of(one) == metrics_of(two)


def checkpoints_of(folder):
    return sorted((folder / "checkpoints").glob("*.safetensors"))
