"""The predictor next to exact Bayes where a class has no exact posterior."""

from priormix.functions import Combination, DenseLinear, FunctionClass, GaussianProcess, Kernel, Linear, Sum
from priormix.posterior.base import has_exact_posterior
from priormix.posterior.stand_ins import stand_in


def with_stand_ins(function_class: FunctionClass) -> FunctionClass:
    """The class, with a Gaussian process in place of what has no exact posterior.

    It looks for such classes inside mixtures and combinations too. A combination of Gaussian processes
    and dense linear functions is one Gaussian process, and becomes it.
    """
    process = None if has_exact_posterior(function_class) else stand_in(function_class)
    if process is not None:
        return process
    parts = {
        name: tuple(with_stand_ins(part) for part in value)
        for name, value in function_class
        if isinstance(value, tuple) and any(isinstance(part, FunctionClass) for part in value)
    }
    replaced = function_class.model_copy(update=parts) if parts else function_class
    return _summed(replaced) if isinstance(replaced, Combination) else replaced


def _summed(combination: Combination) -> FunctionClass:
    """One Gaussian process for a sum of several, where their kernels are known."""
    if not any(isinstance(part, GaussianProcess) for part in combination.parts):
        return combination
    kernels = []
    for part, weight in zip(combination.parts, combination.weights, strict=True):
        kernel = _kernel(part)
        if kernel is None:
            return combination
        if weight != 0:
            kernels.append(kernel.model_copy(update={"variance": weight**2 * kernel.variance}))
    if not kernels:
        return combination
    return GaussianProcess(dim=combination.dim, kernel=Sum(parts=tuple(kernels)))


def _kernel(function_class: FunctionClass) -> Kernel | None:
    if isinstance(function_class, GaussianProcess):
        return function_class.kernel
    return Linear() if type(function_class) is DenseLinear else None
