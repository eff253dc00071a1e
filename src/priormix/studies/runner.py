"""Runs a study: trains what is missing, measures what is missing, and writes one table."""

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import polars as pl
import torch
from rich.console import Console

from priormix import zoo
from priormix.errors import PriormixError
from priormix.files import make_folder, sole_writer, write_atomically
from priormix.recipe import Recipe
from priormix.studies.figure import Bench, Figure
from priormix.studies.figures import FIGURES
from priormix.studies.pool import train_all
from priormix.studies.preset import Preset
from priormix.studies.results import read_table, to_table, write_table


def run_study(
    preset: Preset,
    out: Path,
    *,
    figures: Sequence[int] | None = None,
    seeds: int = 1,
    device: torch.device,
    console: Console,
) -> pl.DataFrame:
    """Train and measure what the figures need, and return the study's table.

    Networks live in `out/runs/<run_id>`, measurements in `out/<preset>/parts`, the whole table in
    `out/<preset>/results.parquet`. Whatever is there already and belongs to the same recipes is kept.

    Raises PriormixError for figures that the preset does not have, and where the folder is in use or
    cannot be written.
    """
    chosen = [FIGURES[number] for number in _checked(figures, preset)]
    folder = out / preset.name
    with sole_writer(folder):
        write_atomically(folder / "preset.json", preset.model_dump_json(indent=2).encode())
        recipes = [
            (f"{name}, seed {seed}" if seeds > 1 else name, recipe)
            for seed in range(seeds)
            for figure in chosen
            for name, recipe in figure.models(preset, seed).items()
        ]
        train_all(recipes, out / "runs", device, console)
        parts = [
            _measured(figure, preset, seed, out, device, console)
            for figure in chosen
            for seed in range(seeds)
        ]
        table = pl.concat(parts).unique(maintain_order=True)
        write_table(folder / "results.parquet", table)
        return table


def _checked(figures: Sequence[int] | None, preset: Preset) -> Sequence[int]:
    missing = sorted(set(figures or ()) - set(preset.figures))
    if missing:
        raise PriormixError(
            f"figures: preset {preset.name!r} has figures {_listed(preset.figures)}, "
            f"given: {_listed(missing)}"
        )
    return sorted(set(figures or preset.figures))


def _measured(
    figure: Figure, preset: Preset, seed: int, out: Path, device: torch.device, console: Console
) -> pl.DataFrame:
    """The figure's rows for one seed, read back where the same measurement was made before."""
    recipes = figure.models(preset, seed)
    path = out / preset.name / "parts" / f"figure-{figure.name}-{_key(preset, recipes)}.parquet"
    if path.exists():
        return read_table(path)
    console.print(f"measuring figure {figure.name}" + (f", seed {seed}" if seed else ""))
    models = {
        name: zoo.load(out / "runs" / recipe.run_id, device=str(device)) for name, recipe in recipes.items()
    }
    table = to_table(figure.rows(Bench(preset, models, device), seed))
    make_folder(path.parent)
    write_table(path, table)
    return table


def _key(preset: Preset, recipes: dict[str, Recipe]) -> str:
    identity = {
        "priormix": version("priormix"),
        "preset": preset.model_dump(mode="json"),
        "runs": {name: recipe.run_id for name, recipe in recipes.items()},
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
