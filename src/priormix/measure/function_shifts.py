"""Shifts of the functions, of their labels, and of how many examples there are."""

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, PositiveFloat, field_validator

from priormix.errors import PriormixError
from priormix.functions import AnyFunctionClass, Combination, FunctionClass, Mixture, Sinusoid, SparseLinear
from priormix.measure.scenario import Scenario, Shift

F = TypeVar("F", bound=FunctionClass)


class LabelNoise(Shift):
    """Gaussian label noise of standard deviation `severity`, in units of y, on top of the scenario's own."""

    kind: Literal["label_noise"] = "label_noise"
    severities: ClassVar[tuple[float, ...]] = (0.0, 0.1, 0.3, 1.0)
    harmless: ClassVar[float | None] = 0.0
    axis: ClassVar[str] = "standard deviation of added label noise (units of y)"
    label: ClassVar[str] = "label noise {:.3g}"
    severity: Annotated[float, Field(ge=0)]

    def changes(self, scenario: Scenario) -> dict[str, Any]:
        """The standard deviation of both noises together."""
        return {"noise_std": (scenario.noise_std**2 + self.severity**2) ** 0.5}


class LabelScale(Shift):
    """All functions multiplied by `severity`, any factor [garg2022]; the noise stays.

    Within a mixture each component is scaled, so that `Prompts.component` keeps its meaning.
    """

    kind: Literal["scaled_labels"] = "scaled_labels"
    severities: ClassVar[tuple[float, ...]] = (1 / 3, 0.5, 1.0, 2.0, 3.0)
    harmless: ClassVar[float | None] = 1.0
    axis: ClassVar[str] = "factor on y"
    label: ClassVar[str] = "y times {:.3g}"

    def changes(self, scenario: Scenario) -> dict[str, Any]:
        """The scaled functions."""
        return {"functions": _scaled(scenario.functions, self.severity)}


class PromptLength(Shift):
    """Prompts of `severity` times as many points, rounded; the factor is above 0.

    Other lengths have other inputs; the functions are the same.
    """

    kind: Literal["longer_prompts"] = "longer_prompts"
    severities: ClassVar[tuple[float, ...]] = (1.0, 1.5, 2.0, 3.0)
    harmless: ClassVar[float | None] = 1.0
    axis: ClassVar[str] = "factor on the number of points"
    label: ClassVar[str] = "prompts {:.3g} times as long"
    severity: PositiveFloat

    def changes(self, scenario: Scenario) -> dict[str, Any]:
        """The new number of points, at least 1."""
        return {"n_points": max(1, round(self.severity * scenario.n_points))}


class Sparsity(Shift):
    """Sparse linear functions with `severity` coordinates that matter, a whole number.

    For scenarios on `SparseLinear`, whose own number of nonzeros changes nothing; others are refused.
    """

    kind: Literal["sparsity"] = "sparsity"
    severities: ClassVar[tuple[float, ...]] = (1.0, 2.0, 3.0, 5.0, 8.0)
    harmless: ClassVar[float | None] = None
    axis: ClassVar[str] = "number of coordinates that matter"
    label: ClassVar[str] = "{:.0f} nonzeros"
    severity: Annotated[float, Field(ge=1)]

    @field_validator("severity")
    @classmethod
    def _whole(cls, severity: float) -> float:
        if not severity.is_integer():
            raise ValueError("the number of nonzeros must be a whole number")
        return severity

    def harmless_on(self, scenario: Scenario) -> float:
        """The scenario's own number of nonzeros."""
        return float(_only(self, scenario, SparseLinear).nonzeros)

    def changes(self, scenario: Scenario) -> dict[str, Any]:
        """Sparse functions with the other number of nonzeros."""
        dim, nonzeros = _only(self, scenario, SparseLinear).dim, int(self.severity)
        if nonzeros > dim:
            raise PriormixError(f"{self.kind}: {nonzeros} nonzeros do not fit functions of dim {dim}")
        return {"functions": SparseLinear(dim=dim, nonzeros=nonzeros)}


class Frequency(Shift):
    """Sinusoids that all have the frequency `severity`, in cycles per unit of x, at least 0.

    For scenarios on `Sinusoid`; others are refused. The scenario's own frequency changes nothing, where it
    is fixed.
    """

    kind: Literal["frequency"] = "frequency"
    severities: ClassVar[tuple[float, ...]] = (0.25, 0.5, 1.0, 2.0, 4.0)
    harmless: ClassVar[float | None] = None
    axis: ClassVar[str] = "frequency (cycles per unit of x)"
    label: ClassVar[str] = "frequency {:.3g}"
    severity: Annotated[float, Field(ge=0)]

    def harmless_on(self, scenario: Scenario) -> float | None:
        """The scenario's own frequency, None where it is random."""
        return _only(self, scenario, Sinusoid).frequency

    def changes(self, scenario: Scenario) -> dict[str, Any]:
        """The sinusoids with that frequency."""
        functions = _only(self, scenario, Sinusoid)
        return {"functions": functions.model_copy(update={"frequency": self.severity})}


class ConvexCombination(Shift):
    """(1 − severity) f + severity g, with f of the scenario and an independent g of the class `other`.

    The severity lies between 0 and 1. The sum belongs to no component of a mixture.
    """

    kind: Literal["convex_combination"] = "convex_combination"
    severities: ClassVar[tuple[float, ...]] = (0.0, 0.25, 0.5, 0.75, 1.0)
    harmless: ClassVar[float | None] = 0.0
    axis: ClassVar[str] = "weight of the other class"
    label: ClassVar[str] = "{:.3g} of another class added"
    severity: Annotated[float, Field(ge=0, le=1)]
    other: AnyFunctionClass

    def changes(self, scenario: Scenario) -> dict[str, Any]:
        """The weighted sums; raises PriormixError where the classes differ in dim."""
        own = scenario.functions
        if own.dim != self.other.dim:
            raise PriormixError(
                f"{self.kind}: the other class has dim {self.other.dim}, scenario {scenario.name!r} "
                f"has {own.dim}"
            )
        weights = (1 - self.severity, self.severity)
        return {"functions": Combination(parts=(own, self.other), weights=weights)}


def _scaled(functions: FunctionClass, factor: float) -> FunctionClass:
    if isinstance(functions, Mixture):
        components = tuple(_scaled(component, factor) for component in functions.components)
        return Mixture(components=components, weights=functions.weights)
    return Combination(parts=(functions,), weights=(factor,))


def _only(shift: Shift, scenario: Scenario, wanted: type[F]) -> F:
    if not isinstance(scenario.functions, wanted):
        kind = wanted.model_fields["kind"].default
        raise PriormixError(
            f"{shift.kind}: applies to {kind} functions, scenario {scenario.name!r} has "
            f"{scenario.functions.kind}"
        )
    return scenario.functions
