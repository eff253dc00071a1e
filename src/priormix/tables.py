"""Tables on disk: Parquet, whole or not at all."""

from io import BytesIO
from pathlib import Path

import polars as pl

from priormix.errors import PriormixError
from priormix.files import write_atomically


def write_table(path: Path, table: pl.DataFrame) -> None:
    """Write a table as Parquet, whole or not at all."""
    buffer = BytesIO()
    table.write_parquet(buffer)
    write_atomically(path, buffer.getvalue())


def read_columns(path: Path, like: pl.DataFrame) -> pl.DataFrame:
    """Read a results table that has at least the columns of `like`, of its types.

    Raises PriormixError where it is missing, damaged or lacks one.
    """
    try:
        table = pl.read_parquet(path.read_bytes())
    except FileNotFoundError:
        raise PriormixError(f"{path}: no such results table") from None
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise PriormixError(
            f"{path}: damaged or not a Parquet file ({' '.join(str(error).split())})"
        ) from error
    if any(table.schema.get(name) != kind for name, kind in like.schema.items()):
        raise PriormixError(f"{path}: has columns {table.columns}, a results table has {like.columns}")
    return table
