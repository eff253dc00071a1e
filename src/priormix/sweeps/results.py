"""The results table of a sweep: one row a run, the varied fields first. Loads no torch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from priormix.files import write_atomically
from priormix.tables import read_columns, write_table

METRICS: dict[str, type[pl.DataType]] = {
    "loss": pl.Float64,
    "excess": pl.Float64,
    "seconds": pl.Float64,
    "prompts_per_second": pl.Float64,
    "prompts": pl.Int64,
}
ENDINGS: dict[str, type[pl.DataType]] = {
    "status": pl.String,
    "reason": pl.String,
    **METRICS,
    "run_id": pl.String,
}
TABLE, AS_TEXT = "results.parquet", "results.csv"
Status = Literal["finished", "failed", "unfinished"]


@dataclass(frozen=True)
class Ending:
    """How one run of a sweep stands; the columns after the varied fields.

    `loss` is the mean training loss at the end of the run, `excess` the error above exact Bayes on
    held-out prompts, both in squared units of y; all numbers are None for a run that is not finished.
    """

    run_id: str
    status: Status
    reason: str | None = None
    loss: float | None = None
    excess: float | None = None
    seconds: float | None = None
    prompts_per_second: float | None = None
    prompts: int | None = None


def to_table(rows: Sequence[tuple[Mapping[str, Any], Ending]]) -> pl.DataFrame:
    """The values of the varied fields and how the run stands, one row a run.

    A field whose values are not all numbers, all truth values or all text is written as JSON.
    """
    fields = rows[0][0].keys() if rows else ()
    varied = [_column(field, [values[field] for values, _ in rows]) for field in fields]
    endings = [asdict(ending) for _, ending in rows]
    return pl.DataFrame([*varied, *pl.DataFrame(endings, schema=ENDINGS).get_columns()])


def _column(name: str, values: list[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    for kind, allowed in (
        (pl.Boolean, {bool}),
        (pl.Int64, {int}),
        (pl.Float64, {int, float}),
        (pl.String, {str}),
    ):
        if kinds <= allowed:
            return pl.Series(name, values, dtype=kind, strict=False)
    return pl.Series(name, [json.dumps(value, sort_keys=True, default=str) for value in values])


def varied_fields(table: pl.DataFrame) -> list[str]:
    """The columns that hold varied fields."""
    return [name for name in table.columns if name not in ENDINGS]


def write_results(folder: Path, table: pl.DataFrame) -> None:
    """Write the table as Parquet, and as CSV beside it."""
    write_table(folder / TABLE, table)
    write_atomically(folder / AS_TEXT, table.write_csv().encode())


def read_results(folder: Path) -> pl.DataFrame:
    """Read a sweep's table; raises PriormixError where it is missing, damaged or lacks a column."""
    return read_columns(folder / TABLE, pl.DataFrame(schema=ENDINGS))
