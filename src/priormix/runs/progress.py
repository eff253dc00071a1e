"""How runs in other processes are doing, read from their metrics files."""

import csv
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TaskID

from priormix.runs.job import Job, Outcome
from priormix.training import Metrics, RunDirectory
from priormix.training.reporters import in_words, progress_columns

MOST_BARS = 16


class RunBars(AbstractContextManager["RunBars"]):
    """A bar for all runs and one for each that is under way; one line for each that has ended."""

    def __init__(self, n_runs: int, console: Console) -> None:
        self._n_runs, self._console = n_runs, console
        self._progress = Progress(*progress_columns(), console=console, disable=not console.is_terminal)
        self._bars: dict[str, TaskID] = {}
        self._failed = self._ended = 0

    def __enter__(self) -> "RunBars":
        self._progress.start()
        self._all = self._progress.add_task("all runs", total=self._n_runs, numbers=self._counts())
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def follow(self, jobs: Sequence[Job]) -> None:
        """Read how these runs are doing; a run gets its bar with its first metrics."""
        if not self._console.is_terminal:
            return
        for job in jobs:
            metrics = latest_metrics(job)
            run_id = job.recipe.run_id
            if metrics is None or (run_id not in self._bars and len(self._bars) == MOST_BARS):
                continue
            if run_id not in self._bars:
                self._bars[run_id] = self._progress.add_task(job.name, total=job.recipe.steps, numbers="")
            self._progress.update(self._bars[run_id], completed=metrics.step, numbers=in_words(metrics))

    def end(self, outcome: Outcome) -> None:
        """Say how a run ended."""
        job, metrics = outcome.job, latest_metrics(outcome.job)
        bar = self._bars.pop(job.recipe.run_id, None)
        if bar is not None:
            self._progress.remove_task(bar)
        self._ended += 1
        self._failed += outcome.reason is not None
        self._progress.update(self._all, completed=self._ended, numbers=self._counts())
        if outcome.reason is not None:
            self._say(f"failed {job.name}: {outcome.reason}")
        elif metrics is not None:
            self._say(f"trained {job.name} in {metrics.seconds:.0f} s: {in_words(metrics)}")

    def _counts(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._ended} of {self._n_runs}{failed}"

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def latest_metrics(job: Job) -> Metrics | None:
    """The last whole line of a run's metrics file, which may still be growing; None before the first."""
    return _latest(RunDirectory(job.folder, job.recipe).metrics)


def _latest(path: Path) -> Metrics | None:
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
