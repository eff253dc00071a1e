"""What every place that carries out runs has in common."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from types import TracebackType

from priormix.runs.job import Job


class Running(ABC):
    """A run that was started."""

    @abstractmethod
    def ended(self) -> bool:
        """Whether it has ended; returns at once."""

    @abstractmethod
    def reason(self) -> str | None:
        """Why it failed, or None where it was trained; waits for its end."""

    @abstractmethod
    def stop(self) -> None:
        """End it, and wait until it is gone."""


class Backend(AbstractContextManager["Backend"], ABC):
    """Carries out runs; entered before the first and left after the last.

    `slots` is how many runs may have been started and not ended.
    """

    slots: int

    @abstractmethod
    def start(self, job: Job) -> Running:
        """Start a run whose folder holds its `requested.yaml`."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave nothing behind."""
