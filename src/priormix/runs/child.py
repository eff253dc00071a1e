"""`priormix train` in a process of its own, which ends when the one that started it does."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

REQUESTED = "requested.yaml"
LOG = "train.log"


class Child:
    """A training process: reads `requested.yaml` in the run's folder and says what it does in `train.log`.

    Loads no torch, so that a cluster's workers start quickly.
    """

    def __init__(
        self,
        folder: Path,
        device: str,
        threads: int,
        imports: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._log = folder / LOG
        command = [sys.executable, "-m", "priormix", "train", str(folder / REQUESTED), "--out", str(folder)]
        command += ["--device", device, "--with-parent", *(["--allow-imports"] if imports else [])]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                # closes when this process ends, however that ends, and so ends the child
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "OMP_NUM_THREADS": str(threads),
                    "NO_COLOR": "1",
                    **(environment or {}),
                },
            )

    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def reason(self) -> str | None:
        """Wait for the end of the process; why it failed, or None where it trained the network."""
        status = self._buried()
        if status == 0:
            return None
        if status < 0:
            return f"ended by {signal.Signals(-status).name}"
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("priormix: ") if lines else f"status {status}"

    def stop(self) -> None:
        """Ask the process to save what it has, and wait until it is gone."""
        if not self.ended():
            self._process.terminate()
        self._buried()

    def _buried(self) -> int:
        """Wait for the end of the process, and close the pipe by which it saw that this one lives."""
        with self._process:
            return self._process.wait()


def train_in_child(folder: str, device: str, threads: int, imports: bool) -> str | None:
    """What Ray carries out on one of its machines: train, and say why it failed where it did."""
    child = Child(Path(folder), device, threads, imports)
    try:
        return child.reason()
    finally:
        child.stop()
