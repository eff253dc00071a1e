"""Figures S2 and S4: whose fault an error is out of distribution, and how errors grow with a shift."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from priormix.palette import BLUE, GREY, ORANGE
from priormix.report.lines import one_line_a_model
from priormix.report.style import legend_below
from priormix.studies.names import BAYES_OWN, BOTH, LEAST_SQUARES, MIXTURE, bayes_name
from priormix.studies.readings import faults

PARTS = {
    "own_bayes_error": ("unavoidable: exact Bayes with the scenario's own prior", GREY),
    "prior_excess": ("the prior's: exact Bayes with the pretraining prior, minus that", ORANGE),
    "network_excess": ("the network's: the model minus exact Bayes with the pretraining prior", BLUE),
}


def _attribution(model: str, rows: pl.DataFrame) -> Figure:
    """Three bars for every scenario, and in words whose fault the error is."""
    rows = rows.filter(pl.col("model") == model)
    words = {fault.scenario: fault.words for fault in faults(rows)}
    names = rows["scenario"].unique(maintain_order=True).to_list()
    figure, axes = plt.subplots(figsize=(8.6, 0.55 * len(names) + 1.6))
    places = np.arange(len(names))
    for rank, (metric, (label, colour)) in enumerate(PARTS.items()):
        own = rows.filter(pl.col("metric") == metric)
        at = places + (rank - 1) * 0.26
        axes.barh(at, own["mean"], 0.24, color=colour, label=label)
        spread = [own["mean"] - own["low"], own["high"] - own["mean"]]
        axes.errorbar(own["mean"], at, xerr=spread, fmt="none", ecolor="black", capsize=2, linewidth=0.9)
    for place, name in zip(places, names, strict=True):
        axes.annotate(
            words[name], (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8.5
        )
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xscale("symlog", linthresh=0.03, linscale=0.6)
    axes.axvline(0, color="black", linewidth=0.8)
    k = max(rows["n_examples"].to_list())
    axes.set(
        xlabel="mean squared error (units of y²; linear below 0.03)", title=f"{model} model, {k} examples"
    )
    legend_below(axes, 1)
    return figure


draw_linear_attribution = partial(_attribution, MIXTURE)
draw_curve_attribution = partial(_attribution, BOTH)


def _sweeps(model: str, rows: pl.DataFrame) -> Figure:
    """A panel for every shift: what stays unexplained against its severity."""
    own = rows.filter(
        pl.col("scenario").str.starts_with(f"{model}: "), pl.col("metric") == "unexplained_share"
    )
    names = own["scenario"].unique(maintain_order=True).to_list()
    columns = 4
    height = -(-len(names) // columns)
    figure, grid = plt.subplots(
        height, columns, figsize=(12.5, 2.7 * height + 0.6), sharey=True, squeeze=False
    )
    for axes, name in zip(grid.flat, names, strict=False):
        _sweep(axes, own.filter(pl.col("scenario") == name), model)
        axes.set_xlabel(_folded(name.removeprefix(f"{model}: ")))
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("unexplained share")
    # own and pretraining prior coincide in some panels; the last one shows all lines
    legend_below(grid.flat[len(names) - 1], 4)
    return figure


def _sweep(axes: Axes, rows: pl.DataFrame, model: str) -> None:
    one_line_a_model(
        axes, rows, "parameter", [LEAST_SQUARES, bayes_name(model), BAYES_OWN, model], marker="o"
    )
    axes.axhline(1, color=GREY, linewidth=1, linestyle=":")
    axes.set(yscale="log")
    axes.set_ylim(1e-3, 20)


draw_linear_sweeps = partial(_sweeps, MIXTURE)
draw_curve_sweeps = partial(_sweeps, BOTH)


def _folded(label: str) -> str:
    """A long label on two lines, broken at the space nearest to its middle."""
    if len(label) < 36:
        return label
    spaces = [place for place, letter in enumerate(label) if letter == " "]
    middle = min(spaces, key=lambda place: abs(place - len(label) / 2))
    return f"{label[:middle]}\n{label[middle + 1 :]}"
