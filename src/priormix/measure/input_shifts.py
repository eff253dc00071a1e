"""Shifts of the inputs: their scale, mean, covariance and dimension.

They move the whole prompt, the point that is asked for included; only a fresh query, which has a
distribution of its own, stays where it is.
"""

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from priormix.functions import (
    InputDistribution,
    PairedQuery,
    ScaledInputs,
    ShiftedInputs,
    SkewedInputs,
    SubspaceInputs,
)
from priormix.measure.scenario import Scenario, Shift


class InputShift(Shift):
    """A shift that wraps the distribution of the inputs."""

    def changes(self, scenario: Scenario) -> dict[str, Any]:
        """The wrapped inputs, and a paired query with its inputs wrapped alike."""
        changes: dict[str, Any] = {"inputs": self.wrapped(scenario.inputs)}
        if isinstance(scenario.query, PairedQuery):
            changes["query"] = PairedQuery(inputs=self.wrapped(scenario.query.inputs))
        return changes

    @abstractmethod
    def wrapped(self, inputs: InputDistribution) -> InputDistribution:
        """These inputs at this severity."""


class InputScale(InputShift):
    """All inputs multiplied by `severity`, a factor above 0 [garg2022]."""

    kind: Literal["scaled_inputs"] = "scaled_inputs"
    severities: ClassVar[tuple[float, ...]] = (1 / 3, 0.5, 1.0, 2.0, 3.0)
    harmless: ClassVar[float | None] = 1.0
    axis: ClassVar[str] = "factor on x"
    label: ClassVar[str] = "x times {:.3g}"
    severity: PositiveFloat

    def wrapped(self, inputs: InputDistribution) -> InputDistribution:
        """The scaled inputs."""
        return ScaledInputs(base=inputs, factor=self.severity)


class InputMean(InputShift):
    """`severity` added to every coordinate of x, in units of x."""

    kind: Literal["shifted_inputs"] = "shifted_inputs"
    severities: ClassVar[tuple[float, ...]] = (0.0, 0.5, 1.0, 2.0, 3.0)
    harmless: ClassVar[float | None] = 0.0
    axis: ClassVar[str] = "mean of every coordinate of x (units of x)"
    label: ClassVar[str] = "x plus {:.3g}"

    def wrapped(self, inputs: InputDistribution) -> InputDistribution:
        """The shifted inputs."""
        return ShiftedInputs(base=inputs, mean=self.severity)


class InputSkew(InputShift):
    """Covariance eigenvalues ∝ 1/i^severity in a random basis for each prompt [garg2022]; no unit."""

    kind: Literal["skewed_covariance"] = "skewed_covariance"
    severities: ClassVar[tuple[float, ...]] = (0.0, 0.5, 1.0, 2.0, 3.0)
    harmless: ClassVar[float | None] = 0.0
    axis: ClassVar[str] = "power with which the covariance's eigenvalues decay"
    label: ClassVar[str] = "covariance eigenvalues 1/i^{:.3g}"
    severity: Annotated[float, Field(ge=0)]

    def wrapped(self, inputs: InputDistribution) -> InputDistribution:
        """The skewed inputs."""
        return SkewedInputs(base=inputs, power=self.severity)


class InputSubspace(InputShift):
    """Inputs in a random subspace for each prompt, with `severity` the share of dimensions removed.

    At least 0 and below 1; see `SubspaceInputs` for what is kept [garg2022].
    """

    kind: Literal["subspace"] = "subspace"
    severities: ClassVar[tuple[float, ...]] = (0.0, 0.25, 0.5, 0.75, 0.9)
    harmless: ClassVar[float | None] = 0.0
    axis: ClassVar[str] = "share of the dimensions removed"
    label: ClassVar[str] = "a subspace (share {:.3g} removed)"
    severity: Annotated[float, Field(ge=0, lt=1)]

    def wrapped(self, inputs: InputDistribution) -> InputDistribution:
        """The projected inputs."""
        return SubspaceInputs(base=inputs, share=1 - self.severity)
