"""Figures 4 to 6: one prompt a panel as in the study, and the same over many prompts."""

import matplotlib.pyplot as plt
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter

from priormix.report.lines import one_line_a_model
from priormix.report.style import legend_below
from priormix.studies.names import BAYES_BOTH, BAYES_COMBINATION, BOTH, FEATURES, LINEAR, SINUSOID, bayes_name

MODELS = [LINEAR, SINUSOID, BOTH]
EXACT = [*map(bayes_name, MODELS), BAYES_COMBINATION]
SHARE = "unexplained share of the mean square"


def draw_panels(rows: pl.DataFrame) -> Figure:
    """One panel for every function: its examples, the truth, and what every model predicts over x."""
    rows = rows.filter(pl.col("metric").is_in(["prediction", "example"]))
    names = rows["scenario"].unique(maintain_order=True).to_list()
    columns = 3 if len(names) != 5 else 5
    height = -(-len(names) // columns)
    figure, grid = plt.subplots(
        height,
        columns,
        figsize=(3.1 * columns if columns == 3 else 12.5, 2.6 * height + 0.5),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for axes, name in zip(grid.flat, names, strict=False):
        _panel(axes, rows.filter(pl.col("scenario") == name), name)
    for axes in grid[-1]:
        axes.set_xlabel("query x")
    for axes in grid[:, 0]:
        axes.set_ylabel("y")
    legend_below(grid[0, 0], 5)
    return figure


def _panel(axes: Axes, rows: pl.DataFrame, name: str) -> None:
    predictions = rows.filter(pl.col("metric") == "prediction")
    one_line_a_model(axes, predictions, "parameter", ["truth", BAYES_BOTH, BAYES_COMBINATION, *MODELS])
    examples = rows.filter(pl.col("metric") == "example")
    axes.plot(
        examples["parameter"],
        examples["mean"],
        "o",
        color="black",
        markersize=3.5,
        zorder=5,
        label=f"the {examples.height} examples",
    )
    axes.set_title(name, fontsize=9.5)
    axes.set_ylim(-2.6, 2.6)
    axes.set_xlim(-2.5, 2.5)


def draw_class_curves(rows: pl.DataFrame) -> Figure:
    """Figure 4 over many prompts: learning curves on both classes and on their combination."""
    shares = rows.filter(pl.col("metric") == "unexplained_share")
    names = shares["scenario"].unique(maintain_order=True).to_list()
    figure, panels = plt.subplots(1, len(names), figsize=(3.3 * len(names), 3.6), sharey=True)
    for axes, name in zip(panels, names, strict=True):
        one_line_a_model(axes, shares.filter(pl.col("scenario") == name), "n_examples")
        axes.set(title=f"on {name}", xlabel="in-context examples", yscale="log", ylim=(1e-3, 5))
    panels[0].set_ylabel(SHARE)
    # the combination alone has a Bayes predictor of its own
    legend_below(panels[-1], 4)
    return figure


def draw_weight_axis(rows: pl.DataFrame) -> Figure:
    """Figure 5 over many prompts: what is left unexplained against the weight of the line."""
    figure, axes = _axis(rows, "weight")
    axes.set(xlabel="weight a of the line in a·line + (1 − a)·cosine of frequency 1")
    return figure


def draw_frequency_axis(rows: pl.DataFrame) -> Figure:
    """Figure 6 over many prompts: what is left unexplained against the frequency."""
    figure, axes = _axis(rows, "frequency")
    axes.set(xscale="log", xlabel="frequency ω of cos(2πωx) (cycles per unit of x)")
    axes.xaxis.set_major_locator(FixedLocator([0.01, 0.1, 0.5, 1, 5, 10]))
    axes.set_xticklabels(["0.01", "0.1", "0.5", "1", "5", "10"])
    axes.xaxis.set_minor_formatter(NullFormatter())
    return figure


def _axis(rows: pl.DataFrame, scenario: str) -> tuple[Figure, Axes]:
    shares = rows.filter(pl.col("metric") == "unexplained_share", pl.col("scenario") == scenario)
    figure, axes = plt.subplots(figsize=(7.2, 4.0))
    one_line_a_model(axes, shares, "parameter", [*EXACT, FEATURES])
    one_line_a_model(axes, shares, "parameter", MODELS, marker="o")
    axes.axhline(1, color="#777777", linewidth=1, linestyle=":", label="predicting 0")
    axes.set(yscale="log", ylabel=SHARE, title=f"After {max(shares['n_examples'].to_list())} examples")
    axes.set_ylim(1e-4, 10)
    legend_below(axes, 3)
    return figure, axes
