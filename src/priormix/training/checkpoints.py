"""Checkpoints on disk: whole or absent, checksummed, the last two kept, nothing pickled."""

import hashlib
import json
import logging
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from priormix.errors import PriormixError
from priormix.files import discard, publish
from priormix.recipe import Recipe
from priormix.training.tensor_tree import Tree, flatten, unflatten

FORMAT = "priormix-checkpoint-1"
KEPT = 2

log = logging.getLogger("priormix")


class Checkpoints:
    """The checkpoints of one run: files `<number>-<checksum>.safetensors` in a folder of their own.

    The checksum is that of the whole file, so a file that was cut short or changed does not match its name.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.folder = folder
        self._recipe = recipe

    def write(self, state: Tree) -> Path:
        """Write the newest checkpoint, then drop all but the last two.

        Raises PriormixError where it cannot be written; those before it stay.
        """
        tensors, outline = flatten(state)
        held = {path: tensor.cpu().contiguous() for path, tensor in tensors.items()}
        header = {"format": FORMAT, "recipe": self._recipe.to_json(), "state": json.dumps(outline)}
        partial = self.folder / ".partial"
        numbers = [_number(path) for path in self._files()]
        try:
            self.folder.mkdir(exist_ok=True)
            save_file(held, partial, header)
            path = self.folder / f"{max(numbers, default=0) + 1:08d}-{_checksum(partial)}.safetensors"
            publish(partial, path)
        except (OSError, SafetensorError) as error:
            discard(partial)
            raise PriormixError(
                f"{self.folder}: a checkpoint cannot be written ({error}); those before it are intact, and "
                f"the same command goes on from them"
            ) from error
        for old in self._files()[:-KEPT]:
            discard(old)
        return path

    def newest(self) -> Tree | None:
        """The state in the newest whole checkpoint; None where there is none.

        A damaged one is set aside with a warning. Raises PriormixError where a checkpoint may not be read, or
        belongs to another recipe or another version of priormix.
        """
        found = self._files()
        for path in reversed(found):
            try:
                return self._read(path)
            except (ValueError, KeyError, TypeError, OSError, SafetensorError) as error:
                if isinstance(error, PriormixError | PermissionError):
                    raise PriormixError(f"{path}: cannot be used ({error})") from error
                log.warning("%s: damaged (%s); falling back to the checkpoint before it", path, error)
                _set_aside(path)
        if found:
            log.warning("%s: no whole checkpoint is left; starting from the beginning", self.folder)
        return None

    def remove(self) -> None:
        """Delete them all, as far as that can be done."""
        if self.folder.is_dir():
            for path in [*self.folder.glob("*.safetensors*"), self.folder / ".partial"]:
                discard(path)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*-*.safetensors"), key=_number)

    def _read(self, path: Path) -> Tree:
        if path.stem.partition("-")[2] != _checksum(path):
            raise ValueError("its checksum is not that in its name")
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            # clones: tensors straight from a file need not lie where the vector units want them
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        if header.get("format") != FORMAT:
            raise PriormixError(
                f"written as {header.get('format')!r}, this version of priormix reads {FORMAT!r}; go on with "
                f"the version that wrote it, or delete the folder {self.folder} to start again"
            )
        if header.get("recipe") != self._recipe.to_json():
            raise PriormixError(f"of another recipe; delete the folder {self.folder} to start again")
        return unflatten(tensors, json.loads(header["state"]))


def _number(path: Path) -> int:
    digits = path.name.partition("-")[0]
    return int(digits) if digits.isdecimal() else 0


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _set_aside(path: Path) -> None:
    """Keep a damaged file for whoever wants to look, under a name that is no checkpoint's."""
    path.replace(path.with_name(path.name + ".damaged"))
