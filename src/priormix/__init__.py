"""Pretrain sequence models on mixtures of function classes, and measure what they learn in context.

The public names are loaded when they are first used, so that the parts which need no PyTorch, such as
the report, do not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from priormix import predictors
    from priormix.errors import PriormixError
    from priormix.estimator import InContextRegressor
    from priormix.functions import (
        Combination,
        DecisionTree,
        DenseLinear,
        FunctionClass,
        GaussianProcess,
        Mixture,
        ReluNetwork,
        Sinusoid,
        SparseLinear,
    )
    from priormix.measure import Scenario, learning_curve
    from priormix.posterior import bayes, near_bayes
    from priormix.prompts import Prompts
    from priormix.recipe import Recipe
    from priormix.training import train
    from priormix.zoo import load

_HOMES = {
    "Combination": "priormix.functions",
    "DecisionTree": "priormix.functions",
    "DenseLinear": "priormix.functions",
    "FunctionClass": "priormix.functions",
    "GaussianProcess": "priormix.functions",
    "InContextRegressor": "priormix.estimator",
    "Mixture": "priormix.functions",
    "PriormixError": "priormix.errors",
    "Prompts": "priormix.prompts",
    "Recipe": "priormix.recipe",
    "ReluNetwork": "priormix.functions",
    "Scenario": "priormix.measure",
    "Sinusoid": "priormix.functions",
    "SparseLinear": "priormix.functions",
    "bayes": "priormix.posterior",
    "learning_curve": "priormix.measure",
    "load": "priormix.zoo",
    "near_bayes": "priormix.posterior",
    "train": "priormix.training",
}

__all__ = [
    "Combination",
    "DecisionTree",
    "DenseLinear",
    "FunctionClass",
    "GaussianProcess",
    "InContextRegressor",
    "Mixture",
    "PriormixError",
    "Prompts",
    "Recipe",
    "ReluNetwork",
    "Scenario",
    "Sinusoid",
    "SparseLinear",
    "bayes",
    "learning_curve",
    "load",
    "near_bayes",
    "predictors",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "predictors":
        return import_module("priormix.predictors")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'priormix' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
