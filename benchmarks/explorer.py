"""Milliseconds of an answer of the explorer: `python benchmarks/explorer.py --model runs/a --model runs/b`.

Both the time on the clock and that of the processor are printed, as the first grows when the machine is busy.
"""

import argparse
import time
from statistics import median

import torch

from priormix.explorer.answer import Plane
from priormix.explorer.models import load_models, shipped_models
from priormix.explorer.presets import presets
from priormix.explorer.view import View


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", default=[], help="as for priormix explore")
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    plane = Plane(load_models(arguments.model) if arguments.model else shipped_models())
    panels = presets()
    views = {
        "3 points by hand": View(points=((-1.5, -0.9), (0.5, 0.3), (1.0, 0.6))),
        "20 points on no function": scattered(20),
        "60 points on no function": scattered(60),
        "100 points on no function, σ 0.01": scattered(100, 0.01),
        "Figure 4, combination": panels["Figure 4: 0.5x + 0.5cos(2π·0.64x)"],
        "Figure 5, weight 0.3": panels["Figure 5: 0.3x + 0.7cos(2πx)"],
        "Figure 6, frequency 5": panels["Figure 6: cos(2π·5x)"],
    }
    print(f"{len(plane.models)} models: {', '.join(plane.models)}")
    for name, view in views.items():
        clock, processor = zip(*(timed(plane, view) for _ in range(arguments.repeats)), strict=True)
        print(f"{name:36} {median(clock):6.0f} ms on the clock, {median(processor):6.0f} ms of the processor")


def scattered(n_points: int, noise_std: float = 0.05) -> View:
    numbers = torch.rand(n_points, 2, generator=torch.Generator().manual_seed(n_points)) * 4 - 2
    return View(points=tuple(map(tuple, numbers.tolist())), noise_std=noise_std)


def timed(plane: Plane, view: View) -> tuple[float, float]:
    clock, processor = time.perf_counter(), time.process_time()
    plane.answer(view)
    return 1000 * (time.perf_counter() - clock), 1000 * (time.process_time() - processor)


if __name__ == "__main__":
    main()
