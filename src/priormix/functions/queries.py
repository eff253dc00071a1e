"""How the point that is asked for differs from the points of the context."""

from abc import ABC, abstractmethod
from math import sqrt
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from priormix.functions.inputs import AnyInputs, InputDistribution, WrappedInputs
from priormix.kinds import Family, Kind, OfKind

Share = Annotated[float, Field(ge=0, le=1)]


class Query(Kind, ABC):
    """A distribution of the point that is asked for, given the context.

    `stream` names the random numbers that the candidates come from, before the query changes them.
    """

    family: ClassVar[Family] = Family("query", "priormix.queries")
    stream: ClassVar[str] = "inputs"

    def candidates(self, inputs: InputDistribution) -> InputDistribution:
        """What the candidates are drawn from, given the distribution of the context; that one by default."""
        return inputs

    def check(self, inputs: InputDistribution, dim: int) -> None:
        """Raise ValueError where this query does not go with such a context of `dim` coordinates."""
        self.candidates(inputs).check_dim(dim)

    @abstractmethod
    def draw(
        self, context: Float[Tensor, "B k D"], candidate: Float[Tensor, "B D"], generator: torch.Generator
    ) -> Float[Tensor, "B D"]:
        """The point to ask for after k examples, made of a candidate that is independent of them."""


AnyQuery = Annotated[Query, OfKind()]


class OrthogonalQuery(Query):
    """A point without its component in the span of the context, at its old length [garg2022].

    `share` of that component is removed. Where the context spans everything the point stays as it is:
    nothing orthogonal is left, and every smaller share gives that point too.
    """

    kind: Literal["orthogonal"] = "orthogonal"
    share: Share = 1.0

    def draw(
        self, context: Float[Tensor, "B k D"], candidate: Float[Tensor, "B D"], generator: torch.Generator
    ) -> Float[Tensor, "B D"]:
        """The candidate turned away from the context; nothing else is random."""
        rest = candidate - self.share * _in_span(context, candidate)
        length, left = candidate.norm(dim=1, keepdim=True), rest.norm(dim=1, keepdim=True)
        nothing_left = left <= _tolerance(candidate) * length
        return torch.where(nothing_left, candidate, rest * (length / left))


class OverlappingQuery(Query):
    """overlap · c + √(1 − overlap²) · x, with a point c of the context chosen at random and x a new one.

    Overlap 1 asks for c itself [garg2022], 0 for x. For inputs from N(0, I) the query has that distribution
    for every overlap, which is its correlation with c. Without examples it is x.
    """

    kind: Literal["overlapping"] = "overlapping"
    overlap: Share = 1.0

    def draw(
        self, context: Float[Tensor, "B k D"], candidate: Float[Tensor, "B D"], generator: torch.Generator
    ) -> Float[Tensor, "B D"]:
        """The candidate pulled towards a point of the context, which the generator chooses."""
        batch, examples, dim = context.shape
        if examples == 0:
            return candidate
        index = torch.randint(examples, (batch, 1, 1), generator=generator, device=context.device)
        chosen = context.gather(1, index.expand(batch, 1, dim))[:, 0]
        return self.overlap * chosen + sqrt(1 - self.overlap**2) * candidate


class DrawnQuery(Query):
    """A point from the distribution `inputs`, whatever the examples are."""

    inputs: AnyInputs

    def candidates(self, inputs: InputDistribution) -> InputDistribution:
        """The query's own distribution."""
        return self.inputs

    def draw(
        self, context: Float[Tensor, "B k D"], candidate: Float[Tensor, "B D"], generator: torch.Generator
    ) -> Float[Tensor, "B D"]:
        """The candidate as it is."""
        return candidate


class FreshQuery(DrawnQuery):
    """A point from a distribution of its own, which shares nothing with the context."""

    kind: Literal["fresh"] = "fresh"
    stream: ClassVar[str] = "query_inputs"


class PairedQuery(DrawnQuery):
    """A point from the context's distribution with other settings of its wrappers, but the same pattern.

    It is drawn from the same random numbers as the context, so that a prompt's random orthant or subspace
    is the same in both, while the point itself is a new one. The context in one orthant and the query
    in the opposite one are `inputs: {kind: orthant}` and
    `query: {kind: paired, inputs: {kind: orthant, opposite: true}}`; with `share: 0` in place of
    `opposite: true` the query is in any orthant.
    """

    kind: Literal["paired"] = "paired"

    def check(self, inputs: InputDistribution, dim: int) -> None:
        """Raise ValueError where the query's wrappers and their base are not those of the context."""
        super().check(inputs, dim)
        # a prompt's own pattern depends on what was drawn before it
        if _layers(self.inputs) != _layers(inputs):
            raise ValueError(
                "a paired query needs the distributions of the context with other settings, "
                f"got {_named(self.inputs)} for the context's {_named(inputs)}"
            )


def _layers(inputs: InputDistribution) -> list[str | InputDistribution]:
    """The kinds of the wrappers from the outermost on, and the distribution that they wrap."""
    if isinstance(inputs, WrappedInputs):
        return [inputs.kind, *_layers(inputs.base)]
    return [inputs]


def _named(inputs: InputDistribution) -> str:
    return f"{inputs.kind}({_named(inputs.base)})" if isinstance(inputs, WrappedInputs) else inputs.kind


def _in_span(context: Float[Tensor, "B k D"], x: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
    """The component of x in the span of the context, whatever its rank."""
    if context.shape[1] == 0:
        return torch.zeros_like(x)
    _, lengths, directions = torch.linalg.svd(context, full_matrices=False)
    spanned = lengths > _tolerance(context) * lengths[:, :1]
    coordinates = torch.einsum("bid,bd->bi", directions, x) * spanned
    return torch.einsum("bi,bid->bd", coordinates, directions)


def _tolerance(x: Tensor) -> float:
    """Parts shorter than this, relative to the whole, are rounding: 3.7e-11 in double precision."""
    return float(torch.finfo(x.dtype).eps ** (2 / 3))
