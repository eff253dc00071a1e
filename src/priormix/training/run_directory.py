"""The folder of one run: recipe, weights, metrics, and the versions that it ran with."""

import json
import platform
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

import torch

from priormix.errors import PriormixError
from priormix.files import Hold, sole_writer, write_atomically
from priormix.models import InContextNetwork
from priormix.recipe import Recipe, read_recipe
from priormix.training.checkpoints import Checkpoints
from priormix.training.ranks import ALONE, Ranks
from priormix.training.tensor_tree import Tree
from priormix.training.weights import read_weights, write_weights


class RunDirectory:
    """A run's files, held by one process at a time, the first of the run's ranks; it alone writes.

    Files: `recipe.yaml`, `metrics.csv`, `environment.json`, while it runs the last two `checkpoints`, and
    `weights.safetensors`, which is written last and so marks a run that is finished.

    Raises PriormixError on entry where the folder holds the run of another recipe, is in use, or cannot be
    written.
    """

    def __init__(self, folder: Path, recipe: Recipe, ranks: Ranks = ALONE) -> None:
        self.folder = folder
        self.recipe = recipe
        self.weights = folder / "weights.safetensors"
        self.metrics = folder / "metrics.csv"
        self.checkpoints = Checkpoints(folder / "checkpoints", recipe)
        self._ranks = ranks
        self._stack = ExitStack()
        self._hold: Hold | None = None

    def __enter__(self) -> "RunDirectory":
        self._ranks.first_does(self._take_hold)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def finished(self) -> bool:
        return self._ranks.first_does(self.weights.exists)

    def network(self) -> InContextNetwork:
        """The trained network; raises PriormixError where its file is damaged."""
        return read_weights(self.weights)[0]

    def newest(self) -> Tree | None:
        """The state in the newest whole checkpoint, on every rank; None where there is none."""
        return self._ranks.first_does(self.checkpoints.newest)

    def save(self, state: Tree) -> None:
        """Write a checkpoint; raises PriormixError where it cannot be written or the folder is gone."""
        self._ranks.first_does(lambda: self._save(state))

    def finish(self, network: InContextNetwork) -> None:
        """Write the weights, which marks the run as finished, and drop the checkpoints.

        Raises PriormixError where the weights cannot be written; the checkpoints stay then.
        """
        self._ranks.first_does(lambda: self._finish(network))

    def _take_hold(self) -> None:
        with ExitStack() as stack:
            self._hold = stack.enter_context(sole_writer(self.folder))
            self._claim()
            if self.weights.exists():
                self.checkpoints.remove()
            self._stack = stack.pop_all()

    def _save(self, state: Tree) -> None:
        self._check_hold()
        self.checkpoints.write(state)

    def _finish(self, network: InContextNetwork) -> None:
        self._check_hold()
        write_weights(self.weights, network, self.recipe)
        self.checkpoints.remove()

    def _check_hold(self) -> None:
        if self._hold is None:
            raise PriormixError(f"{self.folder}: this process does not hold the folder")
        self._hold.check()

    def _claim(self) -> None:
        path = self.folder / "recipe.yaml"
        if path.exists():
            held = read_recipe(path)
            if held != self.recipe:
                raise PriormixError(
                    f"{self.folder}: holds run {held.run_id} of another recipe, not {self.recipe.run_id}; "
                    f"choose another output folder"
                )
        elif self.weights.exists():
            raise PriormixError(
                f"{self.folder}: holds weights without a recipe; choose another output folder"
            )
        write_atomically(path, self.recipe.to_yaml().encode())
        if not self.weights.exists():
            write_atomically(self.folder / "environment.json", json.dumps(_environment(), indent=2).encode())


def _environment() -> dict[str, str | int]:
    packages = {name: version(name) for name in ("priormix", "torch", "lightning-fabric", "pydantic")}
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        **packages,
    }
