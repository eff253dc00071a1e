"""Fields that a composed function class takes from its parts."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from priormix.functions.base import FunctionClass

DerivedDim = Annotated[int, Field(exclude=True, description="taken from the parts; may be left out")]


def shared_dim(given: int, parts: Sequence[FunctionClass]) -> int:
    """The dim that all parts share; raises ValueError where they differ, or differ from a given one."""
    dims = [part.dim for part in parts]
    if len(set(dims)) > 1:
        raise ValueError(f"all parts must have the same dim, got {dims}")
    if given not in (0, dims[0]):
        raise ValueError(f"dim is {given}, but the parts have dim {dims[0]}")
    return dims[0]


def derive(model: FunctionClass, **fields: Any) -> None:
    """Fill derived fields of a frozen model; only for use in its own validators."""
    model.__dict__.update(fields)
