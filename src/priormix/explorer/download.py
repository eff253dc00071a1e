"""The addresses that answer with a file: the view of the query as a picture or as numbers."""

from collections.abc import Mapping

import polars as pl
from tornado.web import RequestHandler

from priormix.errors import PriormixError
from priormix.explorer.answer import Plane
from priormix.explorer.view import View, view_of_query
from priormix.palette import Stroke

MIME = {"png": "image/png", "svg": "image/svg+xml", "csv": "text/csv; charset=utf-8"}


class Export(RequestHandler):
    """Answers /export.png, /export.svg and /export.csv for the view that the query holds."""

    def initialize(self, plane: Plane, strokes: Mapping[str, Stroke], table: pl.DataFrame | None) -> None:
        self.plane, self.strokes, self.table = plane, strokes, table

    def get(self, form: str) -> None:
        query = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        try:
            content = self._content(view_of_query(query), form)
        except PriormixError as error:
            self.set_status(400)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(f"priormix: {error}\n")
            return
        self.set_header("Content-Type", MIME[form])
        self.set_header("Content-Disposition", f'attachment; filename="priormix.{form}"')
        self.finish(content)

    def _content(self, view: View, form: str) -> bytes:
        # here, as the page is shown before matplotlib could be loaded
        from priormix.explorer.export import plane_numbers, plane_picture, study_numbers, study_picture

        if view.tab == 1:
            if self.table is None:
                raise PriormixError("no results folder was given")
            chart = view.chart or ""
            return (
                study_numbers(self.table, chart) if form == "csv" else study_picture(self.table, chart, form)
            )
        answer = self.plane.answer(view)
        return plane_numbers(answer) if form == "csv" else plane_picture(answer, self.strokes, form)
