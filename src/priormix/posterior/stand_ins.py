"""Gaussian processes that stand in for classes without an exact posterior."""

from collections.abc import Callable
from typing import Any, TypeVar

from priormix.functions import ArcCosine, FunctionClass, GaussianProcess, ReluNetwork

_Class = TypeVar("_Class", bound=FunctionClass)
_StandIn = Callable[[_Class], GaussianProcess]
_stand_ins: dict[type[FunctionClass], _StandIn[Any]] = {}


def stand_in_for(function_class: type[_Class]) -> Callable[[_StandIn[_Class]], _StandIn[_Class]]:
    """Register `make(instance)`, the Gaussian process with the mean and the covariance of a class.

    It serves subclasses too, unless they register one of their own.
    """

    def register(make: _StandIn[_Class]) -> _StandIn[_Class]:
        _stand_ins[function_class] = make
        return make

    return register


def stand_in(function_class: FunctionClass) -> GaussianProcess | None:
    """The Gaussian process with the mean and covariance of a class, where one is registered."""
    for ancestor in type(function_class).__mro__:
        if ancestor in _stand_ins:
            return _stand_ins[ancestor](function_class)
    return None


@stand_in_for(ReluNetwork)
def _relu(function_class: ReluNetwork) -> GaussianProcess:
    return GaussianProcess(dim=function_class.dim, kernel=ArcCosine())
