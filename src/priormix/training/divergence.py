"""Notices runs that diverge, when a report waits for the device anyway."""

from torch import Tensor

from priormix.errors import PriormixError
from priormix.optimisation import Divergence

ADVICE = (
    "try a smaller optimiser.learning_rate, a smaller gradient_clip, precision: float32, "
    "or divergence: {action: go_back}"
)
# a report whose loss is no more than so many times that of predicting 0 is worth going back to
SOUND = 2.0


class DivergenceError(PriormixError):
    """A run whose numbers cannot be used any more; the text says at which step, and what to try."""


class DivergenceWatch:
    """Judges losses and states by the recipe's rule."""

    def __init__(self, rule: Divergence, loss_of_zero: float) -> None:
        self._rule = rule
        self._level = max(loss_of_zero, 1.0)

    def check(self, losses: Tensor, not_finite: str | None, done: int) -> None:
        """Raise DivergenceError where the losses (n,) of the last steps or the state have diverged.

        `done` is the number of steps taken, the last n of which have these losses; `not_finite` names a
        part of the state that is not finite, where there is one.
        """
        numbers = losses.tolist()
        if not bool(losses.isfinite().all()):
            first = done - len(numbers) + 1 + losses.isfinite().tolist().index(False)
            raise DivergenceError(f"the loss is no longer finite after {first} steps; {ADVICE}")
        if not_finite is not None:
            raise DivergenceError(
                f"the gradient is no longer finite after {done} steps (seen in {not_finite}); {ADVICE}"
            )
        median = float(losses.median())
        if self._rule.explosion is not None and median > self._rule.explosion * self._level:
            raise DivergenceError(
                f"the loss has exploded after {done} steps: {median:.3g}, where predicting 0 would lose "
                f"{self._level:.3g}; {ADVICE}"
            )

    def sound(self, losses: Tensor) -> bool:
        """Whether losses are so low that going back to where they were measured makes sense."""
        return float(losses.median()) <= SOUND * self._level
