"""A sweep as one typed file, and the runs that it asks for."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from priormix.errors import PriormixError, describe_invalid
from priormix.kinds import Frozen
from priormix.plain_data import read_yaml
from priormix.recipe import Recipe, parse_recipe
from priormix.runs.job import Resources
from priormix.sweeps.field_paths import value_at, with_value
from priormix.sweeps.searches import AnySearch, Grid

MOST_RUNS = 10_000


class Sweep(Frozen):
    """Many runs on one base recipe.

    `recipe` is the base, written out or as a path relative to the sweep's file; `search` says which
    fields vary and how; every combination runs with every seed (the base's own where none is given).
    """

    recipe: str | dict[str, Any]
    search: AnySearch = Grid(fields={})
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = ()
    resources: Resources = Resources()

    @model_validator(mode="after")
    def _one_seed(self) -> "Sweep":
        if self.seeds and "seed" in self.search.fields:
            raise ValueError("'seed' is varied twice: name the seeds in 'seeds' or in 'search', not in both")
        return self


@dataclass(frozen=True)
class Member:
    """One run of a sweep: the values of the varied fields by path, and the recipe with these values.

    `fields` is the recipe as plain data, as the base's author wrote it.
    """

    values: dict[str, Any]
    recipe: Recipe
    fields: dict[str, Any]

    @property
    def name(self) -> str:
        """The values in words."""
        return _in_words(self.values) or "base"


def read_sweep(path: Path) -> tuple[Sweep, list[Member]]:
    """Read a sweep and the runs that it asks for, each different run once, all of them valid.

    Raises PriormixError that names the file, and the field or the run that is wrong.
    """
    try:
        sweep = Sweep.model_validate(read_yaml(path, "sweep"))
    except ValidationError as error:
        raise describe_invalid(str(path), error) from error
    points = list(islice(_points(sweep), MOST_RUNS + 1))
    if len(points) > MOST_RUNS:
        raise PriormixError(f"{path}: asks for more than {MOST_RUNS:,} runs; vary less, or in several sweeps")
    fields, base = _base(sweep, path)
    return sweep, _distinct(points, fields, base, path)


def _points(sweep: Sweep) -> Iterator[dict[str, Any]]:
    for point in sweep.search.points():
        if not sweep.seeds:
            yield point
        for seed in sweep.seeds:
            yield {**point, "seed": seed}


def _base(sweep: Sweep, path: Path) -> tuple[dict[str, Any], Recipe]:
    if isinstance(sweep.recipe, dict):
        return sweep.recipe, parse_recipe(sweep.recipe, f"{path}: recipe")
    source = path.parent / sweep.recipe
    fields = read_yaml(source, "recipe")
    return fields, parse_recipe(fields, str(source))


def _distinct(points: list[dict[str, Any]], fields: dict[str, Any], base: Recipe, path: Path) -> list[Member]:
    """The members, the first of those with the same recipe; raises where any is invalid."""
    complete = base.model_dump(mode="json")
    members: dict[str, Member] = {}
    mistakes: list[PriormixError] = []
    for point in points:
        try:
            member = _member(point, fields, complete, path)
        except PriormixError as error:
            mistakes.append(error)
        else:
            members.setdefault(member.recipe.run_id, member)
    if mistakes:
        more = f" (and {len(mistakes) - 1} more of {len(points)} runs)" if len(mistakes) > 1 else ""
        raise PriormixError(f"{mistakes[0]}{more}; nothing was run")
    return list(members.values())


def _member(point: dict[str, Any], fields: Any, complete: Any, path: Path) -> Member:
    source = f"{path}: run with {_in_words(point)}"
    try:
        for field, value in point.items():
            fields = with_value(fields, complete, field, value)
    except ValueError as error:
        raise PriormixError(f"{source}: {error}") from error
    recipe = parse_recipe(fields, source)
    parsed = recipe.model_dump(mode="json")
    return Member({field: _shown(value_at(parsed, field), point[field]) for field in point}, recipe, fields)


def _shown(parsed: Any, given: Any) -> Any:
    """The value as the recipe took it, or a whole node as it was written."""
    return given if isinstance(parsed, dict | list) else parsed


def _in_words(values: dict[str, Any]) -> str:
    return ", ".join(f"{field}={_word(value)}" for field, value in values.items())


def _word(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)
