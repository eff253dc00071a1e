"""Function classes and input distributions: sampling only, never inference."""

from priormix.functions.base import AnyFunctionClass, FunctionClass, Functions
from priormix.functions.combination import Combination
from priormix.functions.inputs import (
    AnyInputs,
    GaussianInputs,
    InputDistribution,
    LeadingInputs,
    UniformInputs,
)
from priormix.functions.linear import DenseLinear, GivenLinear, SparseLinear
from priormix.functions.mixture import Mixture
from priormix.functions.relu import ReluNetwork
from priormix.functions.sinusoid import Sinusoid
from priormix.functions.tree import DecisionTree

__all__ = [
    "AnyFunctionClass",
    "AnyInputs",
    "Combination",
    "DecisionTree",
    "DenseLinear",
    "FunctionClass",
    "Functions",
    "GaussianInputs",
    "GivenLinear",
    "InputDistribution",
    "LeadingInputs",
    "Mixture",
    "ReluNetwork",
    "Sinusoid",
    "SparseLinear",
    "UniformInputs",
]
