"""What the page shows, as a value that a link can hold and restore."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field, ValidationError, model_validator

from priormix.errors import PriormixError, describe_invalid
from priormix.explorer.prompt import Draw, Point, checked_points
from priormix.kinds import Frozen

LOWEST_NOISE, HIGHEST_NOISE = 0.01, 1.0


class View(Frozen):
    """Everything that the page shows.

    `points` are those put by hand; where there are none given the prompt is drawn by `draw`. `k` is how
    many of the points are examples, all of them where it is None. `noise_std` is the label noise, in units
    of y, that exact Bayes assumes. `models` are those that are drawn, all where it is None.
    """

    points: tuple[Point, ...] | None = None
    draw: Draw = Draw()
    k: Annotated[int, Field(ge=0)] | None = None
    noise_std: Annotated[float, Field(ge=LOWEST_NOISE, le=HIGHEST_NOISE)] = 0.05
    prior: str | None = None
    models: tuple[str, ...] | None = None
    tab: Annotated[int, Field(ge=0, le=1)] = 0
    chart: str | None = None

    @model_validator(mode="after")
    def _points_in_bounds(self) -> "View":
        if self.points is not None:
            checked_points(self.points, "points")
        return self

    def to_query(self) -> str:
        """The view as the query of a link, without what is as at the start."""
        fields: dict[str, str] = {}
        if self.points is not None:
            fields["points"] = ";".join(f"{x:.5g},{y:.5g}" for x, y in self.points)
        else:
            fields.update({name: _short(value) for name, value in self.draw.model_dump().items()})
        plain = {"k": self.k, "noise": self.noise_std, "prior": self.prior, "chart": self.chart}
        fields.update({name: _short(value) for name, value in plain.items() if value is not None})
        if self.models is not None:
            fields["models"] = "|".join(self.models)
        if self.tab:
            fields["tab"] = str(self.tab)
        return urlencode(fields)


def view_of_query(query: Mapping[str, str]) -> View:
    """The view that a link asks for; raises PriormixError where it asks for something else."""
    draw_fields = {name: query[name] for name in Draw.model_fields if name in query}
    fields: dict[str, Any] = {"draw": draw_fields}
    if "points" in query:
        rows = [part.split(",") for part in query["points"].split(";") if part]
        fields["points"] = checked_points(rows, "link")
    for name, field in (
        ("k", "k"),
        ("noise", "noise_std"),
        ("prior", "prior"),
        ("chart", "chart"),
        ("tab", "tab"),
    ):
        if name in query:
            fields[field] = query[name]
    if "models" in query:
        fields["models"] = tuple(part for part in query["models"].split("|") if part)
    unknown = (
        set(query) - set(Draw.model_fields) - {"points", "k", "noise", "prior", "chart", "tab", "models"}
    )
    if unknown:
        raise PriormixError(f"link: there is no field {sorted(unknown)[0][:40]!r}")
    try:
        return View.model_validate(fields)
    except ValidationError as error:
        raise describe_invalid("link", error) from None


def _short(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
