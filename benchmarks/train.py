"""Prompts a second in training, beside the classic recipe on the same network size and data.

`priormix bench train`: by default the study's largest network, 12 layers, 8 heads, 256 wide, d = 20, T = 41,
batch 64, dense linear functions. Ours and the reference take steps in turn, so that a machine that is busy
with other things slows both.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from machine import describe, print_machine, synchronise
from references import Classic

from priormix import DenseLinear, Recipe
from priormix.devices import is_fast_in_bfloat16, resolve_device
from priormix.models import Network, Transformer
from priormix.training import training_flops
from priormix.training.stepper import Stepper


def main() -> None:
    arguments = _arguments()
    device = resolve_device(arguments.device)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    machine = describe(device)
    print_machine(machine)
    recipe = _recipe(arguments)
    size = (arguments.layers, arguments.heads, arguments.width)
    ours = Stepper(recipe, device)
    classic = Classic(recipe.mixture, recipe.n_points, size, recipe.batch, str(device))
    contenders: dict[str, Callable[[int], Any]] = {
        "priormix": ours.step,
        "classic": lambda step: classic.step(step, curriculum=False),
    }
    speeds = _speeds(contenders, arguments, device)
    result = _result(speeds, recipe, device, machine)
    _print(result)
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, **result}, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--dim", type=int, default=20)
    parser.add_argument("--points", type=int, default=41)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3, help="steps a repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, help="PyTorch's threads; all cores by default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    return parser.parse_args()


def _recipe(arguments: argparse.Namespace) -> Recipe:
    backbone = Transformer(
        layers=arguments.layers, heads=arguments.heads, width=arguments.width, positions="none"
    )
    return Recipe(
        mixture=DenseLinear(dim=arguments.dim),
        n_points=arguments.points,
        network=Network(backbone=backbone),
        batch=arguments.batch,
    )


def _speeds(
    contenders: dict[str, Callable[[int], Any]], arguments: argparse.Namespace, device: torch.device
) -> dict[str, list[float]]:
    """Prompts a second in every repeat."""
    speeds: dict[str, list[float]] = {name: [] for name in contenders}
    step = 0
    for repeat in range(arguments.repeats + 1):
        for name, take in contenders.items():
            synchronise(device)
            started = time.perf_counter()
            for i in range(arguments.steps):
                take(step + i)
            synchronise(device)
            if repeat > 0:
                speeds[name].append(arguments.steps * arguments.batch / (time.perf_counter() - started))
        step += arguments.steps
    return speeds


def _result(
    speeds: dict[str, list[float]], recipe: Recipe, device: torch.device, machine: dict[str, Any]
) -> dict[str, Any]:
    medians = {name: statistics.median(each) for name, each in speeds.items()}
    ratios = [one / other for one, other in zip(speeds["priormix"], speeds["classic"], strict=True)]
    dtype = "bfloat16" if is_fast_in_bfloat16(device) else "float32"
    flops = training_flops(recipe)
    return {
        "prompts_per_second": medians,
        "repeats": speeds,
        "ratio": statistics.median(ratios),
        "lowest_ratio": min(ratios),
        "flops_per_prompt": flops,
        "share_of_peak": flops * medians["priormix"] / machine["peak_flops"][dtype],
        "precision": dtype,
    }


def _print(result: dict[str, Any]) -> None:
    for name, speed in result["prompts_per_second"].items():
        print(f"{name:10} {speed:10,.1f} prompts/s")
    print(
        f"priormix is {result['ratio']:.2f} times as fast, "
        f"in every repeat at least {result['lowest_ratio']:.2f} times"
    )
    print(
        f"it uses {100 * result['share_of_peak']:.0f} % of the measured peak of matrix products in "
        f"{result['precision']} ({result['flops_per_prompt'] / 1e9:.2f}·10⁹ operations a prompt)"
    )


if __name__ == "__main__":
    main()
