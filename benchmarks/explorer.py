"""How soon the explorer answers: `python benchmarks/explorer.py --model runs/a --model runs/b`.

Milliseconds of an answer, on the clock and of the processor, as the first grows when the machine is busy.
With `--start` first the seconds from the command to a drawn page, which needs Chromium; `--picture FILE`
keeps what it shows.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path
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
    parser.add_argument("--start", action="store_true", help="time the start of the page too")
    parser.add_argument("--picture", type=Path, help="write the page that was started to this PNG file")
    arguments = parser.parse_args()
    if arguments.start or arguments.picture:
        time_start(arguments.model, arguments.picture)
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


def time_start(models: list[str], picture: Path | None) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        command = [sys.executable, "-m", "priormix", "explore", "--no-browser", "--port", "0"]
        command += [f"--model={model}" for model in models]
        started = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().split()[-1]
            listening = time.perf_counter() - started
            page.goto(url)
            page.wait_for_function("() => Bokeh.documents[0]?.get_model_by_name('plane') != null")
            drawn = time.perf_counter() - started
            print(f"listens {listening:.1f} s after the command, and has drawn its page after {drawn:.1f} s")
            if picture:
                page.wait_for_timeout(1500)
                page.screenshot(path=picture)
            server.terminate()


def scattered(n_points: int, noise_std: float = 0.05) -> View:
    numbers = torch.rand(n_points, 2, generator=torch.Generator().manual_seed(n_points)) * 4 - 2
    return View(points=tuple(map(tuple, numbers.tolist())), noise_std=noise_std)


def timed(plane: Plane, view: View) -> tuple[float, float]:
    clock, processor = time.perf_counter(), time.process_time()
    plane.answer(view)
    return 1000 * (time.perf_counter() - clock), 1000 * (time.process_time() - processor)


if __name__ == "__main__":
    main()
