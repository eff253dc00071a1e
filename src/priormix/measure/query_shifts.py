"""Shifts of the point that is asked for against the points of the context."""

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from priormix.errors import PriormixError
from priormix.functions import OrthantInputs, OrthogonalQuery, OverlappingQuery, PairedQuery
from priormix.measure.scenario import Scenario, Shift

_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


class QueryShift(Shift):
    """A shift that gives a scenario its query; a scenario that has one already is refused."""

    severities: ClassVar[tuple[float, ...]] = _SHARES
    harmless: ClassVar[float | None] = 0.0
    severity: Annotated[float, Field(ge=0, le=1)]

    def changes(self, scenario: Scenario) -> dict[str, Any]:
        """The query, and inputs that go with it."""
        if scenario.query is not None:
            raise PriormixError(
                f"{self.kind}: scenario {scenario.name!r} has a query already ({scenario.query.kind}); "
                "only one shift of the query can be applied"
            )
        return self.asked(scenario)

    @abstractmethod
    def asked(self, scenario: Scenario) -> dict[str, Any]:
        """The fields of a scenario without a query that change."""


class RandomQuadrants(QueryShift):
    """The context in one random orthant, the query in any [garg2022].

    `severity` is the probability with which a coordinate belongs to the context's pattern, for the whole
    prompt: at 1 all coordinates do.
    """

    kind: Literal["random_quadrants"] = "random_quadrants"
    axis: ClassVar[str] = "share of coordinates with one sign in the context"
    label: ClassVar[str] = "context in one orthant (share {:.3g}), query in any"

    def asked(self, scenario: Scenario) -> dict[str, Any]:
        """Inputs in an orthant, and a query from the inputs as they were."""
        inputs = scenario.inputs
        return {
            "inputs": OrthantInputs(base=inputs, share=self.severity),
            "query": PairedQuery(inputs=OrthantInputs(base=inputs, share=0.0)),
        }


class OppositeQuadrants(QueryShift):
    """The context in one random orthant, the query in the opposite one.

    `severity` is the probability with which a coordinate is concerned, for the whole prompt: at 1 all are.
    The source is the code of [garg2022], not the paper.
    """

    kind: Literal["opposite_quadrants"] = "opposite_quadrants"
    axis: ClassVar[str] = "share of coordinates in which query and context have opposite signs"
    label: ClassVar[str] = "query opposite to the context (share {:.3g})"

    def asked(self, scenario: Scenario) -> dict[str, Any]:
        """Inputs in an orthant, and a query in the opposite one."""
        inputs = OrthantInputs(base=scenario.inputs, share=self.severity)
        opposite = OrthantInputs(base=scenario.inputs, share=self.severity, opposite=True)
        return {"inputs": inputs, "query": PairedQuery(inputs=opposite)}


class QueryOrthogonality(QueryShift):
    """`severity` is the share of the query's component in the context's span that is removed [garg2022].

    Nothing changes once the context spans the space: see `OrthogonalQuery`.
    """

    kind: Literal["orthogonal_query"] = "orthogonal_query"
    axis: ClassVar[str] = "share of the query's component in the context's span removed"
    label: ClassVar[str] = "query orthogonal to the context (share {:.3g})"

    def asked(self, scenario: Scenario) -> dict[str, Any]:
        """The query."""
        return {"query": OrthogonalQuery(share=self.severity)}


class QueryOverlap(QueryShift):
    """`severity` is the query's correlation with a point of the context; at 1 it is that point [garg2022]."""

    kind: Literal["overlapping_query"] = "overlapping_query"
    axis: ClassVar[str] = "correlation of the query with a point of the context"
    label: ClassVar[str] = "query overlapping the context (correlation {:.3g})"

    def asked(self, scenario: Scenario) -> dict[str, Any]:
        """The query."""
        return {"query": OverlappingQuery(overlap=self.severity)}
