"""The plane and the bars of weights as Bokeh figures that answers are written into."""

from collections.abc import Mapping, Sequence

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    FactorRange,
    HoverTool,
    Legend,
    LegendItem,
    PointDrawTool,
    Range1d,
)
from bokeh.plotting import figure as new_figure
from bokeh.transform import factor_cmap

from priormix.explorer.answer import GRID, Answer
from priormix.explorer.looks import DASHES, dressed
from priormix.palette import BLACK, GREY, Stroke, stroke

POSTERIOR = "posterior"
_EMPTY: list[float] = [float("nan")] * len(GRID)


class PlanePlot:
    """Points that a person can add, drag and delete, and curves over x.

    `points` holds columns x, y and fill; the fill tells examples from points that are not used yet.
    """

    def __init__(self, models: Sequence[str], strokes: Mapping[str, Stroke]) -> None:
        self.points = ColumnDataSource({"x": [], "y": [], "fill": []})
        looks = {"least squares": stroke("least squares"), **{name: strokes[name] for name in models}}
        self._curves = {
            name: ColumnDataSource({"x": list(GRID), "y": _EMPTY})
            for name in (*looks, "truth", "exact Bayes")
        }
        self._band = ColumnDataSource({"x": list(GRID), "low": _EMPTY, "high": _EMPTY})
        self.figure = new_figure(
            name="plane",
            width=640,
            height=520,
            x_range=Range1d(GRID[0], GRID[-1]),
            y_range=Range1d(-2.6, 2.6),
            x_axis_label="x",
            y_axis_label="y",
            tools="pan,wheel_zoom,reset",
            toolbar_location="above",
        )
        items = [LegendItem(label="exact Bayes ± 2 sd", renderers=self._bayes(stroke("Bayes: mixture")))]
        items.append(LegendItem(label="truth", renderers=[self._line("truth", Stroke(BLACK, ":", 1.4))]))
        items += [LegendItem(label=name, renderers=[self._line(name, look)]) for name, look in looks.items()]
        self.figure.add_layout(Legend(items=items, ncols=3, click_policy="hide"), "below")
        marks = self.figure.scatter(
            "x", "y", source=self.points, size=11, line_color=BLACK, line_width=1.6, fill_color="fill"
        )
        draw = PointDrawTool(renderers=[marks], empty_value=BLACK, description="Add, drag and delete points")
        self.figure.add_tools(
            draw, HoverTool(renderers=[marks], tooltips=[("point", "$index"), ("x, y", "@x{0.00}, @y{0.00}")])
        )
        self.figure.toolbar.active_tap = draw
        self.figure.toolbar.active_drag = draw
        dressed(self.figure)

    def show(self, answer: Answer) -> None:
        """Write an answer into the plot."""
        xs, ys = [x for x, _ in answer.prompt.points], [y for _, y in answer.prompt.points]
        fill = [BLACK if number < answer.k else "white" for number in range(len(xs))]
        now = {"x": xs, "y": ys, "fill": fill}
        # a point that is being dragged is not taken out of the hand that holds it
        if dict(self.points.data) != now:
            self.points.data = now
        truth = answer.prompt.truth
        curves: dict[str, np.ndarray | Sequence[float] | None] = {
            **answer.curves,
            "truth": truth,
            "exact Bayes": answer.bayes_mean,
        }
        for name, source in self._curves.items():
            curve = curves.get(name)
            source.data = {"x": list(GRID), "y": _EMPTY if curve is None else np.asarray(curve)}
        if answer.bayes_mean is None or answer.bayes_sd is None:
            self._band.data = {"x": list(GRID), "low": _EMPTY, "high": _EMPTY}
            return
        low, high = (answer.bayes_mean + sign * 2 * answer.bayes_sd for sign in (-1, 1))
        self._band.data = {"x": list(GRID), "low": low, "high": high}

    def _bayes(self, look: Stroke) -> list[object]:
        band = self.figure.varea(
            "x", "low", "high", source=self._band, fill_color=look.colour, fill_alpha=0.13
        )
        return [band, self._line("exact Bayes", look)]

    def _line(self, name: str, look: Stroke) -> object:
        return self.figure.line(
            "x",
            "y",
            source=self._curves[name],
            color=look.colour,
            line_width=look.width,
            line_dash=DASHES[look.dashes],
            name=name,
        )


class WeightsPlot:
    """The posterior over classes beside the weights that each model's predictions imply."""

    def __init__(self, models: Sequence[str], strokes: Mapping[str, Stroke]) -> None:
        self.bars = ColumnDataSource({"place": [], "weight": [], "owner": []})
        owners = [POSTERIOR, *models]
        colours = [BLACK, *(strokes[name].colour for name in models)]
        self.figure = new_figure(
            width=300,
            height=300,
            x_range=FactorRange(),
            y_range=Range1d(-0.3, 1.3),
            title="Weights of the classes",
            tools="",
            toolbar_location=None,
        )
        colour = factor_cmap("owner", colours, owners)
        bars = self.figure.vbar(
            "place", top="weight", width=0.85, source=self.bars, fill_color=colour, line_color=None
        )
        self.figure.add_tools(
            HoverTool(renderers=[bars], tooltips=[("", "@owner"), ("weight", "@weight{0.000}")])
        )
        self.figure.hspan(y=[0, 1], line_color=GREY, line_width=0.8)
        dressed(self.figure)
        self.figure.xaxis.major_label_text_font_size = "0px"
        self.figure.xaxis.major_tick_line_color = None
        self.figure.xaxis.group_text_color = BLACK
        self.figure.xaxis.group_text_font_size = "13px"
        self.figure.x_range.range_padding = 0.05

    def show(self, answer: Answer) -> None:
        """Write an answer into the plot; what is not defined has no bar."""
        rows = [(POSTERIOR, answer.posterior)]
        rows += [
            (name, weights or (float("nan"),) * len(answer.classes))
            for name, weights in answer.implied.items()
        ]
        places = [(label, owner) for label in answer.classes for owner, _ in rows]
        weights = [values[number] for number in range(len(answer.classes)) for _, values in rows]
        self.bars.data = {"place": places, "weight": weights, "owner": [owner for _, owner in places]}
        self.figure.x_range.factors = places
