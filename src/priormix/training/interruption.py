"""SIGTERM and Ctrl-C during a run: noted, and obeyed between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Which signal has asked the run to stop, if one has."""

    def __init__(self) -> None:
        self.signum: int | None = None

    def note(self, signum: int, _frame: FrameType | None) -> None:
        """Remember the signal; a second Ctrl-C no longer waits for the step to end."""
        if self.signum is not None and signum == signal.SIGINT:
            raise KeyboardInterrupt
        self.signum = signum


@contextmanager
def noting_interruptions() -> Iterator[Interruption]:
    """Within this context signals are noted; elsewhere than in the main thread they keep their meaning.

    A signal that nobody has obeyed by raising is given again at the end, to whom it would have gone first.
    """
    noted = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before = {signum: signal.signal(signum, noted.note) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield noted
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
    if noted.signum is not None:
        signal.raise_signal(noted.signum)
