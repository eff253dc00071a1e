"""Where the time of a training step goes, by the operations of torch.

`priormix bench profile-step`: the study's largest network by default, and the one that a laptop trains with
`--small`. An operation's time is its own, without that of the operations which it calls.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from machine import describe, print_machine
from torch.profiler import ProfilerActivity, profile

from priormix import DenseLinear, Recipe
from priormix.devices import resolve_device
from priormix.models import Network, Transformer
from priormix.training.stepper import Stepper

MOST_ROWS = 14


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="4 layers, 64 wide, d = 8, T = 24")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, help="PyTorch's threads; all cores by default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = resolve_device(arguments.device)
    machine = describe(device)
    print_machine(machine)
    rows = _shares(_recipe(arguments.small), arguments.steps, device)
    for row in rows[:MOST_ROWS]:
        print(f"{100 * row['share']:5.1f} %  {row['calls_a_step']:6.0f} calls  {row['operation']}")
    rest = sum(row["share"] for row in rows[MOST_ROWS:])
    print(f"{100 * rest:5.1f} %  in {len(rows[MOST_ROWS:])} others")
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "operations": rows}, indent=2))


def _recipe(small: bool) -> Recipe:
    if small:
        return Recipe(mixture=DenseLinear(dim=8), n_points=24)
    backbone = Transformer(layers=12, heads=8, width=256, positions="none")
    return Recipe(mixture=DenseLinear(dim=20), n_points=41, network=Network(backbone=backbone))


def _shares(recipe: Recipe, steps: int, device: torch.device) -> list[dict[str, Any]]:
    """Share of the time and calls a step of every operation, the largest first."""
    stepper = Stepper(recipe, device)
    stepper.step(0)
    on_card = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_card else [])]
    with profile(activities=activities) as profiler:
        for step in range(1, steps + 1):
            stepper.step(step)
    times = {
        event.key: (event.self_device_time_total if on_card else event.self_cpu_time_total, event.count)
        for event in profiler.key_averages()
    }
    total = sum(time for time, _ in times.values())
    return [
        {"operation": name, "share": time / total, "calls_a_step": count / steps}
        for name, (time, count) in sorted(times.items(), key=lambda item: -item[1][0])
        if time > 0
    ]


if __name__ == "__main__":
    main()
