"""Parts that several figures are drawn from."""

import polars as pl
from matplotlib.axes import Axes

from priormix.palette import stroke


def line_with_band(
    axes: Axes, rows: pl.DataFrame, axis: str, model: str, *, marker: str | None = None
) -> None:
    """A line over the column `axis`, with the 95% interval as a band."""
    rows = rows.sort(axis)
    look = stroke(model)
    axes.plot(
        rows[axis],
        rows["mean"],
        look.dashes,
        color=look.colour,
        linewidth=look.width,
        label=model,
        marker=marker,
        markersize=3.5,
    )
    if rows["low"].null_count() == 0:
        axes.fill_between(rows[axis], rows["low"], rows["high"], color=look.colour, alpha=0.18, linewidth=0)


def one_line_a_model(
    axes: Axes, rows: pl.DataFrame, axis: str, models: list[str] | None = None, *, marker: str | None = None
) -> None:
    """A line with its band for every model in the rows, or for the given ones in their order."""
    for model in models if models is not None else rows["model"].unique(maintain_order=True):
        own = rows.filter(pl.col("model") == model)
        if own.height:
            line_with_band(axes, own, axis, model, marker=marker)
