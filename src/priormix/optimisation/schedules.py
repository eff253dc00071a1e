"""Learning-rate schedules: a factor for every step."""

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from priormix.kinds import Family, Kind, OfKind


class Schedule(Kind, ABC):
    """A factor by which the optimiser's learning rates are multiplied."""

    family: ClassVar[Family] = Family("schedule", "priormix.schedules")

    @abstractmethod
    def factor(self, step: int, steps: int) -> float:
        """The factor of step `step`, counted from 0, out of `steps`."""


AnySchedule = Annotated[Schedule, OfKind()]


class Constant(Schedule):
    """The same learning rate throughout [garg2022]."""

    kind: Literal["constant"] = "constant"

    def factor(self, step: int, steps: int) -> float:
        """Always 1."""
        return 1.0


class InverseSquareRoot(Schedule):
    """width^-½ · min(n^-½, n · warmup^-1.5) for the n-th step: linear warm-up, then decay [vaswani2017].

    With the study's learning rate of 1, width 256 and 5,000 warm-up steps the peak is 8.8e-4.
    """

    kind: Literal["inverse_square_root"] = "inverse_square_root"
    width: PositiveInt = 256
    warmup: PositiveInt = 5000

    def factor(self, step: int, steps: int) -> float:
        """The factor of the (step + 1)-th step, in units of the optimiser's learning rate."""
        n = step + 1
        return float(self.width**-0.5 * min(n**-0.5, n * self.warmup**-1.5))


class WarmupDecay(Schedule):
    """Linear warm-up over a share of the steps, a plateau, then linear decay to 0 over another share."""

    kind: Literal["warmup_decay"] = "warmup_decay"
    warmup: Annotated[float, Field(gt=0, le=1, description="share of the steps")] = 0.03
    decay: Annotated[float, Field(gt=0, le=1, description="share of the steps")] = 0.6

    def factor(self, step: int, steps: int) -> float:
        """The smaller of the two ramps, at most 1."""
        n = step + 1
        return min(1.0, n / (self.warmup * steps), (steps - step) / (self.decay * steps))
