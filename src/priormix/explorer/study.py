"""Figures of a study with values under the pointer: learning curves, the sweep over nonzeros, attribution."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
from bokeh.layouts import column, row
from bokeh.models import ColumnDataSource, HoverTool, Legend, LegendItem, UIElement, Whisker
from bokeh.plotting import figure as new_figure

from priormix.errors import PriormixError
from priormix.explorer.looks import DASHES, dressed
from priormix.palette import stroke
from priormix.report.drawings import DRAWINGS, Drawing
from priormix.report.linear_drawings import MSE
from priormix.report.shift_drawings import PARTS
from priormix.studies.names import BOTH, MIXTURE

_CURVES = ("2", "4, over many prompts", "7", "8", "9")
_HOVER = [("", "@model"), ("value", "@mean{0.0000}"), ("95% interval", "@low{0.0000} to @high{0.0000}")]
_PANEL_WIDTH, _PANEL_HEIGHT = 430, 360


@dataclass(frozen=True)
class Chart:
    """A figure of the report that the page can show, by the name in its list."""

    name: str
    drawing: Drawing
    kind: str


def charts(table: pl.DataFrame) -> list[Chart]:
    """Those that the table has rows for."""
    present = set(table["figure"])
    return [chart for chart in _all_charts() if chart.drawing.figure in present]


def chart_named(name: str, table: pl.DataFrame) -> Chart:
    """The chart of that name, the first one where the name is empty; raises PriormixError for another."""
    there = charts(table)
    if not there:
        raise PriormixError("the results table has no learning curves, no sweep and no attribution")
    found = [chart for chart in there if chart.name == name] if name else there
    if not found:
        known = ", ".join(chart.name for chart in there)
        raise PriormixError(f"unknown chart {name[:60]!r}; known: {known}")
    return found[0]


def draw_chart(chart: Chart, table: pl.DataFrame) -> UIElement:
    """The chart for the browser; every mark tells its number and its interval under the pointer."""
    rows = table.filter(pl.col("figure") == chart.drawing.figure)
    if chart.kind == "curves":
        return _learning_curves(rows)
    if chart.kind == "sweep":
        return _nonzeros_sweep(rows)
    return _attribution(rows, BOTH if "one dimension" in chart.drawing.name else MIXTURE)


def _all_charts() -> Iterator[Chart]:
    for drawing in DRAWINGS:
        if drawing.name in _CURVES:
            yield Chart(f"Learning curves, figure {drawing.name}", drawing, "curves")
        elif drawing.name == "3":
            yield Chart("Sweep over nonzeros, figure 3", drawing, "sweep")
        elif drawing.figure == "S2":
            yield Chart(f"Attribution, figure {drawing.name}", drawing, "attribution")


def _learning_curves(rows: pl.DataFrame) -> UIElement:
    metric = "unexplained_share" if (rows["metric"] == "unexplained_share").any() else "mse"
    errors = rows.filter(pl.col("metric") == metric, pl.col("n_examples").is_not_null())
    label = "unexplained share" if metric == "unexplained_share" else MSE
    panels = []
    for scenario in errors["scenario"].unique(maintain_order=True):
        own = errors.filter(pl.col("scenario") == scenario)
        is_log = metric == "unexplained_share"
        panels.append(
            _lines(own, "n_examples", f"on {scenario}", "in-context examples", label, is_log=is_log)
        )
    return row(*panels)


def _nonzeros_sweep(rows: pl.DataFrame) -> UIElement:
    errors = rows.filter(pl.col("metric") == "mse")
    distances = rows.filter(pl.col("metric") == "relative_distance").with_columns(
        pl.col("model").str.split(" vs ").list.last()
    )
    k = max(errors["n_examples"].to_list())
    return row(
        _lines(errors, "parameter", f"error after {k} examples", "nonzero coefficients", MSE),
        _lines(
            distances,
            "parameter",
            "distance of the half-half model",
            "nonzero coefficients",
            "mean squared difference, relative",
        ),
    )


def _lines(
    rows: pl.DataFrame, axis: str, title: str, x_label: str, y_label: str, *, is_log: bool = False
) -> UIElement:
    """A line with points for every model; a click on its name in the legend hides it."""
    plot = new_figure(
        width=_PANEL_WIDTH,
        height=_PANEL_HEIGHT + 130,
        title=title,
        x_axis_label=x_label,
        y_axis_label=y_label,
        y_axis_type="log" if is_log else "linear",
        tools="pan,wheel_zoom,box_zoom,reset",
    )
    items = []
    for model in rows["model"].unique(maintain_order=True):
        own = rows.filter(pl.col("model") == model).sort(axis)
        if is_log:
            own = own.filter(pl.col("mean") > 0)
        source, look = ColumnDataSource(own.to_dict(as_series=False)), stroke(model)
        line = plot.line(
            axis,
            "mean",
            source=source,
            color=look.colour,
            line_width=look.width,
            line_dash=DASHES[look.dashes],
        )
        dots = plot.scatter(axis, "mean", source=source, color=look.colour, size=5)
        plot.add_tools(HoverTool(renderers=[dots], tooltips=[*_HOVER, (x_label, f"@{axis}")]))
        items.append(LegendItem(label=model, renderers=[line, dots]))
    legend = Legend(items=items, ncols=2, click_policy="hide")
    plot.add_layout(legend, "below")
    return dressed(plot)


def _attribution(rows: pl.DataFrame, model: str) -> UIElement:
    """Three bars for every scenario: what is unavoidable, what is the prior's, what the network's."""
    rows = rows.filter(pl.col("model") == model)
    names = rows["scenario"].unique(maintain_order=True).to_list()
    plot = new_figure(
        width=900,
        height=110 + 44 * len(names),
        y_range=names[::-1],
        x_axis_label=MSE,
        title=f"{model}: whose fault the error is",
        tools="pan,wheel_zoom,box_zoom,reset",
    )
    items = []
    for rank, (metric, (label, colour)) in enumerate(PARTS.items()):
        own = rows.filter(pl.col("metric") == metric).with_columns(model=pl.lit(label))
        fields = own.to_dict(as_series=False)
        fields["place"] = [(name, 0.27 * (1 - rank)) for name in own["scenario"]]
        source = ColumnDataSource(fields)
        bars = plot.hbar(y="place", right="mean", height=0.24, color=colour, source=source)
        plot.add_layout(
            Whisker(dimension="width", base="place", lower="low", upper="high", source=source, line_width=0.9)
        )
        plot.add_tools(HoverTool(renderers=[bars], tooltips=[("scenario", "@scenario"), *_HOVER]))
        items.append(LegendItem(label=label, renderers=[bars]))
    plot.add_layout(Legend(items=items), "below")
    return column(dressed(plot))
