"""Files that are either whole or absent, and folders with one writer."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from priormix.errors import PriormixError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Raises PriormixError where the place cannot be written; what was there before stays.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        publish(partial, path)
    except OSError as error:
        discard(partial)
        raise PriormixError(f"{path}: cannot be written ({error.strerror or error})") from error


def publish(partial: Path, path: Path) -> None:
    """Give a finished file its name, so that even a power cut leaves the old file or the new one.

    Raises OSError where that fails.
    """
    sync(partial)
    partial.replace(path)
    # the new name is an entry of the folder, which has a cache of its own
    sync(path.parent)


def discard(path: Path) -> None:
    """Remove what an attempt left over, where there is something and it can be removed."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Create a folder and those above it; raises PriormixError where it cannot be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PriormixError(f"{path}: cannot create this folder ({error.strerror or error})") from error
    if not os.access(path, os.W_OK):
        raise PriormixError(f"{path}: this folder is not writable")


class Hold:
    """This process's hold on a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = folder / ".lock"
        self._identity = self._identify()

    def check(self) -> None:
        """Raise PriormixError where the folder was deleted, moved or replaced since it was taken hold of."""
        if self._identify() != self._identity:
            raise PriormixError(
                f"{self._folder}: this folder was deleted, moved or replaced while it was being written to"
            )

    def _identify(self) -> tuple[int, int] | None:
        try:
            found = self._lock.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


@contextmanager
def sole_writer(folder: Path) -> Iterator[Hold]:
    """Hold a folder for this process.

    Raises PriormixError where the folder cannot be written, and where another process holds it, whose id
    the error names.
    """
    make_folder(folder)
    holder = folder / ".writer"
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise PriormixError(
            f"{folder}: in use by another priormix process (pid {_holder_in(holder)})"
        ) from None
    except OSError as error:
        raise PriormixError(f"{folder}: cannot be locked ({error.strerror or error})") from error
    try:
        write_atomically(holder, str(os.getpid()).encode())
        yield Hold(folder)
    finally:
        discard(holder)
        lock.release()


def _holder_in(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return "unknown"


def sync(path: Path) -> None:
    """Bring a file or the names in a folder to the disk; raises OSError where that fails."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
