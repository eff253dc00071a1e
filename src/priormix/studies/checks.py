"""Checks: numbers of the results table that must lie on one side of a threshold."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl

Side = Literal["below", "above"]

# in units of Var f: a difference in error that counts as none
AS_GOOD = 0.03


@dataclass(frozen=True)
class Check:
    """One number that must lie on one side of a threshold with its whole 95% interval."""

    what: str
    estimate: float
    low: float
    high: float
    threshold: float
    side: Side

    @property
    def holds(self) -> bool | None:
        """True or False where the interval lies on one side of the threshold, None where it straddles."""
        if self.low <= self.threshold <= self.high or self.low != self.low:
            return None
        return (self.high < self.threshold) == (self.side == "below")

    @property
    def margin(self) -> float:
        """How far the nearer end of the interval is on the right side; negative on the wrong side."""
        return self.threshold - self.high if self.side == "below" else self.low - self.threshold

    def to_dict(self) -> dict[str, Any]:
        """The check as plain data, with its outcome."""
        return {**asdict(self), "holds": self.holds}


def all_hold(checks: Iterable[Check]) -> bool | None:
    """True if all of them hold, False if one of them fails, None if neither is certain."""
    outcomes = [check.holds for check in checks]
    return False if False in outcomes else None if None in outcomes else True


def check_row(what: str, row: dict[str, Any], threshold: float, side: Side) -> Check:
    """The check of one row of the table."""
    return Check(what, row["mean"], row["low"], row["high"], threshold, side)


def one_row(
    table: pl.DataFrame, figure: str, metric: str, model: str, scenario: str, parameter: float | None = None
) -> dict[str, Any]:
    """The first row of that description."""
    chosen = table.filter(
        pl.col("figure") == figure,
        pl.col("metric") == metric,
        pl.col("model") == model,
        pl.col("scenario") == scenario,
        pl.lit(True) if parameter is None else (pl.col("parameter") - parameter).abs() < 1e-9,
    )
    return chosen.row(0, named=True)
