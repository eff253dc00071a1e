"""Figures 1 to 3 and 7 to 9: linear functions and ReLU networks in context."""

from collections.abc import Iterator
from functools import partial

from priormix.functions import FunctionClass
from priormix.measure import Evaluation, Scenario
from priormix.recipe import Recipe
from priormix.studies.catalogue import (
    dense,
    linear_models,
    relu,
    relu_models,
    sized_models,
    sparse,
)
from priormix.studies.figure import Bench, Figure, rows_at
from priormix.studies.names import BAYES_MIXTURE, BEST_LASSO, DENSE, MIXTURE, RELU, SPARSE, bayes_name
from priormix.studies.preset import Preset
from priormix.studies.references import (
    linear_references,
    relu_references,
    with_best_lasso,
)
from priormix.studies.results import Row

BAR_WEIGHTS = (0.0, 1.0, 0.5)


def _bars(bench: Bench) -> Iterator[Row]:
    """Figure 1: error on sparse, middling and dense functions after `bar_examples` examples."""
    preset = bench.preset
    middling = max(preset.nonzeros + 1, preset.dim // 2)
    classes: dict[str, tuple[int, FunctionClass]] = {
        f"nnz {preset.nonzeros}": (preset.nonzeros, sparse(preset)),
        f"nnz {middling}": (middling, sparse(preset, middling)),
        DENSE: (preset.dim, dense(preset)),
    }
    for name, (nonzeros, functions) in classes.items():
        evaluation = _on_linear(bench, name, functions)
        yield from _errors(evaluation, _bar_examples(preset), float(nonzeros))
        pairs = [(DENSE, SPARSE), *((single, bayes_name(single)) for single in (DENSE, SPARSE))]
        yield from _differences(evaluation, pairs, _bar_examples(preset), float(nonzeros))


def _weight_curves(bench: Bench) -> Iterator[Row]:
    """Figure 2: learning curves for every weight, and how far each model is from what it should meet."""
    preset = bench.preset
    classes = {DENSE: dense(preset), SPARSE: sparse(preset)}
    for name, functions in classes.items():
        evaluation = _on_linear(bench, name, functions)
        yield from _errors(evaluation, range(preset.n_points))
        pairs = [(name, bayes_name(name)), (name, BEST_LASSO), (MIXTURE, name), (MIXTURE, BAYES_MIXTURE)]
        yield from _differences(evaluation, pairs, None)


def _nonzeros_sweep(bench: Bench) -> Iterator[Row]:
    """Figure 3: errors, and distances from the mixture model, for every number of nonzeros."""
    preset = bench.preset
    k = _bar_examples(preset)
    for nonzeros in range(1, preset.dim + 1):
        evaluation = _on_linear(bench, "nnz", sparse(preset, nonzeros))
        yield from _errors(evaluation, k, float(nonzeros))
        pairs = [(MIXTURE, other) for other in (DENSE, SPARSE, BAYES_MIXTURE)]
        yield from _differences(evaluation, pairs, k, float(nonzeros))
        for single in (DENSE, SPARSE):
            distance = evaluation.relative_distance(single, MIXTURE, DENSE, SPARSE)
            yield from rows_at(
                evaluation, f"{MIXTURE} vs {single}", "relative_distance", distance, k, float(nonzeros)
            )


def _relu_curves(bench: Bench) -> Iterator[Row]:
    """Figure 7: learning curves on dense functions and on ReLU networks for every weight."""
    for name, functions in {DENSE: dense(bench.preset), RELU: relu(bench.preset)}.items():
        yield from _errors(_on_networks(bench, name, functions), range(bench.preset.n_points))


def _size_curves(other: str, bench: Bench) -> Iterator[Row]:
    """Figures 8 and 9: learning curves of half-half models of three sizes on both of their classes."""
    preset = bench.preset
    second, evaluated = (sparse(preset), _on_linear) if other == SPARSE else (relu(preset), _on_networks)
    for name, functions in {DENSE: dense(preset), other: second}.items():
        yield from _errors(evaluated(bench, name, functions), range(preset.n_points))


def _sized(other: str, preset: Preset, seed: int) -> dict[str, Recipe]:
    if other == SPARSE:
        return sized_models(preset, sparse(preset), preset.linear, seed)
    return sized_models(preset, relu(preset), preset.relu, seed)


def _errors(evaluation: Evaluation, n_examples: range, parameter: float | None = None) -> Iterator[Row]:
    for model in evaluation.means:
        yield from rows_at(evaluation, model, "mse", evaluation.mse(model), n_examples, parameter)


def _differences(
    evaluation: Evaluation,
    pairs: list[tuple[str, str]],
    n_examples: range | None,
    parameter: float | None = None,
) -> Iterator[Row]:
    """Paired differences of errors, at given numbers of examples or (None) averaged over prefixes."""
    for model, other in pairs:
        difference = (
            evaluation.mse_difference_over_prefixes(model, other)
            if n_examples is None
            else evaluation.mse_difference(model, other)
        )
        yield from rows_at(
            evaluation, f"{model} vs {other}", "mse_difference", difference, n_examples, parameter
        )


def _bar_examples(preset: Preset) -> range:
    return range(preset.bar_examples, preset.bar_examples + 1)


def _on_linear(bench: Bench, name: str, functions: FunctionClass) -> Evaluation:
    evaluation = bench.evaluate(_scenario(bench, name, functions), linear_references(bench.preset))
    return with_best_lasso(evaluation)


def _on_networks(bench: Bench, name: str, functions: FunctionClass) -> Evaluation:
    return bench.evaluate(_scenario(bench, name, functions), relu_references(bench.preset))


def _scenario(bench: Bench, name: str, functions: FunctionClass) -> Scenario:
    return Scenario(name=name, functions=functions, n_points=bench.preset.n_points)


LINEAR_FIGURES = (
    Figure("1", partial(linear_models, weights=BAR_WEIGHTS), _bars),
    Figure("2", linear_models, _weight_curves),
    Figure("3", partial(linear_models, weights=BAR_WEIGHTS), _nonzeros_sweep),
    Figure("7", relu_models, _relu_curves),
    Figure("8", partial(_sized, SPARSE), partial(_size_curves, SPARSE)),
    Figure("9", partial(_sized, RELU), partial(_size_curves, RELU)),
)
