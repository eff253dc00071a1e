"""A view as a picture or as numbers, by the same query as the link that restores it."""

import csv
from collections.abc import Callable, Mapping
from io import BytesIO, StringIO

import matplotlib as mpl
import polars as pl
from matplotlib.figure import Figure

from priormix.explorer.answer import GRID, Answer
from priormix.explorer.study import chart_named
from priormix.palette import BLACK, GREY, Stroke, stroke
from priormix.report.style import house_style, legend_below

_BAND = 0.15


def plane_picture(answer: Answer, strokes: Mapping[str, Stroke], form: str) -> bytes:
    """The plane and the weights of classes as a picture in the style of the report; `form` is png or svg."""
    return _drawn(lambda: _plane_figure(answer, strokes), form)


def plane_numbers(answer: Answer) -> bytes:
    """Points, curves over x and weights as one tidy CSV table: what, name, x, value, deviation."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["what", "name", "x", "value", "standard_deviation"])
    for number, (x, y) in enumerate(answer.prompt.points):
        writer.writerow(["example" if number < answer.k else "later point", number + 1, x, y, ""])
    if answer.prompt.truth is not None:
        writer.writerows(["truth", "", x, y, ""] for x, y in zip(GRID, answer.prompt.truth, strict=True))
    for name, curve in answer.curves.items():
        writer.writerows(["prediction", name, x, y, ""] for x, y in zip(GRID, curve.tolist(), strict=True))
    if answer.bayes_mean is not None and answer.bayes_sd is not None:
        both = zip(GRID, answer.bayes_mean.tolist(), answer.bayes_sd.tolist(), strict=True)
        writer.writerows(["prediction", "exact Bayes", *numbers] for numbers in both)
    for label, weight in zip(answer.classes, answer.posterior, strict=True):
        writer.writerow(["posterior weight", label, "", weight, ""])
    for model, weights in answer.implied.items():
        for label, weight in zip(answer.classes, weights or (), strict=False):
            writer.writerow(["implied weight", f"{model}: {label}", "", weight, ""])
    return buffer.getvalue().encode()


def study_picture(table: pl.DataFrame, chart: str, form: str) -> bytes:
    """A figure of a study as the report draws it."""
    drawing = chart_named(chart, table).drawing
    rows = table.filter(pl.col("figure") == drawing.figure)
    return _drawn(lambda: drawing.draw(rows), form)


def study_numbers(table: pl.DataFrame, chart: str) -> bytes:
    """The rows of a figure of a study as CSV."""
    figure = chart_named(chart, table).drawing.figure
    return table.filter(pl.col("figure") == figure).write_csv().encode()


def _drawn(draw: Callable[[], Figure], form: str) -> bytes:
    buffer = BytesIO()
    with mpl.rc_context({"backend": "agg"}), house_style():
        figure = draw()
        metadata: dict[str, object] = {"Date": None} if form == "svg" else {"Software": None}
        figure.savefig(buffer, format=form, dpi=160, metadata=metadata)
        figure.clear()
    return buffer.getvalue()


def _plane_figure(answer: Answer, strokes: Mapping[str, Stroke]) -> Figure:
    figure = Figure(figsize=(9.6, 4.8))
    plane, weights = figure.subplots(1, 2, width_ratios=(3, 1))
    if answer.bayes_mean is not None and answer.bayes_sd is not None:
        look, mean, sd = stroke("Bayes: mixture"), answer.bayes_mean, answer.bayes_sd
        plane.fill_between(GRID, mean - 2 * sd, mean + 2 * sd, color=look.colour, alpha=_BAND, linewidth=0)
        plane.plot(GRID, mean, look.dashes, color=look.colour, label="exact Bayes ± 2 sd")
    if answer.prompt.truth is not None:
        plane.plot(GRID, answer.prompt.truth, ":", color=BLACK, linewidth=1.2, label="truth")
    for name, curve in answer.curves.items():
        look = strokes.get(name) or stroke(name)
        plane.plot(GRID, curve, look.dashes, color=look.colour, linewidth=look.width, label=name)
    for points, face in (
        (answer.prompt.points[: answer.k], BLACK),
        (answer.prompt.points[answer.k :], "white"),
    ):
        xs, ys = [x for x, _ in points], [y for _, y in points]
        plane.plot(xs, ys, "o", color=BLACK, markerfacecolor=face, markersize=4.5)
    plane.set(xlabel="x", ylabel="y", title=f"after {answer.k} examples", xlim=(GRID[0], GRID[-1]))
    bars = {"posterior": (answer.posterior, BLACK)}
    bars |= {model: (found or (), strokes[model].colour) for model, found in answer.implied.items()}
    for rank, (heights, colour) in enumerate(bars.values()):
        places = [place + (rank - (len(bars) - 1) / 2) * 0.8 / len(bars) for place in range(len(heights))]
        weights.bar(places, heights, 0.75 / len(bars), color=colour)
    weights.set_xticks(range(len(answer.classes)), answer.classes)
    weights.axhline(0, color=GREY, linewidth=0.8)
    weights.set(title="weights of the classes", ylim=(-0.3, 1.3))
    legend_below(plane, 4)
    return figure
