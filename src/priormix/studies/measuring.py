"""Measures figures, several at once on a CPU, and keeps what was measured."""

import hashlib
import json
import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing.connection import wait
from pathlib import Path

import polars as pl
import torch
from rich.console import Console

from priormix import zoo
from priormix.files import make_folder
from priormix.studies.figure import Bench
from priormix.studies.figures import FIGURES
from priormix.studies.preset import Preset
from priormix.studies.results import read_table, to_table
from priormix.tables import write_table

# figures with many exact posteriors of sinusoids, longest first; begun last, they would run alone at the end
_LONGEST = ("S4", "5", "S1", "6")


@dataclass(frozen=True)
class Part:
    """One figure of a study for one pretraining seed; its table is kept in `out/<preset>/parts`."""

    figure: str
    seed: int
    preset: Preset
    out: Path

    @property
    def title(self) -> str:
        return f"figure {self.figure}" + (f", seed {self.seed}" if self.seed else "")

    @property
    def runs(self) -> dict[str, str]:
        """The run id of every model."""
        recipes = FIGURES[self.figure].models(self.preset, self.seed)
        return {name: recipe.run_id for name, recipe in recipes.items()}

    @property
    def path(self) -> Path:
        """Where the table is kept: the name holds a hash of all that the numbers depend on."""
        identity = {
            "priormix": version("priormix"),
            "preset": self.preset.model_dump(mode="json", exclude={"figures"}),
            "runs": self.runs,
        }
        key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
        return self.out / self.preset.name / "parts" / f"figure-{self.figure}-{key}.parquet"

    def measure(self, device: torch.device) -> None:
        """Measure the figure with the trained networks, and keep the table."""
        models = {name: zoo.load(source, device=str(device)) for name, source in self._sources().items()}
        rows = FIGURES[self.figure].rows(Bench(self.preset, models, device), self.seed)
        table = to_table(rows)
        make_folder(self.path.parent)
        write_table(self.path, table)

    def _sources(self) -> dict[str, str | Path]:
        """What to load for every model: the run that was trained for it, or its name in the zoo."""
        if not self.preset.pretrained:
            return {name: self.out / "runs" / run_id for name, run_id in self.runs.items()}
        shipped = zoo.names_by_run_id()
        return {name: shipped[run_id] for name, run_id in self.runs.items()}


def measure_all(parts: list[Part], device: torch.device, console: Console) -> pl.DataFrame:
    """The tables of all parts, one below the other; those that were measured before are read back.

    On a CPU there is one process a core, each with one thread.
    """
    missing = [part for part in parts if not part.path.exists()]
    jobs = min(len(missing), os.cpu_count() or 1) if device.type == "cpu" else 1
    for part in _at_once(missing, jobs) if jobs > 1 else _in_turn(missing, device):
        console.print(f"measured {part.title}")
    return pl.concat([read_table(part.path) for part in parts]).unique(maintain_order=True)


def _in_turn(parts: list[Part], device: torch.device) -> Iterator[Part]:
    for part in parts:
        part.measure(device)
        yield part


def _at_once(parts: list[Part], jobs: int) -> Iterator[Part]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_prepare) as pool:
        waiting: dict[Future[None], Part] = {
            pool.submit(part.measure, torch.device("cpu")): part for part in sorted(parts, key=_place)
        }
        try:
            for future in as_completed(waiting):
                future.result()
                yield waiting[future]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _place(part: Part) -> int:
    return _LONGEST.index(part.figure) if part.figure in _LONGEST else len(_LONGEST)


def _prepare() -> None:
    """One thread for this process, which ends when the one that started it does."""
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
