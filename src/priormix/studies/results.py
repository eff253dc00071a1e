"""The results table of a study: one tidy row for every number that a figure shows."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
from scipy.special import stdtrit

from priormix.errors import PriormixError
from priormix.tables import read_columns

SCHEMA: dict[str, type[pl.DataType]] = {
    "figure": pl.String,
    "model": pl.String,
    "scenario": pl.String,
    "parameter": pl.Float64,
    "n_examples": pl.Int64,
    "metric": pl.String,
    "mean": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n_prompts": pl.Int64,
    "seed": pl.Int64,
}


@dataclass(frozen=True)
class Row:
    """One number with its 95% interval.

    `parameter` is the value on the scenario's own axis (nonzeros, a, ω, or the query x of a panel),
    `n_examples` the number of examples before the prediction (None: averaged over all prefixes), `seed`
    that of the model's pretraining (None: nothing was trained). `low` and `high` are None for a number
    that is no mean over prompts.
    """

    figure: str
    model: str
    scenario: str
    metric: str
    mean: float
    low: float | None
    high: float | None
    n_prompts: int
    parameter: float | None = None
    n_examples: int | None = None
    seed: int | None = None


def to_table(rows: Iterable[Row]) -> pl.DataFrame:
    """The rows as a table with the columns of SCHEMA."""
    return pl.DataFrame([asdict(row) for row in rows], schema=SCHEMA)


def read_table(path: Path) -> pl.DataFrame:
    """Read a study's table; raises PriormixError where it is missing, damaged or has other columns."""
    table = read_columns(path, pl.DataFrame(schema=SCHEMA))
    if table.columns != list(SCHEMA):
        raise PriormixError(f"{path}: has columns {table.columns}, a results table has {list(SCHEMA)}")
    return table


def pool_seeds(table: pl.DataFrame) -> pl.DataFrame:
    """One row in place of those that differ in their seed only, with a column `n_seeds`.

    A single seed keeps its interval over prompts. Several get the t interval over seeds, which holds
    the spread between pretraining runs and that between prompts both.
    """
    keys = [name for name in SCHEMA if name not in ("mean", "low", "high", "seed", "n_prompts")]
    pooled = table.group_by(keys, maintain_order=True).agg(
        pl.col("mean").mean(),
        pl.col("mean").std().alias("spread"),
        pl.col("low").first(),
        pl.col("high").first(),
        pl.col("n_prompts").sum(),
        pl.len().alias("n_seeds"),
    )
    counts = pooled["n_seeds"].to_list()
    quantiles = [float(stdtrit(n - 1, 0.975)) if n > 1 else 0.0 for n in counts]
    half = pl.col("spread") * pl.Series(quantiles) / pl.col("n_seeds").sqrt()
    several = pl.col("n_seeds") > 1
    return pooled.with_columns(
        pl.when(several).then(pl.col("mean") - half).otherwise(pl.col("low")).alias("low"),
        pl.when(several).then(pl.col("mean") + half).otherwise(pl.col("high")).alias("high"),
    ).drop("spread")
