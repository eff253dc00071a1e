"""One page in one browser: what a person does becomes a view, a view becomes an answer, and that is shown."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import panel as pn
import polars as pl
from pydantic import ValidationError

from priormix.errors import PriormixError, describe_invalid
from priormix.explorer.answer import Answer, Plane
from priormix.explorer.controls import BY_HAND, Controls
from priormix.explorer.looks import PANE
from priormix.explorer.models import strokes
from priormix.explorer.plots import PlanePlot, WeightsPlot
from priormix.explorer.prompt import Point, checked_points, read_file, read_points
from priormix.explorer.view import View, view_of_query

_REPLAY_MS = 400
_STARTING_POINTS: tuple[Point, ...] = ((-1.5, -0.9), (0.5, 0.3), (1.0, 0.6))
_HELP = (
    "Click on the plane to add a point; drag one to move it; click one and press Backspace to delete it. "
    "Black points are the examples; white ones come later."
)


class Page:
    """The state of one browser session."""

    def __init__(self, plane: Plane, table: pl.DataFrame | None, query: Mapping[str, str]) -> None:
        self.plane, self.table = plane, table
        self.view = View(points=_STARTING_POINTS)
        looks = strokes(list(plane.models.values()))
        self.plot = PlanePlot(list(plane.models), looks)
        self.weights = WeightsPlot(list(plane.models), looks)
        self.controls = Controls(plane)
        self.message = pn.pane.HTML("", stylesheets=[PANE], width=1230, height=24, margin=(0, 10))
        self.links = pn.pane.HTML("", stylesheets=[PANE], margin=(0, 10))
        self.summary = pn.pane.HTML("", stylesheets=[PANE], width=300)
        # hidden; its script keeps the address of the page that of the view
        self.address = pn.widgets.TextInput(value="", visible=False)
        self.address.jscallback(value="window.history.replaceState(null, '', '?' + cb_obj.value)")
        self._is_showing = False
        self._latest: Answer | None = None
        self._replay: Any = None
        self._show_first(query)
        self.tabs = pn.Tabs(
            ("One dimension", self._plane_tab()), ("Results folder", self._study_tab()), active=self.view.tab
        )
        self._listen()

    def content(self) -> pn.Column:
        """What the browser is given."""
        title = pn.pane.HTML("<h1>priormix explorer</h1>", stylesheets=[PANE], margin=(6, 10, 0, 10))
        return pn.Column(pn.Row(title, self.links), self.message, self.tabs, self.address, width=1260)

    def _show_first(self, query: Mapping[str, str]) -> None:
        try:
            wanted = view_of_query(query) if query else self.view
            self._try(wanted)
        except PriormixError as error:
            self._try(self.view)
            self._say(str(error))

    def change(self, **fields: Any) -> None:
        """Show the view with some fields changed; what cannot be shown is said, and changes nothing."""
        self._attempt(lambda: View.model_validate({**_fields(self.view), **fields}))

    def _attempt(self, make: Callable[[], View]) -> None:
        if self._is_showing:
            return
        try:
            self._try(make())
        except ValidationError as error:
            self._refuse(str(describe_invalid("view", error)))
        except PriormixError as error:
            self._refuse(str(error))

    def _try(self, view: View) -> None:
        answer = self.plane.answer(view)
        self.view = view
        self._show(answer)
        self._say(" ".join(answer.notes))

    def _refuse(self, problem: str) -> None:
        # puts back what the browser has changed already
        self._show(self.plane.answer(self.view))
        self._say(problem)

    def _show(self, answer: Answer) -> None:
        self._latest = answer
        self._is_showing = True
        try:
            self.controls.show(self.view, answer)
            self.summary.object = _in_words(answer)
            self._show_links()
        finally:
            self._is_showing = False
        document = self.plot.points.document
        if document is None:
            self._show_in_plots(answer)
        else:
            # Panel calls back without Bokeh's lock of the document, which plots are only written under
            document.add_next_tick_callback(lambda: self._show_in_plots(answer))

    def _show_in_plots(self, answer: Answer) -> None:
        if answer is not self._latest:
            # it would put a point back that has been dragged on
            return
        self._is_showing = True
        try:
            self.plot.show(answer)
            self.weights.show(answer)
        finally:
            self._is_showing = False

    def _show_links(self) -> None:
        query = self.view.to_query()
        self.address.value = query
        exports = "".join(
            f'<a href="export.{form}?{escape(query)}" download="priormix.{form}">{form.upper()}</a>'
            for form in ("png", "svg", "csv")
        )
        self.links.object = f'<p><a href="?{escape(query)}">Link to this view</a> Save as {exports}</p>'

    def _say(self, problem: str) -> None:
        self.message.object = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""

    def _listen(self) -> None:
        controls = self.controls
        self.plot.points.on_change("data", self._points_moved)
        controls.preset.param.watch(self._preset_chosen, "value")
        controls.function.param.watch(self._function_chosen, "value")
        for name, widget in controls.draw.items():
            widget.param.watch(lambda event, name=name: self._drawn_anew(**{name: event.new}), "value")
        for name in ("k", "noise_std", "prior"):
            getattr(controls, name).param.watch(
                lambda event, name=name: self.change(**{name: event.new}), "value"
            )
        controls.models.param.watch(lambda event: self.change(models=tuple(event.new)), "value")
        controls.text.param.watch(lambda event: self._placed(lambda: read_points(event.new)), "value")
        controls.file.param.watch(self._file_given, "value")
        controls.add["add"].on_click(lambda _: self._point_added())
        controls.add["delete last"].on_click(lambda _: self._placed(lambda: self._points()[:-1]))
        controls.play.param.watch(self._replay_toggled, "value")
        self.tabs.param.watch(lambda event: self.change(tab=event.new), "active")

    def _points(self) -> tuple[Point, ...]:
        return self.plane.prompt(self.view).points

    def _points_moved(self, _: str, __: Any, new: Mapping[str, Any]) -> None:
        if self._is_showing:
            return
        rows = list(zip(new.get("x", ()), new.get("y", ()), strict=False))
        self._placed(lambda: checked_points(rows, "points"))

    def _placed(self, read: Callable[[], tuple[Point, ...]]) -> None:
        """Points put by hand; while as many as before are in use those stay so, else all are used."""
        if self._is_showing:
            return

        def placed() -> View:
            points = read()
            k = self.view.k if len(points) == len(self._points()) else None
            return View.model_validate({**_fields(self.view), "points": points, "k": k})

        self._attempt(placed)

    def _point_added(self) -> None:
        given = [self.controls.add["x"].value, self.controls.add["y"].value]
        self._placed(lambda: checked_points([*self._points(), given], "points"))

    def _file_given(self, event: Any) -> None:
        if event.new:
            self._placed(lambda: read_file(event.new, self.controls.file.filename or "file"))

    def _preset_chosen(self, event: Any) -> None:
        if event.new:
            self.change(points=None, k=None, draw=self.controls.presets[event.new].draw)

    def _function_chosen(self, event: Any) -> None:
        if event.new == BY_HAND:
            self._placed(self._points)
        else:
            self._drawn_anew(function=event.new)

    def _drawn_anew(self, **fields: Any) -> None:
        draw = {**self.view.draw.model_dump(), **fields}
        self.change(points=None, k=None, draw=draw)

    def _replay_toggled(self, event: Any) -> None:
        if self._replay is not None:
            self._replay.stop()
            self._replay = None
        if event.new:
            self.change(k=0)
            self._replay = pn.state.add_periodic_callback(self._step, period=_REPLAY_MS)

    def _step(self) -> None:
        k = self.view.k
        if k is None or k >= len(self._points()):
            self.controls.play.value = False
        else:
            self.change(k=k + 1)

    def _plane_tab(self) -> pn.Row:
        hint = pn.pane.HTML(f'<p class="soft">{_HELP}</p>', stylesheets=[PANE], width=640, margin=(0, 10))
        return pn.Row(
            self.controls.sidebar(),
            pn.Column(
                pn.Row(self.controls.k, self.controls.play),
                pn.pane.Bokeh(self.plot.figure),
                hint,
            ),
            pn.Column(pn.pane.Bokeh(self.weights.figure), self.summary, self.controls.about_bayes()),
        )

    def _study_tab(self) -> pn.Column:
        if self.table is None:
            return _nothing_to_show()
        # here, as the drawings load matplotlib
        from priormix.explorer.study import chart_named, charts, draw_chart

        table = self.table
        if not charts(table):
            return _nothing_to_show()
        try:
            chosen = chart_named(self.view.chart or "", table)
        except PriormixError as error:
            chosen = charts(table)[0]
            self._say(str(error))
        select = pn.widgets.Select(
            name="Figure", options=[chart.name for chart in charts(table)], value=chosen.name, width=420
        )
        place = pn.Column(pn.pane.Bokeh(draw_chart(chosen, table)))

        def choose(event: Any) -> None:
            place[:] = [pn.pane.Bokeh(draw_chart(chart_named(event.new, table), table))]
            self.change(chart=event.new)

        select.param.watch(choose, "value")
        return pn.Column(select, place)


def _nothing_to_show() -> pn.Column:
    words = "No results folder with figures: <code>priormix explore FOLDER</code> shows those of a study."
    return pn.Column(pn.pane.HTML(f"<p>{words}</p>", stylesheets=[PANE]))


def _fields(view: View) -> dict[str, Any]:
    return {name: getattr(view, name) for name in View.model_fields}


def _in_words(answer: Answer) -> str:
    """The weights as a table for those who do not read bars, and how long the answer took."""
    heads = "".join(f"<th>{escape(name)}</th>" for name in answer.classes)
    rows = [("posterior", answer.posterior)]
    body = ""
    for name, weights in [*rows, *answer.implied.items()]:
        cells = "".join(f"<td>{weight:.2f}</td>" for weight in weights or ())
        body += f"<tr><th>{escape(name)}</th>{cells or '<td colspan=9>not defined here</td>'}</tr>"
    what = (
        "Posterior of exact Bayes, and the weights that bring the average of the single-class Bayes "
        "predictions nearest to a model's curve over x."
    )
    time = f"Worked out in {answer.milliseconds:.0f} ms."
    table = f"<table><tr><td></td>{heads}</tr>{body}</table>" if answer.classes else ""
    return f'{table}<p class="soft">{what} {time}</p>'
