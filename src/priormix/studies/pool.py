"""Trains many recipes at once, each in a process of its own, and shows how they are doing."""

import csv
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field, fields
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress, TaskID

from priormix.errors import PriormixError
from priormix.files import make_folder, write_atomically
from priormix.recipe import Recipe
from priormix.training import Metrics, RunDirectory
from priormix.training.reporters import in_words, progress_columns

POLL_SECONDS = 0.2


@dataclass
class _Running:
    name: str
    run: RunDirectory
    process: "subprocess.Popen[bytes]"
    task: TaskID
    metrics_read: int = field(default=0)


def train_all(recipes: list[tuple[str, Recipe]], runs: Path, device: torch.device, console: Console) -> None:
    """Train every named recipe that is not finished in `runs/<run_id>`, several at once on a CPU.

    On a CPU there is one process a core, longest runs first; on a card one process at a time. Raises
    PriormixError that names the run where one fails; the others are stopped, what is finished stays.
    """
    waiting = _unfinished(recipes, runs)
    if not waiting:
        return
    jobs = min(len(waiting), os.cpu_count() or 1) if device.type == "cpu" else 1
    threads = max(1, (os.cpu_count() or 1) // jobs)
    make_folder(runs)
    with Progress(*progress_columns(), console=console, disable=not console.is_terminal) as bars:
        running: list[_Running] = []
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    name, recipe = waiting.pop(0)
                    running.append(_start(name, recipe, runs, device, threads, bars))
                time.sleep(POLL_SECONDS)
                running = [job for job in running if not _ended(job, bars, console)]
        finally:
            for job in running:
                job.process.terminate()  # asks it to save what it has
            for job in running:
                _bury(job.process)


def _unfinished(recipes: list[tuple[str, Recipe]], runs: Path) -> list[tuple[str, Recipe]]:
    """Each distinct unfinished run once, the most expensive first so that none is left over at the end."""
    distinct = {recipe.run_id: (name, recipe) for name, recipe in recipes}
    left = [pair for run_id, pair in distinct.items() if not RunDirectory(runs / run_id, pair[1]).finished]
    return sorted(left, key=lambda pair: -_cost(pair[1]))


def _cost(recipe: Recipe) -> float:
    return recipe.steps * recipe.batch * recipe.n_points * recipe.network.backbone.width


def _start(
    name: str, recipe: Recipe, runs: Path, device: torch.device, threads: int, bars: Progress
) -> _Running:
    folder = runs / recipe.run_id
    make_folder(folder)
    source = folder / "requested.yaml"
    write_atomically(source, recipe.to_yaml().encode())
    command = [sys.executable, "-m", "priormix", "train", str(source), "--out", str(folder)]
    with (folder / "train.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--device", str(device), "--with-parent"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "NO_COLOR": "1"},
        )
    task = bars.add_task(name, total=recipe.steps, numbers="starting")
    return _Running(name, RunDirectory(folder, recipe), process, task)


def _ended(job: _Running, bars: Progress, console: Console) -> bool:
    status = job.process.poll()
    metrics = _latest(job.run.metrics)
    if metrics is not None:
        bars.update(job.task, completed=metrics.step, numbers=in_words(metrics))
    if status is None:
        return False
    _bury(job.process)
    if status != 0:
        lines = (job.run.folder / "train.log").read_text(errors="replace").strip().splitlines()
        raise PriormixError(f"training of {job.name!r} failed: {lines[-1] if lines else f'status {status}'}")
    if metrics is not None and not console.is_terminal:
        console.print(f"trained {job.name} in {metrics.seconds:.0f} s: {in_words(metrics)}")
    return True


def _bury(process: "subprocess.Popen[bytes]") -> None:
    """Wait for the end of a process, and close the pipe by which it saw that we live."""
    with process:
        process.wait()


def _latest(path: Path) -> Metrics | None:
    """The last whole line of a metrics file that may still be growing."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    names = [column.name for column in fields(Metrics)]
    whole = [line for line in csv.reader(lines[1:]) if len(line) == len(names)]
    if not whole:
        return None
    numbers = dict(zip(names, whole[-1], strict=True))
    excess = next((line[-1] for line in reversed(whole) if line[-1]), None)
    return Metrics(
        step=int(numbers["step"]),
        prompts=int(numbers["prompts"]),
        seconds=float(numbers["seconds"]),
        prompts_per_second=float(numbers["prompts_per_second"]),
        learning_rate_factor=float(numbers["learning_rate_factor"]),
        loss=float(numbers["loss"]),
        excess=None if excess is None else float(excess),
    )
