"""How commands end early: by Ctrl-C, by SIGTERM, and with the process that started them."""

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from typer.core import TyperGroup

from priormix.cli.options import stderr
from priormix.errors import Interrupted


class Commands(TyperGroup):
    """The group of all commands; one that is interrupted says how to go on."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an interrupted one ends with one line and status 128 + the signal's number."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            # typer would end without a word
            text = str(stop) or "interrupted; run the same command again to go on"
            stderr.print(f"priormix: {text}", markup=False, highlight=False, soft_wrap=True)
            sys.exit(128 + (stop.signum if isinstance(stop, Interrupted) else signal.SIGINT))


def terminated(signum: int, _frame: FrameType | None) -> None:
    """Handle SIGTERM as an interruption."""
    raise Interrupted("terminated; run the same command again to go on", signum)


def end_with_parent() -> None:
    """End this process when the one that started it ends: its end of our standard input closes then."""

    def wait() -> None:
        # not sys.stdin: its lock would be held when the interpreter shuts down
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
