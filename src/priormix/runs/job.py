"""A run to be carried out, what it needs, and how it ended."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from priormix.kinds import Frozen
from priormix.recipe import Recipe


class Resources(Frozen):
    """What one run takes: processor cores, graphics cards and memory in GiB.

    A fraction of a card, such as 0.25, lets several runs share it.
    """

    cpus: PositiveInt = 1
    gpus: Annotated[float, Field(ge=0)] = 0.0
    memory: PositiveFloat | None = None

    @field_validator("gpus")
    @classmethod
    def _whole_or_shared(cls, gpus: float) -> float:
        if gpus > 1 and gpus != int(gpus):
            raise ValueError("a run takes a whole number of cards, or a fraction of one")
        return gpus


ONE_CORE = Resources()


@dataclass(frozen=True)
class Job:
    """One run: its name for people, its recipe, its folder, its device and what it takes.

    `requested` is the recipe as text, where it names classes that only an import finds; `imports` lets
    it do so.
    """

    name: str
    recipe: Recipe
    folder: Path
    device: str = "cpu"
    resources: Resources = ONE_CORE
    requested: str | None = None
    imports: bool = False

    @property
    def text(self) -> str:
        """The recipe as the run's own process reads it."""
        return self.requested or self.recipe.to_yaml()


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `reason` says why it failed and is None where it was trained."""

    job: Job
    reason: str | None
