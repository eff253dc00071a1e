"""The results table of a study: one tidy row for every number that a figure shows."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import polars as pl
from scipy.stats import t as student

from priormix.errors import PriormixError
from priormix.files import write_atomically

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


def write_table(path: Path, table: pl.DataFrame) -> None:
    """Write a table as Parquet, whole or not at all."""
    write_atomically(path, _parquet(table))


def read_table(path: Path) -> pl.DataFrame:
    """Read a results table; raises PriormixError where it is missing, damaged or has other columns."""
    try:
        table = pl.read_parquet(path.read_bytes())
    except FileNotFoundError:
        raise PriormixError(f"{path}: no such results table") from None
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise PriormixError(
            f"{path}: damaged or not a Parquet file ({' '.join(str(error).split())})"
        ) from error
    if dict(table.schema) != SCHEMA:
        raise PriormixError(f"{path}: has columns {table.columns}, a results table has {list(SCHEMA)}")
    return table


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


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
    quantiles = [float(student.ppf(0.975, n - 1)) if n > 1 else 0.0 for n in counts]
    half = pl.col("spread") * pl.Series(quantiles) / pl.col("n_seeds").sqrt()
    several = pl.col("n_seeds") > 1
    return pooled.with_columns(
        pl.when(several).then(pl.col("mean") - half).otherwise(pl.col("low")).alias("low"),
        pl.when(several).then(pl.col("mean") + half).otherwise(pl.col("high")).alias("high"),
    ).drop("spread")
