"""The run that is disturbed, in a process of its own, and what must not have been lost afterwards."""

import hashlib
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from interrupted_runs import checkpoints_of, metrics_of
from priormix.errors import Interrupted, PriormixError
from priormix.functions import DenseLinear, Mixture, SparseLinear
from priormix.models import Network, Transformer
from priormix.optimisation import Adam, Constant
from priormix.recipe import Recipe
from priormix.training import Pace, train

# large enough that writing a checkpoint takes a moment in which it can be hit
RECIPE = Recipe(
    mixture=Mixture(components=(DenseLinear(dim=3), SparseLinear(dim=3, nonzeros=1))),
    n_points=7,
    network=Network(backbone=Transformer(layers=2, heads=2, width=96, positions="none")),
    optimiser=Adam(learning_rate=1e-3),
    schedule=Constant(),
    steps=120,
    batch=8,
    precision="float32",
)
LIMIT_S = 900
NOBODY = 65534


@dataclass
class Outcome:
    """What one kind of fault did: how often it struck, and what was lost by it."""

    fault: str
    struck: int = 0
    survived: int = 0
    bytes_lost: int = 0
    runs: int = 0
    identical: int = 0
    note: str = ""

    @property
    def passed(self) -> bool:
        return self.struck == self.survived > 0 and self.runs == self.identical and self.bytes_lost == 0

    def ended(self, folder: Path, undisturbed: Path) -> None:
        """Count a run that has been brought to its end."""
        self.runs += 1
        same = (folder / "weights.safetensors").read_bytes() == (
            undisturbed / "weights.safetensors"
        ).read_bytes()
        self.identical += same and metrics_of(folder) == metrics_of(undisturbed)


class Child:
    """A process that trains; forked, so that a hundred of them need not each load PyTorch."""

    def __init__(self, folder: Path, pace: Pace, unprivileged: bool = False, log: Path | None = None) -> None:
        self.folder = folder
        self.log = log or folder.with_suffix(".log")
        self._status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                status = self._train(pace, unprivileged)
            finally:
                # nothing may let the child go on as a second campaign
                os._exit(status)

    def _train(self, pace: Pace, unprivileged: bool) -> int:
        with self.log.open("w") as log:
            os.dup2(log.fileno(), 2)
            # as the command does it: SIGTERM ends a process by an exception
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
            try:
                if unprivileged and os.geteuid() == 0:
                    # what is imported late may lie where only root can read
                    short = RECIPE.model_copy(update={"steps": 3})
                    train(
                        short,
                        self.folder.with_suffix(f".warm-{os.getpid()}"),
                        device="cpu",
                        pace=Pace(steps=1),
                    )
                    os.setgid(NOBODY)
                    os.setuid(NOBODY)
                train(RECIPE, self.folder, device="cpu", pace=pace)
            except PriormixError as error:
                print(error, file=sys.stderr, flush=True)
                return 2
            except Interrupted as stop:
                print(stop, file=sys.stderr, flush=True)
                return 128 + stop.signum
            except KeyboardInterrupt:
                return 128 + signal.SIGINT
            except SystemExit as end:
                return int(end.code or 0)
            except BaseException:
                traceback.print_exc()
                return 1
            return 0

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while the process runs."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status

    def wait(self) -> int:
        """Wait for the end; one that does not come is a failure."""
        deadline = time.monotonic() + LIMIT_S
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"{self.folder}: a run hangs")
            time.sleep(0.005)
        return status

    def kill(self, signum: int = signal.SIGKILL) -> int:
        """Send a signal, and wait for what comes of it."""
        if self.poll() is None:
            os.kill(self.pid, signum)
        return self.wait()

    def until(self, condition: Callable[[], bool]) -> bool:
        """Wait until a condition holds; False where the run ends before."""
        while not condition():
            if self.poll() is not None:
                return False
            time.sleep(0.0002)
        return True

    @property
    def said(self) -> str:
        return self.log.read_text()


def finish(folder: Path, unprivileged: bool = False) -> None:
    """Let a run go on to its end, undisturbed."""
    child = Child(folder, Pace(steps=10), unprivileged)
    status = child.wait()
    assert status == 0, f"{folder}: status {status}: {child.said}"


def damaged_bytes(folder: Path) -> int:
    """How many bytes lie in checkpoints that are under their final name but not whole."""
    lost = 0
    for path in checkpoints_of(folder):
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.stem.partition("-")[2]:
            lost += path.stat().st_size
    return lost


def writing(folder: Path) -> bool:
    """Whether a checkpoint is being written at this moment."""
    return (folder / "checkpoints" / ".partial").exists()


def undisturbed_run(root: Path) -> Path:
    """The folder of a run that nothing happened to."""
    folder = root / "undisturbed"
    finish(folder)
    return folder


def prepare(seed: int) -> random.Random:
    """The campaign's random numbers; one thread for everything."""
    torch.set_num_threads(1)
    return random.Random(seed)
