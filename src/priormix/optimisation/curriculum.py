"""Curricula: easy prompts first."""

from pydantic import NonNegativeInt, PositiveInt

from priormix.kinds import Frozen


class Ramp(Frozen):
    """A whole number that starts at `start` and grows by `increment` every `every` steps up to `end`."""

    start: PositiveInt
    end: PositiveInt
    increment: NonNegativeInt
    every: PositiveInt

    def at(self, step: int) -> int:
        """The number at that step, counted from 0."""
        return min(self.end, self.start + self.increment * (step // self.every))


class Curriculum(Frozen):
    """Ramps of the active input dimensions and of the points in a prompt [garg2022].

    Inactive dimensions of x are zero. The defaults are those of the study for d = 20, T = 41.
    """

    dims: Ramp = Ramp(start=5, end=20, increment=1, every=2000)
    points: Ramp = Ramp(start=11, end=41, increment=2, every=2000)
