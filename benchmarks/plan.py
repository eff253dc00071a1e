"""Whether `priormix train --plan` predicts the time that runs take: `priormix bench plan`.

Plans some recipes, runs each for a few hundred steps, and prints predicted and taken seconds.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from machine import describe, print_machine

from priormix import DenseLinear, Mixture, Recipe, Sinusoid, SparseLinear
from priormix.models import Network, Transformer
from priormix.training import plan
from priormix.training.stepper import Stepper

HALF = Mixture(components=(DenseLinear(dim=8), SparseLinear(dim=8)))
RECIPES = {
    "8 dimensions, default network": Recipe(mixture=HALF, n_points=24, steps=200),
    "8 dimensions, batch 256": Recipe(mixture=HALF, n_points=24, steps=50, batch=256),
    "one dimension, 96 wide": Recipe(
        mixture=Mixture(components=(DenseLinear(dim=1), Sinusoid())),
        n_points=40,
        network=Network(backbone=Transformer(layers=4, heads=4, width=96, positions="none")),
        steps=100,
    ),
    "the study's largest network": Recipe(
        mixture=DenseLinear(dim=20), network=Network(backbone=Transformer(positions="none")), steps=8
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    arguments = parser.parse_args()
    device = torch.device("cpu")
    machine = describe(device)
    print_machine(machine)
    rows = []
    for name, recipe in RECIPES.items():
        predicted = plan(recipe, device).seconds
        taken = _taken(recipe, device)
        print(
            f"{name:32} predicted {predicted:6.1f} s, took {taken:6.1f} s: {predicted / taken:.2f}",
            flush=True,
        )
        rows.append({"recipe": name, "predicted": predicted, "taken": taken})
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "runs": rows}, indent=2))


def _taken(recipe: Recipe, device: torch.device) -> float:
    stepper = Stepper(recipe, device)
    started = time.perf_counter()
    for step in range(recipe.steps):
        stepper.step(step)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
