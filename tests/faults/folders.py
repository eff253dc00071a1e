"""Folders that fail: a full disk, no right to write, deleted, wanted by two processes."""

import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from subject import NOBODY, Child, Outcome, checkpoints_of, damaged_bytes, finish

from priormix.training import Pace


class CannotMountError(Exception):
    """This process may not mount file systems."""


@contextmanager
def small_disk(where: Path, size: int) -> Iterator[Path]:
    """A file system of so many bytes in memory; raises CannotMountError where that is not allowed."""
    where.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(where))
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)


def full_disk(root: Path, undisturbed: Path, chance: random.Random, times: int = 4) -> Outcome:
    """The disk runs full at a checkpoint; once there is room the run goes on."""
    outcome = Outcome("disk full")
    size = _checkpoint_size(root)
    for number in range(times):
        try:
            with small_disk(root / f"disk-{number}", int(size * chance.uniform(1.3, 2.9)) + 60_000) as disk:
                folder = disk / "run"
                child = Child(folder, Pace(steps=5))
                status = child.wait()
                outcome.struck += 1
                outcome.bytes_lost += damaged_bytes(folder)
                told = "cannot be written" in child.said and "No space left" in child.said
                kept = len(checkpoints_of(folder)) >= 1
                outcome.survived += status == 2 and told and kept and "Traceback" not in child.said
                _mount("-o", f"remount,size={20 * size}", str(disk))
                finish(folder)
                outcome.ended(folder, undisturbed)
        except CannotMountError as error:
            return Outcome(outcome.fault, note=f"skipped: {error}")
    return outcome


def read_only_disk(root: Path, undisturbed: Path) -> Outcome:
    """The disk is mounted read-only before the run goes on."""
    outcome = Outcome("read-only disk")
    try:
        with small_disk(root / "read-only", 100_000_000) as disk:
            folder = disk / "run"
            _stop_half_way(folder)
            before = [path.read_bytes() for path in checkpoints_of(folder)]
            _mount("-o", "remount,ro", str(disk))
            child = Child(folder, Pace(steps=5), log=root / "read-only.log")
            outcome.struck += 1
            outcome.survived += _refused(child, "not writable", before)
            _mount("-o", "remount,rw", str(disk))
            finish(folder)
            outcome.ended(folder, undisturbed)
    except CannotMountError as error:
        return Outcome(outcome.fault, note=f"skipped: {error}")
    return outcome


def read_only_folder(root: Path, undisturbed: Path) -> Outcome:
    """The right to write is taken away, before a run and in the middle of one; by a user who is not root."""
    outcome = Outcome("read-only folder")
    root.chmod(0o755)
    for meanwhile in (False, True):
        home = root / f"unprivileged-{meanwhile}"
        home.mkdir()
        folder = home / "run"
        if os.geteuid() == 0:
            os.chown(home, NOBODY, NOBODY)
        child = Child(folder, Pace(steps=5), unprivileged=True)
        child.until(lambda: len(checkpoints_of(folder)) == 2)  # noqa: B023
        if not meanwhile:
            child.kill()
        folder.chmod(0o500)
        (folder / "checkpoints").chmod(0o500)
        if not meanwhile:
            child = Child(folder, Pace(steps=5), unprivileged=True)
        status = child.wait()
        outcome.struck += 1
        outcome.bytes_lost += damaged_bytes(folder)
        told = "cannot be written" in child.said or "not writable" in child.said
        outcome.survived += status == 2 and told and len(checkpoints_of(folder)) == 2
        folder.chmod(0o700)
        (folder / "checkpoints").chmod(0o700)
        finish(folder, unprivileged=True)
        outcome.ended(folder, undisturbed)
    return outcome


def deleted(root: Path, undisturbed: Path) -> Outcome:
    """Somebody deletes the folder, or puts another in its place, while the run goes on."""
    outcome = Outcome("folder deleted or replaced")
    for replaced in (False, True):
        folder = root / f"deleted-{replaced}"
        child = Child(folder, Pace(steps=5))
        child.until(lambda: len(checkpoints_of(folder)) == 2)  # noqa: B023
        folder.rename(root / f"kept-{replaced}")
        if replaced:
            folder.mkdir()
        status = child.wait()
        outcome.struck += 1
        outcome.bytes_lost += damaged_bytes(root / f"kept-{replaced}")
        untouched = not list(folder.rglob("*.safetensors"))
        outcome.survived += status == 2 and untouched and "Traceback" not in child.said
        finish(root / f"kept-{replaced}")
        outcome.ended(root / f"kept-{replaced}", undisturbed)
    return outcome


def two_writers(root: Path, undisturbed: Path, rivals: int = 4) -> Outcome:
    """Others want the folder while a run holds it: each is told the process id of the first."""
    outcome = Outcome("two writers")
    folder = root / "wanted"
    first = Child(folder, Pace(steps=1))
    first.until(lambda: len(checkpoints_of(folder)) > 0)
    for _ in range(rivals):
        # the first must not end before the others have asked
        os.kill(first.pid, signal.SIGSTOP)
        rival = Child(folder, Pace(steps=1))
        outcome.struck += 1
        told = f"in use by another priormix process (pid {first.pid})"
        outcome.survived += rival.wait() == 2 and told in rival.said
        os.kill(first.pid, signal.SIGCONT)
    assert first.wait() == 0
    outcome.bytes_lost += damaged_bytes(folder)
    outcome.ended(folder, undisturbed)
    return outcome


def _refused(child: Child, words: str, before: list[bytes]) -> bool:
    status = child.wait()
    same = [path.read_bytes() for path in checkpoints_of(child.folder)] == before
    return status == 2 and words in child.said and same


def _stop_half_way(folder: Path) -> None:
    child = Child(folder, Pace(steps=5))
    child.until(lambda: len(checkpoints_of(folder)) == 2)
    child.kill()


def _checkpoint_size(root: Path) -> int:
    folder = root / "sized"
    _stop_half_way(folder)
    size = checkpoints_of(folder)[-1].stat().st_size
    shutil.rmtree(folder)
    return size


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise CannotMountError(f"mount {' '.join(arguments)}: {done.stderr.strip()}")
