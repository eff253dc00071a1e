"""Files that are either whole or absent, and folders with one writer."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from priormix.errors import PriormixError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Raises PriormixError where the place cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise PriormixError(f"{path}: cannot be written ({error.strerror or error})") from error


def make_folder(path: Path) -> None:
    """Create a folder and those above it; raises PriormixError where it cannot be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PriormixError(f"{path}: cannot create this folder ({error.strerror or error})") from error
    if not os.access(path, os.W_OK):
        raise PriormixError(f"{path}: this folder is not writable")


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; raises PriormixError that names the process which holds it."""
    make_folder(folder)
    holder = folder / ".writer"
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        other = holder.read_text() if holder.exists() else "unknown"
        raise PriormixError(f"{folder}: in use by another priormix process (pid {other})") from None
    try:
        write_atomically(holder, str(os.getpid()).encode())
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
