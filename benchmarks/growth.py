"""How cost grows: measured exponents beside the theoretical ones, `priormix bench growth`.

Each row varies one quantity and fits the slope of log seconds against log quantity. Theory is that of the
term that wins for large values; below that, fixed costs make the slope smaller.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import describe, print_machine

from priormix import DenseLinear, FunctionClass, Recipe, Sinusoid, SparseLinear, bayes
from priormix.models import Network, Transformer
from priormix.training.stepper import Stepper

REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    arguments = parser.parse_args()
    machine = describe(torch.device("cpu"))
    print_machine(machine)
    print(f"{'what':34} {'grows with':22} {'from':>6} {'to':>6} {'measured':>9} {'theory':>7}")
    rows = [_row(*case) for case in _CASES]
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2))


def _row(
    what: str, grows_with: str, theory: float, values: list[int], work: Callable[[int], Callable[[], Any]]
) -> dict[str, Any]:
    seconds = [_seconds(work(value)) for value in values]
    quantities = [comb(20, value) for value in values] if grows_with == "number of supports" else values
    slope = float(np.polyfit(np.log(quantities), np.log(seconds), 1)[0])
    low, high = quantities[0], quantities[-1]
    print(f"{what:34} {grows_with:22} {low:6} {high:6} {slope:9.2f} {theory:7.1f}", flush=True)
    return {
        "what": what,
        "grows_with": grows_with,
        "values": quantities,
        "seconds": seconds,
        "measured": slope,
        "theory": theory,
    }


def _seconds(work: Callable[[], Any]) -> float:
    work()
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def _step(dim: int = 8, n_points: int = 24, batch: int = 64, width: int = 64) -> Callable[[], Any]:
    recipe = Recipe(
        mixture=DenseLinear(dim=dim),
        n_points=n_points,
        batch=batch,
        network=Network(backbone=Transformer(layers=4, heads=4, width=width, positions="none")),
    )
    stepper = Stepper(recipe, torch.device("cpu"))
    return lambda: stepper.step(0)


def _exact(functions: FunctionClass, n_points: int, n_prompts: int) -> Callable[[], Any]:
    prompts = functions.sample(n_prompts, n_points, dtype=torch.float64)
    predictor = bayes(functions)
    return lambda: predictor.predict(prompts.xs, prompts.ys)


_CASES: list[tuple[str, str, float, list[int], Callable[[int], Callable[[], Any]]]] = [
    ("training step", "batch", 1, [64, 256, 1024], lambda n: _step(batch=n)),
    ("training step", "points T", 1, [24, 48, 96], lambda n: _step(n_points=n)),
    ("training step", "width", 2, [64, 128, 256, 512], lambda n: _step(width=n)),
    ("training step", "dimensions d", 0, [8, 32, 128], lambda n: _step(dim=n)),
    ("exact Bayes, dense", "dimensions d", 2, [16, 32, 64], lambda n: _exact(DenseLinear(dim=n), 40, 500)),
    ("exact Bayes, dense", "points T", 1, [20, 40, 80], lambda n: _exact(DenseLinear(dim=20), n, 500)),
    (
        "exact Bayes, sparse, d = 20",
        "number of supports",
        1,
        [1, 2, 3],
        lambda n: _exact(SparseLinear(dim=20, nonzeros=n), 40, 100),
    ),
    ("exact Bayes, sinusoid", "points T", 1, [12, 24, 48], lambda n: _exact(Sinusoid(), n, 100)),
]


if __name__ == "__main__":
    main()
