"""Figures 1 to 3 and 7 to 9, in the arrangement of the study."""

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from matplotlib.figure import Figure

from priormix.palette import GREY, stroke
from priormix.report.lines import one_line_a_model
from priormix.report.style import legend_below
from priormix.studies.names import BAYES_MIXTURE, BEST_LASSO, DENSE, LEAST_SQUARES, MIXTURE, SPARSE

SINGLES = [SPARSE, DENSE, MIXTURE]
MSE = "mean squared error (units of y²)"


def draw_bars(rows: pl.DataFrame) -> Figure:
    """Figure 1: a group of bars for every scenario, the exact optimum as a mark on each group."""
    errors = rows.filter(pl.col("metric") == "mse")
    scenarios = errors.sort("parameter")["scenario"].unique(maintain_order=True).to_list()
    k = max(errors["n_examples"].to_list())
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    for rank, model in enumerate(SINGLES):
        own = errors.filter(pl.col("model") == model).sort("parameter")
        places = np.arange(len(scenarios)) + (rank - 1) * 0.26
        axes.bar(places, own["mean"], 0.24, color=stroke(model).colour, label=f"pretrained on {model}")
        spread = [own["mean"] - own["low"], own["high"] - own["mean"]]
        axes.errorbar(places, own["mean"], spread, fmt="none", ecolor="black", capsize=2, linewidth=0.9)
        for place, mean, high in zip(places, own["mean"], own["high"], strict=True):
            axes.annotate(
                f"{mean:.3f}", (place, high), (0, 3), textcoords="offset points", ha="center", fontsize=7.5
            )
    optimum = errors.filter(pl.col("model") == BAYES_MIXTURE).sort("parameter")
    axes.hlines(
        optimum["mean"],
        np.arange(len(scenarios)) - 0.42,
        np.arange(len(scenarios)) + 0.42,
        color="black",
        linestyle="--",
        linewidth=1.1,
        label="exact Bayes under the half-half prior",
    )
    axes.set_xticks(range(len(scenarios)), scenarios)
    axes.grid(axis="x", visible=False)
    axes.set(xlabel="evaluated on", ylabel=MSE, title=f"Error after {k} examples")
    legend_below(axes, 2)
    return figure


def draw_weight_curves(rows: pl.DataFrame) -> Figure:
    """Figures 2 and 7 to 9: a panel of learning curves for every class."""
    errors = rows.filter(pl.col("metric") == "mse")
    scenarios = errors["scenario"].unique(maintain_order=True).to_list()
    figure, panels = plt.subplots(1, len(scenarios), figsize=(4.6 * len(scenarios), 4.4), sharey=True)
    for axes, scenario in zip(panels, scenarios, strict=True):
        here = errors.filter(pl.col("scenario") == scenario)
        one_line_a_model(axes, here, "n_examples")
        axes.set(title=f"on {scenario} functions", xlabel="in-context examples")
        axes.set_ylim(0, 1.3)
    panels[0].set_ylabel(MSE)
    legend_below(panels[0], 3)
    return figure


def draw_nonzeros_sweep(rows: pl.DataFrame) -> Figure:
    """Figure 3: errors over the number of nonzeros, and relative distances from the mixture model."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 4.2))
    errors = rows.filter(pl.col("metric") == "mse")
    one_line_a_model(
        left, errors, "parameter", [*SINGLES, LEAST_SQUARES, BEST_LASSO, BAYES_MIXTURE], marker="o"
    )
    left.set(
        title=f"3a: error after {max(errors['n_examples'].to_list())} examples",
        xlabel="nonzero coefficients",
        ylabel=MSE,
    )
    left.set_ylim(bottom=0)
    distances = rows.filter(pl.col("metric") == "relative_distance")
    for single in (SPARSE, DENSE):
        own = distances.filter(pl.col("model") == f"{MIXTURE} vs {single}").with_columns(model=pl.lit(single))
        one_line_a_model(right, own, "parameter", marker="o")
    right.axhline(0, color=GREY, linewidth=0.8)
    right.set(
        title="3b: distance of the half-half model from each",
        xlabel="nonzero coefficients",
        ylabel="mean squared difference,\nrelative to that between the two",
    )
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    legend_below(left, 3)
    return figure
