"""Function classes and input distributions: sampling only, never inference."""

from priormix.functions.base import AnyFunctionClass, FunctionClass, Functions
from priormix.functions.combination import Combination
from priormix.functions.gaussian_process import GaussianProcess
from priormix.functions.input_shifts import (
    OrthantInputs,
    ScaledInputs,
    ShiftedInputs,
    SkewedInputs,
    SubspaceInputs,
)
from priormix.functions.inputs import (
    AnyInputs,
    GaussianInputs,
    InputDistribution,
    LeadingInputs,
    UniformInputs,
    WrappedInputs,
)
from priormix.functions.kernels import (
    AnyKernel,
    ArcCosine,
    Kernel,
    Linear,
    Matern,
    Periodic,
    RationalQuadratic,
    SquaredExponential,
    Sum,
)
from priormix.functions.linear import DenseLinear, GivenLinear, SparseLinear
from priormix.functions.mixture import Mixture
from priormix.functions.queries import (
    AnyQuery,
    FreshQuery,
    OrthogonalQuery,
    OverlappingQuery,
    PairedQuery,
    Query,
)
from priormix.functions.relu import ReluNetwork
from priormix.functions.sinusoid import Sinusoid
from priormix.functions.tree import DecisionTree

__all__ = [
    "AnyFunctionClass",
    "AnyInputs",
    "AnyKernel",
    "AnyQuery",
    "ArcCosine",
    "Combination",
    "DecisionTree",
    "DenseLinear",
    "FreshQuery",
    "FunctionClass",
    "Functions",
    "GaussianInputs",
    "GaussianProcess",
    "GivenLinear",
    "InputDistribution",
    "Kernel",
    "LeadingInputs",
    "Linear",
    "Matern",
    "Mixture",
    "OrthantInputs",
    "OrthogonalQuery",
    "OverlappingQuery",
    "PairedQuery",
    "Periodic",
    "Query",
    "RationalQuadratic",
    "ReluNetwork",
    "ScaledInputs",
    "ShiftedInputs",
    "Sinusoid",
    "SkewedInputs",
    "SparseLinear",
    "SquaredExponential",
    "SubspaceInputs",
    "Sum",
    "UniformInputs",
    "WrappedInputs",
]
