"""When a run is saved, and how it goes on from what was saved."""

import signal
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from types import TracebackType

from priormix.errors import Interrupted, PriormixError
from priormix.training.interruption import Interruption, noting_interruptions
from priormix.training.pretraining import Pretraining
from priormix.training.ranks import ALONE, Ranks
from priormix.training.run_directory import RunDirectory

LARGEST_SHARE = 0.01


@dataclass(frozen=True)
class Pace:
    """How often a run is saved: every so many seconds, or after every so many steps where those are given.

    By the clock, writing takes at most a hundredth of the time: a run whose checkpoints take longer than
    that is saved less often. The pace does not change a run's result.
    """

    seconds: float = 60.0
    steps: int | None = None


class Saving(AbstractContextManager["Saving"]):
    """Saves a run into its folder at a pace, and when it is asked to stop.

    Ranks save and stop together: when one of them is due or asked to.
    """

    def __init__(self, directory: RunDirectory, pace: Pace, ranks: Ranks = ALONE) -> None:
        self._directory = directory
        self._ranks = ranks
        self._pace = pace
        self._stack = ExitStack()
        self._interruption = Interruption()
        self._last = time.perf_counter()
        self._seconds = pace.seconds

    def __enter__(self) -> "Saving":
        self._interruption = self._stack.enter_context(noting_interruptions())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def resume(self, run: Pretraining) -> None:
        """Bring the run to where its newest whole checkpoint stands, if there is one."""
        state = self._directory.newest()
        if state is None:
            return
        try:
            run.load_state(state)
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            folder = self._directory.checkpoints.folder
            raise PriormixError(
                f"{folder}: its newest checkpoint does not fit this version of priormix ({error}); go on "
                f"with the version that wrote it, or delete the folder to start again"
            ) from error

    def after_step(self, run: Pretraining) -> None:
        """Save where that is due; raises Interrupted where a signal has asked for it."""
        if run.complete:
            return
        signum, due = self._ranks.highest(self._interruption.signum or 0, int(self._due(run.done)))
        if not (signum or due):
            return
        saved = self._save(run)
        if signum:
            kept = f"saved in {self._directory.folder}" if saved else "not saved, since they diverged"
            raise Interrupted(
                f"stopped by {signal.Signals(signum).name} after {run.done:,} of {run.recipe.steps:,} steps, "
                f"{kept}; run the same command again to go on",
                signum,
            )

    def _save(self, run: Pretraining) -> bool:
        started = time.perf_counter()
        # what is not finite is left to the next report to judge, and never written over what was
        usable = run.usable()
        if usable:
            self._directory.save(run.state())
        self._last = time.perf_counter()
        self._seconds = max(self._pace.seconds, (self._last - started) / LARGEST_SHARE)
        return usable

    def _due(self, done: int) -> bool:
        if self._pace.steps is not None:
            return done % self._pace.steps == 0
        return time.perf_counter() - self._last >= self._seconds
