"""Where a run stands, and how it takes a step: all that a checkpoint has to hold."""

import logging
import time
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from priormix.recipe import Recipe
from priormix.training.divergence import DivergenceError, DivergenceWatch
from priormix.training.ranks import ALONE, Ranks
from priormix.training.reporters import Metrics
from priormix.training.stepper import Stepper
from priormix.training.tensor_tree import copied, first_not_finite
from priormix.training.validation import Validation

REPORTS = 100
REPORTS_A_VALIDATION = 5
# of those, the sound ones at the tenths of a run can be gone back to
REPORTS_A_RETURN_POINT = 10

log = logging.getLogger("priormix")


class Pretraining:
    """A run between two steps: the network and its optimisers, the steps done, what was reported.

    Several ranks call every method together, and meet the same errors.
    """

    def __init__(self, recipe: Recipe, device: torch.device, ranks: Ranks = ALONE) -> None:
        self.recipe = recipe
        self.stepper = Stepper(recipe, device, ranks)
        self._ranks = ranks
        self.done = 0
        self.reported: list[Metrics] = []
        self._losses: list[Tensor] = []
        self._validation = Validation(recipe, self.stepper.device)
        self._watch = DivergenceWatch(recipe.divergence, self._validation.loss_of_zero)
        self._every = max(1, recipe.steps // REPORTS)
        self._returns = 0
        self._return_point: dict[str, Any] | None = None
        self._seconds_before = 0.0
        self._started = time.perf_counter()
        self._mark_return_point()

    @property
    def complete(self) -> bool:
        return self.done == self.recipe.steps

    def step(self) -> Metrics | None:
        """Take a step; metrics where a report is due.

        Raises DivergenceError where a report finds that the run has diverged.
        """
        self._losses.append(self.stepper.step(self.done))
        self.done += 1
        if self.done % self._every and not self.complete:
            return None
        return self._report()

    def go_back(self, divergence: DivergenceError) -> None:
        """Return to the last sound report with a smaller step, if the recipe allows it; else raise it."""
        rule = self.recipe.divergence
        if self._return_point is None or self._returns == rule.retries:
            raise divergence
        self._returns += 1
        point = self._ranks.first_does(lambda: copied(self._return_point))
        self._load_position(point)
        self.stepper.step_scale = rule.step_factor**self._returns
        log.warning(
            "%s\ngoing back to step %d with learning rates times %g (%d of %d)",
            str(divergence).partition(";")[0],
            self.done,
            self.stepper.step_scale,
            self._returns,
            rule.retries,
        )

    def usable(self) -> bool:
        """Whether the state is worth a checkpoint: all of it is finite."""
        own = first_not_finite([self._pending_losses(), self.stepper.own_state()])
        return self._ranks.first_finding(own) is None

    def state(self) -> dict[str, Any]:
        """All that the rest of the run depends on, as nested tensors; whole on the first rank."""
        return {
            **self._position(),
            "seconds": self._seconds,
            "returns": self._returns,
            "return_point": self._return_point,
            "surroundings": self._surroundings(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a whole state; a misfit raises ValueError, KeyError, TypeError or RuntimeError."""
        here = self._surroundings()
        if state["surroundings"] != here:
            log.warning(
                "going on under %s what was begun under %s: the numbers will not be the same to the bit",
                here,
                state["surroundings"],
            )
        self._load_position(state)
        self._returns = state["returns"]
        self._return_point = state["return_point"]
        self._seconds_before, self._started = state["seconds"], time.perf_counter()

    def _position(self) -> dict[str, Any]:
        return {
            "done": self.done,
            "stepper": self.stepper.state(),
            "losses": self._pending_losses(),
            "reported": [asdict(metrics) for metrics in self.reported],
        }

    def _load_position(self, position: dict[str, Any]) -> None:
        self.stepper.load_state(position["stepper"])
        self.done = position["done"]
        losses = position["losses"]
        self._losses = [] if losses is None else list(losses.to(self.stepper.device))
        self.reported = [Metrics(**fields) for fields in position["reported"]]

    def _pending_losses(self) -> Tensor | None:
        """The losses (n,) of whole batches since the last report."""
        return self._ranks.mean(torch.stack(self._losses)) if self._losses else None

    def _mark_return_point(self) -> None:
        if self.recipe.divergence.action == "go_back":
            self._return_point = copied(self._position())

    def _report(self) -> Metrics:
        losses = self._ranks.mean(torch.stack(self._losses))
        not_finite = self._ranks.first_finding(first_not_finite(self.stepper.own_state()))
        self._watch.check(losses, not_finite, self.done)
        self._losses.clear()
        validate = self.complete or self.done % (self._every * REPORTS_A_VALIDATION) == 0
        metrics = Metrics(
            step=self.done,
            prompts=self.done * self.recipe.batch,
            seconds=round(self._seconds, 3),
            prompts_per_second=round(self.done * self.recipe.batch / self._seconds, 1),
            learning_rate_factor=self.stepper.factor(self.done - 1),
            loss=float(losses.mean()),
            excess=self._validation.excess(self.stepper.network) if validate else None,
        )
        self.reported.append(metrics)
        if self.done % (self._every * REPORTS_A_RETURN_POINT) == 0 and self._watch.sound(losses):
            self._mark_return_point()
        return metrics

    def _surroundings(self) -> dict[str, str | int]:
        found = _surroundings(self.stepper.device)
        if self._ranks.size == 1:
            return found
        return {**found, "processes": self._ranks.size, "strategy": "fsdp" if self.stepper.sharded else "ddp"}

    @property
    def _seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._started


def _surroundings(device: torch.device) -> dict[str, str | int]:
    """What a run's numbers depend on to the bit, besides its recipe."""
    on_card = device.type == "cuda"
    return {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if on_card else device.type,
        "processor": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }
