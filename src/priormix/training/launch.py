"""One run in several processes of this machine, which end together."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from torch.distributed import TCPStore  # type: ignore[attr-defined]

from priormix.errors import LostContactError, PriormixError
from priormix.training.interruption import Interruption, noting_interruptions

# after one rank has ended, the others get so many seconds to say what they make of it
GRACE = 5.0
HOST = "127.0.0.1"


def run_ranks(arguments: Sequence[str], size: int) -> None:
    """Run `priormix` with the arguments in `size` processes, and wait until all have ended.

    The first one prints; a signal reaches all of them. Raises SystemExit where the first has said why they
    ended early, and PriormixError that names the rank where another one failed, or one without a word.
    """
    with noting_interruptions() as interruption, RankProcesses(arguments, size) as ranks:
        ranks.wait(interruption)
        ranks.judge()


class RankProcesses:
    """The processes of one run; leaving the context ends those that are left."""

    def __init__(self, arguments: Sequence[str], size: int) -> None:
        self._command = [sys.executable, "-m", "priormix", *arguments, "--with-parent"]
        self._size = size
        self._stack = ExitStack()
        self._ranks: list[subprocess.Popen[bytes]] = []
        self._ended_by_us: set[int] = set()

    def __enter__(self) -> "RankProcesses":
        with ExitStack() as stack:
            # the meeting point lies here, so that no rank has to guess a free port
            self._store = TCPStore(HOST, 0, is_master=True, wait_for_workers=False)
            self._logs = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            stack.callback(self._end)
            for rank in range(self._size):
                self._ranks.append(self._start(rank))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def wait(self, interruption: Interruption) -> None:
        """Wait until all have ended, which is soon after one of them has failed; pass a signal on."""
        deadline, passed_on = None, False
        while any(rank.poll() is None for rank in self._ranks):
            if interruption.signum is not None and not passed_on:
                for rank in self._ranks:
                    rank.send_signal(interruption.signum)
                passed_on = True
            if deadline is None and any(rank.returncode for rank in self._ranks):
                deadline = time.monotonic() + GRACE
            if deadline is not None and time.monotonic() > deadline:
                self._end()
            time.sleep(0.05)

    def judge(self) -> None:
        """Raise what the ends of the processes come to; nothing where all have done their work."""
        statuses = {rank: process.returncode for rank, process in enumerate(self._ranks)}
        failed = {rank: status for rank, status in statuses.items() if status}
        # those that only lost contact, or were ended for that, say nothing of the cause
        causes = [r for r, s in failed.items() if s != LostContactError.status and r not in self._ended_by_us]
        if not failed:
            return
        rank = min(causes, default=min(failed))
        status = failed[rank]
        if rank == 0 and status > 0:
            raise SystemExit(status)
        raise PriormixError(
            f"rank {rank} of {self._size} {self._reason(rank, status)}, so the others were stopped; the same "
            f"command goes on from the last checkpoint"
        )

    def _start(self, rank: int) -> "subprocess.Popen[bytes]":
        # the first inherits the terminal, the others speak up where they are the cause of a failure
        log = None if rank == 0 else (self._logs / str(rank)).open("wb")
        try:
            return subprocess.Popen(
                self._command,
                # closes when this process ends, however that ends, and so ends the rank
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._place(rank)},
                # Ctrl-C reaches this process alone, which passes it on once
                start_new_session=True,
            )
        finally:
            if log is not None:
                log.close()

    def _place(self, rank: int) -> Mapping[str, str]:
        threads = max(1, (os.cpu_count() or 1) // self._size)
        return {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(self._size),
            "LOCAL_WORLD_SIZE": str(self._size),
            "MASTER_ADDR": HOST,
            "MASTER_PORT": str(self._store.port),
            # the names by which torch finds a store that is no rank's
            "TORCHELASTIC_USE_AGENT_STORE": "True",
            "TORCHELASTIC_RESTART_COUNT": "0",
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
        }

    def _end(self) -> None:
        """End those that are left: they can do nothing without the others."""
        for rank, process in enumerate(self._ranks):
            if process.poll() is None:
                self._ended_by_us.add(rank)
                process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()

    def _reason(self, rank: int, status: int) -> str:
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        said = "" if rank == 0 else (self._logs / str(rank)).read_text(errors="replace").strip()
        last = said.splitlines()[-1].removeprefix("priormix: ") if said else f"status {status}"
        return f"failed ({last})"
