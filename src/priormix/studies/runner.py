"""Runs a study: trains what is missing, measures what is missing, and writes one table."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import torch
from rich.console import Console

from priormix.errors import PriormixError
from priormix.files import sole_writer, write_atomically
from priormix.studies.figures import FIGURES
from priormix.studies.measuring import Part, measure_all
from priormix.studies.preset import Preset
from priormix.studies.training import train_all
from priormix.tables import write_table


def run_study(
    preset: Preset,
    out: Path,
    *,
    figures: Sequence[str] | None = None,
    seeds: int = 1,
    device: torch.device,
    console: Console,
    address: str | None = None,
) -> pl.DataFrame:
    """Train and measure what the figures need, and return the study's table.

    Networks live in `out/runs/<run_id>`, those of a pretrained preset in the package; measurements in
    `out/<preset>/parts`, the whole table in `out/<preset>/results.parquet`. Whatever is there already and
    belongs to the same recipes is kept. The Ray cluster at `address` trains where one is given.

    Raises PriormixError for figures or seeds that the preset does not have, and where the folder is in use
    or cannot be written.
    """
    if preset.pretrained and seeds > 1:
        raise PriormixError(f"seeds: the package ships one pretraining run of every model, given: {seeds}")
    chosen = _chosen(figures, preset)
    folder = out / preset.name
    with sole_writer(folder):
        write_atomically(folder / "preset.json", preset.model_dump_json(indent=2).encode())
        recipes = [
            (f"{name}, seed {seed}" if seeds > 1 else name, recipe)
            for seed in range(seeds)
            for figure in chosen
            for name, recipe in FIGURES[figure].models(preset, seed).items()
        ]
        if not preset.pretrained:
            train_all(recipes, out / "runs", device, console, address)
        parts = [Part(figure, seed, preset, out) for figure in chosen for seed in range(seeds)]
        table = measure_all(parts, device, console)
        write_table(folder / "results.parquet", table)
        return table


def _chosen(figures: Sequence[str] | None, preset: Preset) -> list[str]:
    """The preset's figures that are asked for, in the preset's order; all of them by default."""
    missing = [name for name in figures or () if name not in preset.figures]
    if missing:
        raise PriormixError(
            f"figures: preset {preset.name!r} has figures {', '.join(preset.figures)}, "
            f"given: {', '.join(missing)}"
        )
    return [name for name in preset.figures if not figures or name in figures]
