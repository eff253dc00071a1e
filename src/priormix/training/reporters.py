"""Who is told how a run is going: the metrics file, the progress bar, and experiment trackers."""

import csv
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, fields
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from priormix.errors import PriormixError
from priormix.files import sync, write_atomically
from priormix.recipe import Recipe


@dataclass(frozen=True)
class Metrics:
    """How a run stands after `step` steps.

    `loss` is the mean training loss since the report before; `excess` the mean squared error above the
    exact Bayes predictor's on held-out prompts, both over all prefixes and in squared units of y; None
    where no exact predictor is known or it was not measured at this step.
    """

    step: int
    prompts: int
    seconds: float
    prompts_per_second: float
    learning_rate_factor: float
    loss: float
    excess: float | None


_COLUMNS = [field.name for field in fields(Metrics)]


class Reporter(AbstractContextManager["Reporter"], ABC):
    """Is entered when a run starts, told metrics while it runs, and left when it ends."""

    def restart(self, past: Sequence[Metrics]) -> None:
        """Take note of what was reported before the run starts, goes on, or goes back; by default nothing.

        Whatever else was reported is void.
        """

    @abstractmethod
    def update(self, metrics: Metrics) -> None:
        """Take note of how the run stands."""


class MetricsFile(Reporter):
    """Appends every report to a CSV file, which can be read while the run goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> "MetricsFile":
        return self

    def restart(self, past: Sequence[Metrics]) -> None:
        """Begin the file anew with the past reports."""
        text = StringIO(newline="")
        writer = csv.DictWriter(text, _COLUMNS)
        writer.writeheader()
        writer.writerows(asdict(metrics) for metrics in past)
        write_atomically(self._path, text.getvalue().encode())

    def update(self, metrics: Metrics) -> None:
        """Append one line; raises PriormixError where that cannot be done."""
        try:
            with self._path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, _COLUMNS).writerow(asdict(metrics))
        except OSError as error:
            raise PriormixError(f"{self._path}: cannot be written ({error.strerror or error})") from error

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            sync(self._path)


class ProgressBar(Reporter):
    """A bar on the terminal with loss, excess, prompts/s and time left; silent where there is no terminal."""

    def __init__(self, recipe: Recipe, label: str) -> None:
        console = Console(stderr=True)
        self._steps, self._label = recipe.steps, label
        self._bar = Progress(*progress_columns(), console=console, disable=not console.is_terminal)

    def __enter__(self) -> "ProgressBar":
        self._bar.start()
        self._task: TaskID = self._bar.add_task(self._label, total=self._steps, numbers="")
        return self

    def restart(self, past: Sequence[Metrics]) -> None:
        """Put the bar where the run stands."""
        self._bar.update(self._task, completed=past[-1].step if past else 0)

    def update(self, metrics: Metrics) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=metrics.step, numbers=in_words(metrics))

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def progress_columns() -> tuple[Any, ...]:
    """The columns of a training progress bar; its tasks carry a field `numbers`."""
    return (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%  {task.fields[numbers]}"),
        TimeRemainingColumn(),
    )


def in_words(metrics: Metrics) -> str:
    """Loss, excess and speed as a short text."""
    excess = "" if metrics.excess is None else f"  excess {metrics.excess:+.4f}"
    return f"loss {metrics.loss:.4f}{excess}  {metrics.prompts_per_second:,.0f} prompts/s"


class TensorBoard(Reporter):
    """Writes scalars for TensorBoard into a folder; needs the extra `tensorboard`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers = ExitStack()

    def __enter__(self) -> "TensorBoard":
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise PriormixError(
                "TensorBoard is not installed: pip install 'priormix[tensorboard]'"
            ) from error
        self._open = SummaryWriter
        return self

    def restart(self, past: Sequence[Metrics]) -> None:
        """Write to a new file that voids what older ones say about later steps."""
        self._writers.close()
        first = past[-1].step + 1 if past else 0
        self._writer = self._writers.enter_context(self._open(self._folder, purge_step=first))

    def update(self, metrics: Metrics) -> None:
        """Write every number as a scalar of its own."""
        for name, number in _scalars(metrics).items():
            self._writer.add_scalar(name, number, metrics.step)

    def __exit__(self, *_: object) -> None:
        self._writers.close()


class WeightsAndBiases(Reporter):
    """Logs to Weights & Biases under the user's own settings; needs the extra `wandb`."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def __enter__(self) -> "WeightsAndBiases":
        try:
            import wandb
        except ImportError as error:
            raise PriormixError("W&B is not installed: pip install 'priormix[wandb]'") from error
        self._run = wandb.init(
            project="priormix", name=self._recipe.run_id, config=self._recipe.model_dump(mode="json")
        )
        return self

    def update(self, metrics: Metrics) -> None:
        """Log every number."""
        self._run.log(_scalars(metrics), step=metrics.step)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._run.finish(exit_code=0 if kind is None else 1)


def _scalars(metrics: Metrics) -> dict[str, float]:
    return {name: number for name, number in asdict(metrics).items() if number is not None and name != "step"}
