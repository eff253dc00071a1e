"""The prompt on the plane: points put by hand, or drawn from a class of functions, within stated bounds."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from math import isfinite
from typing import Annotated

import torch
from pydantic import Field

from priormix.errors import PriormixError
from priormix.functions import Combination, DenseLinear, FunctionClass, GivenLinear, Sinusoid
from priormix.kinds import Frozen
from priormix.measure import Scenario
from priormix.streams import generator as stream

MOST_POINTS = 100
LARGEST_X, LARGEST_Y = 8.0, 50.0
LONGEST_TEXT = 20_000

Point = tuple[float, float]


@dataclass(frozen=True)
class Prompt:
    """Points (x, y) in their order, and the noise-free function on a grid where it is known."""

    points: tuple[Point, ...]
    truth: tuple[float, ...] | None = None


class Draw(Frozen):
    """A prompt drawn from a named class; frequency in cycles per unit of x, weight that of the line."""

    function: str = "cosine"
    frequency: Annotated[float, Field(ge=0.01, le=10)] = 1.0
    weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    n_points: Annotated[int, Field(ge=1, le=MOST_POINTS)] = 15
    seed: Annotated[int, Field(ge=0, le=9999)] = 7


def drawable(draw: Draw, own: Mapping[str, FunctionClass]) -> dict[str, FunctionClass]:
    """Every class that a prompt can be drawn from by its name; `own` are those of the models."""
    cosine = Sinusoid(frequency=draw.frequency, amplitude=1.0)
    weights = (draw.weight, 1 - draw.weight)
    return {
        "line y = x": GivenLinear(),
        "cosine": cosine,
        "combination": Combination(parts=(GivenLinear(), cosine), weights=weights),
        "random line": DenseLinear(dim=1),
        "random sinusoid": Sinusoid(),
        "random combination": Combination(parts=(DenseLinear(dim=1), Sinusoid()), weights=weights),
        **{f"random {name}": functions for name, functions in own.items()},
    }


def draw_prompt(draw: Draw, own: Mapping[str, FunctionClass], grid: Sequence[float]) -> Prompt:
    """The first prompt of the scenario with that seed, as the figures draw theirs, without label noise.

    Raises PriormixError for a class that has no such name.
    """
    classes = drawable(draw, own)
    if draw.function not in classes:
        raise PriormixError(f"unknown class {draw.function!r}; known: {', '.join(classes)}")
    functions = classes[draw.function]
    prompts = Scenario(name="explorer", functions=functions, n_points=draw.n_points).prompts(
        1, seed=draw.seed
    )
    drawn = functions.draw(1, stream(draw.seed, "evaluation/functions", 0), prompts.xs.dtype)
    # a sampled path remembers where it was asked first
    drawn(prompts.xs)
    truth = drawn(torch.tensor(grid, dtype=prompts.xs.dtype)[None, :, None])[0]
    points = tuple(zip(prompts.xs[0, :, 0].tolist(), prompts.ys[0].tolist(), strict=True))
    return Prompt(points, tuple(truth.tolist()))


def checked_points(points: Sequence[Sequence[object]], where: str) -> tuple[Point, ...]:
    """The points as numbers; raises PriormixError that tells which one is none, or out of bounds."""
    if len(points) > MOST_POINTS:
        raise PriormixError(f"{where}: at most {MOST_POINTS} points can be shown, got {len(points):,}")
    return tuple(_checked(point, f"{where}: point {number}") for number, point in enumerate(points, 1))


def _checked(point: Sequence[object], where: str) -> Point:
    if len(point) != 2:
        raise PriormixError(f"{where}: needs two numbers, x and y, got {len(point)}")
    return _number(point[0], LARGEST_X, f"{where}: x"), _number(point[1], LARGEST_Y, f"{where}: y")


def _number(given: object, largest: float, where: str) -> float:
    try:
        number = float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise PriormixError(f"{where} must be a number, got {str(given)[:40]!r}") from None
    if not isfinite(number) or abs(number) > largest:
        raise PriormixError(f"{where} must lie between −{largest:g} and {largest:g}, got {number:g}")
    return number


def read_points(text: str, where: str = "points") -> tuple[Point, ...]:
    """Points from lines `x, y`; a first line of names is passed over. Nothing in the text is evaluated.

    Raises PriormixError that names the line which is wrong, or for a text that is too long.
    """
    if len(text) > LONGEST_TEXT:
        raise PriormixError(f"{where}: at most {LONGEST_TEXT:,} letters can be read, got {len(text):,}")
    try:
        rows = [row for row in csv.reader(StringIO(text), skipinitialspace=True) if row]
    except csv.Error as error:
        raise PriormixError(f"{where}: not comma-separated numbers ({error})") from None
    if rows and [name.strip().lower() for name in rows[0]] == ["x", "y"]:
        rows = rows[1:]
    return checked_points(rows, where)


def read_file(content: bytes, name: str) -> tuple[Point, ...]:
    """Points from an uploaded file of comma-separated numbers; raises PriormixError for any other file."""
    if len(content) > LONGEST_TEXT:
        raise PriormixError(f"{name}: at most {LONGEST_TEXT:,} bytes can be read, got {len(content):,}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PriormixError(f"{name}: not a text file of points; expected lines of x, y") from None
    points = read_points(text, name)
    if not points:
        raise PriormixError(f"{name}: holds no points; expected lines of x, y")
    return points


def write_points(points: Sequence[Point]) -> str:
    """One point a line, as `read_points` reads them."""
    return "\n".join(f"{x:.4g}, {y:.4g}" for x, y in points)
