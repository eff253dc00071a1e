"""Which networks a study pretrains, by the names that its tables and figures use."""

from priormix.functions import DenseLinear, FunctionClass, Mixture, ReluNetwork, Sinusoid, SparseLinear
from priormix.models import Network, Transformer
from priormix.models.layouts import LayoutName
from priormix.optimisation import Muon
from priormix.recipe import Recipe
from priormix.studies.names import (
    BOTH,
    CONSTANT,
    DENSE,
    LINEAR,
    RELU,
    SINUSOID,
    SPARSE,
    rare_name,
    weight_name,
)
from priormix.studies.preset import Effort, Preset, Size

RARE_WEIGHTS = (0.5, 0.1, 0.01, 0.001)


def dense(preset: Preset) -> DenseLinear:
    """The dense linear class of the study."""
    return DenseLinear(dim=preset.dim)


def sparse(preset: Preset, nonzeros: int | None = None) -> SparseLinear:
    """The sparse linear class of the study, or one with another number of nonzeros."""
    return SparseLinear(dim=preset.dim, nonzeros=nonzeros or preset.nonzeros)


def relu(preset: Preset) -> ReluNetwork:
    """The two-layer ReLU class of the study."""
    return ReluNetwork(dim=preset.dim)


def line() -> DenseLinear:
    """Lines through the origin in one dimension."""
    return DenseLinear(dim=1)


def half_and_half(one: FunctionClass, two: FunctionClass) -> Mixture:
    """Both classes with probability one half."""
    return Mixture(components=(one, two), weights=(0.5, 0.5))


def linear_models(preset: Preset, seed: int, weights: tuple[float, ...] | None = None) -> dict[str, Recipe]:
    """Models on dense and sparse functions, one for each weight of the dense class (the preset's)."""
    weights = preset.dense_weights if weights is None else weights
    return _by_weight(preset, dense(preset), sparse(preset), SPARSE, preset.linear, weights, seed)


def relu_models(preset: Preset, seed: int) -> dict[str, Recipe]:
    """Models on dense functions and ReLU networks, one for each weight of the dense class."""
    return _by_weight(preset, dense(preset), relu(preset), RELU, preset.relu, preset.dense_weights, seed)


def curve_models(preset: Preset, seed: int) -> dict[str, Recipe]:
    """The three one-dimensional models: on lines, on sinusoids, on both."""
    classes: dict[str, tuple[FunctionClass, Effort]] = {
        LINEAR: (line(), preset.line),
        SINUSOID: (Sinusoid(), preset.curve),
        BOTH: (half_and_half(line(), Sinusoid()), preset.curve),
    }
    return {
        name: _recipe(functions, preset.curve_points, preset.curve_size, effort, seed)
        for name, (functions, effort) in classes.items()
    }


def sized_models(preset: Preset, other: FunctionClass, effort: Effort, seed: int) -> dict[str, Recipe]:
    """Half-half models on dense functions and another class, one for each size."""
    functions = half_and_half(dense(preset), other)
    return {
        name: _recipe(functions, preset.n_points, size, effort, seed) for name, size in preset.sizes.items()
    }


def rare_classes(preset: Preset) -> dict[str, FunctionClass]:
    """A common class, and one that is rare in pretraining, by their names."""
    if preset.rare_classes == "dense and sparse":
        return {DENSE: dense(preset), SPARSE: sparse(preset)}
    # a cosine of frequency 0 is a constant
    return {LINEAR: line(), CONSTANT: Sinusoid(frequency=0.0)}


def rare_models(preset: Preset, seed: int) -> dict[str, Recipe]:
    """Models on the common class and the rare one alone, and one for each weight of the rare one."""
    classes = rare_classes(preset)
    both, (_, rare) = tuple(classes.values()), classes
    mixtures = {
        rare_name(weight, rare): Mixture(components=both, weights=(1 - weight, weight))
        for weight in RARE_WEIGHTS
    }
    return {
        name: _recipe(functions, preset.rare_points, preset.rare_size, preset.rare, seed)
        for name, functions in {**classes, **mixtures}.items()
    }


def _by_weight(
    preset: Preset,
    one: FunctionClass,
    two: FunctionClass,
    other: str,
    effort: Effort,
    weights: tuple[float, ...],
    seed: int,
) -> dict[str, Recipe]:
    def functions(weight: float) -> FunctionClass:
        if weight in (0, 1):
            return one if weight == 1 else two
        return Mixture(components=(one, two), weights=(weight, 1 - weight))

    return {
        weight_name(weight, other): _recipe(functions(weight), preset.n_points, preset.size, effort, seed)
        for weight in weights
    }


def _recipe(functions: FunctionClass, n_points: int, size: Size, effort: Effort, seed: int) -> Recipe:
    backbone = Transformer(
        layers=size.layers,
        heads=size.heads,
        width=size.width,
        positions="none",
        activation="gelu",
        attention=effort.attention,
    )
    layout: LayoutName = "examples" if effort.queries else "paired"
    return Recipe(
        mixture=functions,
        n_points=n_points,
        queries=effort.queries,
        network=Network(layout=layout, input_std=effort.input_std, backbone=backbone, head=effort.head),
        optimiser=Muon(learning_rate=effort.learning_rate),
        steps=effort.steps,
        batch=effort.batch,
        seed=seed,
    )
