"""The pretraining loop."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from priormix.devices import resolve_device
from priormix.errors import PriormixError
from priormix.functions import LeadingInputs
from priormix.models import InContextNetwork, NetworkPredictor
from priormix.prompts import Prompts
from priormix.recipe import Recipe
from priormix.training.reporters import Metrics, MetricsFile, Reporter
from priormix.training.run_directory import RunDirectory
from priormix.training.validation import Validation
from priormix.training.weights import build_network

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


def training_batch(recipe: Recipe, step: int, device: torch.device) -> Prompts:
    """The prompts of one step; they depend on the recipe and the step alone."""
    inputs, n_points = recipe.inputs, recipe.n_points
    if recipe.curriculum is not None:
        inputs = LeadingInputs(base=inputs, active=recipe.curriculum.dims.at(step))
        n_points = recipe.curriculum.points.at(step)
    return recipe.mixture.sample(
        recipe.batch,
        n_points,
        seed=recipe.seed,
        role="train",
        step=step,
        inputs=inputs,
        noise_std=recipe.noise_std,
        device=device,
    )


def _pretrain(recipe: Recipe, device: torch.device, reporters: Sequence[Reporter]) -> InContextNetwork:
    stepper = _Stepper(recipe, device)
    with ExitStack() as stack:
        listening = [stack.enter_context(reporter) for reporter in reporters]
        for metrics in _run(recipe, stepper):
            for reporter in listening:
                reporter.update(metrics)
    return stepper.network


class _Stepper:
    """The network and its optimisers, which take one step at a time."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe = recipe
        self.network = build_network(recipe)
        self._fabric = Fabric(
            accelerator=device.type,
            devices=1 if device.index is None else [device.index],
            precision="bf16-mixed" if recipe.precision == "bfloat16" else "32-true",
        )
        self._model, *self._optimisers = self._fabric.setup(
            self.network, *recipe.optimiser.build(self.network)
        )
        groups = [group for optimiser in self._optimisers for group in optimiser.param_groups]
        self._peaks = [(group, group["lr"]) for group in groups]
        self.device = self._fabric.device

    def step(self, step: int) -> Tensor:
        """Take the step and return its loss, a scalar on the device; nothing here waits for the device."""
        factor = self.recipe.schedule.factor(step, self.recipe.steps)
        for group, peak in self._peaks:
            group["lr"] = peak * factor
        for optimiser in self._optimisers:
            optimiser.zero_grad()
        prompts = training_batch(self.recipe, step, self.device)
        loss: Tensor = (self._model(prompts.xs, prompts.ys) - prompts.ys).square().mean()
        self._fabric.backward(loss)
        if self.recipe.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.gradient_clip)
        for optimiser in self._optimisers:
            optimiser.step()
        return loss.detach()


def _run(recipe: Recipe, stepper: _Stepper) -> Iterator[Metrics]:
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
