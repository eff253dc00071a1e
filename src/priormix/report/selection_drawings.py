"""Figures S1 and S3: which class a model believes in, and what rare classes cost."""

import matplotlib.pyplot as plt
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter

from priormix.palette import BLACK, GREY, stroke
from priormix.report.lines import line_with_band, one_line_a_model
from priormix.report.style import legend_below
from priormix.studies.names import BAYES_BOTH, BAYES_MIXTURE, BOTH, DENSE, LINEAR, MIXTURE

MSE = "mean squared error (units of y²)"
NOISE_TICKS = (0.0, 0.03, 0.1, 0.2, 0.4, 1.0)


def draw_linear_choice(rows: pl.DataFrame) -> Figure:
    """Figure S1 for linear functions."""
    return _choice(rows, MIXTURE, BAYES_MIXTURE, DENSE)


def draw_curve_choice(rows: pl.DataFrame) -> Figure:
    """Figure S1 for lines and sinusoids."""
    return _choice(rows, BOTH, BAYES_BOTH, LINEAR)


def _choice(rows: pl.DataFrame, model: str, bayes: str, first: str) -> Figure:
    rows = rows.filter(pl.col("model").is_in([model, bayes]))
    names = rows["scenario"].unique(maintain_order=True).to_list()
    figure, grid = plt.subplots(
        2, len(names), figsize=(3.5 * len(names), 5.4), sharex=True, sharey="row", squeeze=False
    )
    for (above, below), name in zip(grid.T, names, strict=True):
        here = rows.filter(pl.col("scenario") == name)
        _weights(above, here, model, bayes)
        above.set_title(f"on {name} functions" if "line +" not in name else f"on {name}")
        noise = here.filter(pl.col("metric") == "effective_noise")
        line_with_band(below, noise, "n_examples", model, marker="o")
        below.set_xlabel("in-context examples")
    grid[0, 0].set_ylabel(f"weight of the {first} class")
    grid[0, 0].set_ylim(-0.15, 1.15)
    grid[1, 0].set_ylabel("effective noise σ (units of y)")
    _noise_axis(grid[1, 0])
    legend_below(grid[0, 0], 3)
    return figure


def _weights(axes: Axes, rows: pl.DataFrame, model: str, bayes: str) -> None:
    posterior = rows.filter(pl.col("metric") == "posterior_weight")
    axes.plot(
        posterior["n_examples"],
        posterior["mean"],
        color=BLACK,
        linewidth=1.4,
        label="posterior of exact Bayes",
    )
    implied = rows.filter(pl.col("metric") == "implied_weight")
    own = implied.filter(pl.col("model") == bayes)
    axes.plot(
        own["n_examples"], own["mean"], "--", color=GREY, linewidth=1.2, label="implied weight of exact Bayes"
    )
    own = implied.filter(pl.col("model") == model)
    colour = stroke(model).colour
    axes.plot(
        own["n_examples"],
        own["mean"],
        color=colour,
        marker="o",
        markersize=3.5,
        label="implied weight of the model",
    )
    axes.fill_between(own["n_examples"], own["low"], own["high"], color=colour, alpha=0.18, linewidth=0)


def _noise_axis(axes: Axes) -> None:
    axes.set_yscale("symlog", linthresh=0.03, linscale=0.5)
    axes.yaxis.set_major_locator(FixedLocator(NOISE_TICKS))
    axes.set_yticklabels([f"{tick:g}" for tick in NOISE_TICKS])
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(-0.004, 1.3)


def draw_rare_weights(rows: pl.DataFrame) -> Figure:
    """Figure S3: errors on the rare class, and the cost of selection on both, for every weight."""
    common, rare = rows["scenario"].unique(maintain_order=True).to_list()
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11.5, 4.3))
    errors = rows.filter(pl.col("metric") == "mse", pl.col("scenario") == rare)
    models = [name for name in errors["model"].unique(maintain_order=True) if name.startswith(f"{rare} ")]
    one_line_a_model(left, errors, "n_examples", [*models, rare, *(f"Bayes: {name}" for name in models)])
    left.set(yscale="log", ylabel=MSE, title=f"error on {rare} functions")
    left.set_ylim(1e-4, 5)
    for axes, name in ((middle, rare), (right, common)):
        costs = rows.filter(pl.col("metric") == "selection_cost", pl.col("scenario") == name).with_columns(
            pl.col("model").str.split(" vs ").list.first()
        )
        one_line_a_model(axes, costs, "n_examples", models)
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.set(title=f"selection cost on {name} functions", ylabel="cost beyond exact Bayes' (units of y²)")
    for axes in (left, middle, right):
        axes.set_xlabel("in-context examples")
    legend_below(left, 5)
    return figure
