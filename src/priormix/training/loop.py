"""The pretraining loop."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from torch import Tensor

from priormix.devices import resolve_device
from priormix.errors import PriormixError
from priormix.models import InContextNetwork, NetworkPredictor
from priormix.recipe import Recipe
from priormix.training.reporters import Metrics, MetricsFile, Reporter
from priormix.training.run_directory import RunDirectory
from priormix.training.stepper import Stepper
from priormix.training.validation import Validation

REPORTS = 100
REPORTS_A_VALIDATION = 5


def train(
    recipe: Recipe,
    directory: Path | str | None = None,
    *,
    device: str = "auto",
    reporters: Sequence[Reporter] = (),
) -> NetworkPredictor:
    """Pretrain the recipe's network, and return it as a predictor.

    Where a directory is given, it receives the recipe, the metrics, the versions of the libraries and
    finally the weights; a directory that holds this finished run already is read instead.

    Raises PriormixError where the directory holds another run, is in use or cannot be written, where the
    device is absent, and where the loss ceases to be finite.
    """
    target = resolve_device(device)
    if directory is None:
        return NetworkPredictor(_pretrain(recipe, target, reporters))
    with RunDirectory(Path(directory), recipe) as run:
        if not run.finished:
            run.finish(_pretrain(recipe, target, [MetricsFile(run.metrics), *reporters]))
        return NetworkPredictor(run.network().to(target))


def _pretrain(recipe: Recipe, device: torch.device, reporters: Sequence[Reporter]) -> InContextNetwork:
    stepper = Stepper(recipe, device)
    with ExitStack() as stack:
        listening = [stack.enter_context(reporter) for reporter in reporters]
        for metrics in _run(recipe, stepper):
            for reporter in listening:
                reporter.update(metrics)
    return stepper.network


def _run(recipe: Recipe, stepper: Stepper) -> Iterator[Metrics]:
    validation = Validation(recipe, stepper.device)
    every = max(1, recipe.steps // REPORTS)
    losses: list[Tensor] = []
    started = time.perf_counter()
    for done in range(1, recipe.steps + 1):
        losses.append(stepper.step(done - 1))
        last = done == recipe.steps
        if done % every and not last:
            continue
        loss = _checked_mean(losses, done)
        losses.clear()
        validate = last or done % (every * REPORTS_A_VALIDATION) == 0
        seconds = time.perf_counter() - started
        yield Metrics(
            step=done,
            prompts=done * recipe.batch,
            seconds=round(seconds, 3),
            prompts_per_second=round(done * recipe.batch / seconds, 1),
            learning_rate_factor=recipe.schedule.factor(done - 1, recipe.steps),
            loss=loss,
            excess=validation.excess(stepper.network) if validate else None,
        )


def _checked_mean(losses: list[Tensor], step: int) -> float:
    mean = float(torch.stack(losses).mean())
    if not math.isfinite(mean):
        raise PriormixError(
            f"the loss is no longer finite after {step} steps; try a smaller optimiser.learning_rate, "
            f"a smaller gradient_clip, or precision: float32"
        )
    return mean
