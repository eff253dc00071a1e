"""Searches: which values the varied fields take together."""

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import product
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from priormix.kinds import Family, Kind, OfKind
from priormix.sweeps.field_paths import FieldPath

Values = Annotated[tuple[Any, ...], Field(min_length=1)]


class Range(Kind, ABC):
    """What a random search draws a field's values from."""

    family: ClassVar[Family] = Family("range", "priormix.ranges")

    @abstractmethod
    def draw(self, source: random.Random) -> Any:
        """One value."""


class _Interval(Range, ABC):
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> "_Interval":
        if self.low > self.high:
            raise ValueError(f"low must not be above high (low {self.low:g}, high {self.high:g})")
        return self


class Uniform(_Interval):
    """Any number from low to high."""

    kind: Literal["uniform"] = "uniform"

    def draw(self, source: random.Random) -> float:
        """Every number is as likely as any other."""
        return source.uniform(self.low, self.high)


class LogUniform(_Interval):
    """Any positive number from low to high, every factor as likely as any other."""

    kind: Literal["log_uniform"] = "log_uniform"
    low: PositiveFloat
    high: PositiveFloat

    def draw(self, source: random.Random) -> float:
        """Uniform in the logarithm."""
        return math.exp(source.uniform(math.log(self.low), math.log(self.high)))


class Integers(_Interval):
    """Whole numbers from low to high, both among them."""

    kind: Literal["integers"] = "integers"
    low: int
    high: int

    def draw(self, source: random.Random) -> int:
        """Every number is as likely as any other."""
        return source.randint(self.low, self.high)


class Choice(Range):
    """One of the values named, which may be whole nodes such as `{kind: adam, learning_rate: 0.001}`."""

    kind: Literal["choice"] = "choice"
    values: Values

    def draw(self, source: random.Random) -> Any:
        """Every value is as likely as any other."""
        return source.choice(self.values)


class Search(Kind, ABC):
    """Which combinations of values are tried; a field is named by its path in the recipe."""

    family: ClassVar[Family] = Family("search", "priormix.searches")
    fields: dict[FieldPath, Any]

    @abstractmethod
    def points(self) -> Iterator[dict[str, Any]]:
        """Every combination, as values by path."""


class Grid(Search):
    """Every value of every field with every value of the others."""

    kind: Literal["grid"] = "grid"
    fields: dict[FieldPath, Values]

    def points(self) -> Iterator[dict[str, Any]]:
        """All combinations; the last field varies fastest."""
        for values in product(*self.fields.values()):
            yield dict(zip(self.fields, values, strict=True))


class RandomSearch(Search):
    """`draws` combinations, every field drawn from its own range.

    A draw depends on the seed, its number and the field alone: more draws, or one field more, leave the
    values of the others as they were.
    """

    kind: Literal["random"] = "random"
    draws: PositiveInt
    seed: Annotated[int, Field(ge=0)] = 0
    fields: Annotated[dict[FieldPath, Annotated[Range, OfKind()]], Field(min_length=1)]

    def points(self) -> Iterator[dict[str, Any]]:
        """The drawn combinations in their order."""
        for number in range(self.draws):
            yield {
                path: drawn.draw(random.Random(f"{self.seed}/{number}/{path}"))
                for path, drawn in self.fields.items()
            }


AnySearch = Annotated[Search, OfKind()]
