"""Figures S1 and S3: which class a model believes in, and what rare classes cost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, isnan

from priormix.functions import Combination, FunctionClass, Mixture, Sinusoid
from priormix.measure import (
    Estimate,
    Evaluation,
    Scenario,
    effective_noise,
    implied_weights,
    posterior_weights,
    selection_cost,
    weight_gap,
)
from priormix.posterior import bayes
from priormix.predictors.base import Predictor
from priormix.recipe import Recipe
from priormix.studies.catalogue import (
    RARE_WEIGHTS,
    curve_models,
    dense,
    half_and_half,
    line,
    linear_models,
    rare_classes,
    rare_models,
    sparse,
)
from priormix.studies.figure import Bench, Figure, rows_at
from priormix.studies.names import BOTH, DENSE, LINEAR, MIXTURE, SINUSOID, SPARSE, bayes_name, rare_name
from priormix.studies.preset import Preset
from priormix.studies.results import Row

NOISES = (0.03, 0.1, 0.2, 0.4, 1.0)


@dataclass(frozen=True)
class Choice:
    """Two classes with a model on each and one on both, and the scenarios on which it has to choose.

    `classes` maps the names of the single-class models to their classes.
    """

    both: str
    classes: Mapping[str, FunctionClass]
    scenarios: Mapping[str, FunctionClass]
    n_points: int

    @property
    def singles(self) -> list[str]:
        return list(self.classes)

    @property
    def mixture(self) -> Mixture:
        first, second = self.classes.values()
        return half_and_half(first, second)


def _linear_choice(preset: Preset) -> Choice:
    classes = {DENSE: dense(preset), SPARSE: sparse(preset)}
    between = min(preset.nonzeros + 1, preset.dim)
    scenarios = {**classes, f"nnz {between}": sparse(preset, between)}
    return Choice(MIXTURE, classes, scenarios, preset.n_points)


def _curve_choice(preset: Preset) -> Choice:
    classes = {LINEAR: line(), SINUSOID: Sinusoid()}
    halfway = Combination(parts=(line(), Sinusoid()), weights=(0.5, 0.5))
    return Choice(BOTH, classes, {**classes, "half line + half sinusoid": halfway}, preset.curve_points)


def _choices(bench: Bench) -> Iterator[Row]:
    """Figure S1: posterior over classes, implied weight, effective noise and the cost of selection."""
    for choice in (_linear_choice(bench.preset), _curve_choice(bench.preset)):
        bayes_both = bayes_name(choice.both)
        by_noise = {std: f"{bayes_both}, noise {std:g}" for std in NOISES}
        references: dict[str, Predictor] = {
            bayes_both: bayes(choice.mixture),
            **{bayes_name(name): bayes(functions) for name, functions in choice.classes.items()},
            **{name: bayes(choice.mixture, noise_std=std) for std, name in by_noise.items()},
        }
        chosen = bench.only(*choice.singles, choice.both)
        for name, functions in choice.scenarios.items():
            scenario = Scenario(name=name, functions=functions, n_points=choice.n_points)
            evaluation = chosen.evaluate(scenario, references, bench.preset.n_selection_prompts)
            yield from _weights(evaluation, choice)
            if name in choice.classes:
                yield from _gaps(evaluation, choice)
            found = effective_noise(evaluation, choice.both, {0.0: bayes_both, **by_noise})
            noise = rows_at(evaluation, choice.both, "effective_noise", found, _after_one(choice))
            yield from _defined(noise)
            if name in choice.classes:
                cost = selection_cost(evaluation, choice.both, name, bayes_both, bayes_name(name))
                yield from rows_at(
                    evaluation, f"{choice.both} vs {name}", "selection_cost", cost, range(choice.n_points)
                )


def _weights(evaluation: Evaluation, choice: Choice) -> Iterator[Row]:
    """Weights of the first class: the posterior, and those that predictions imply."""
    bayes_both, singles = bayes_name(choice.both), [bayes_name(name) for name in choice.singles]
    posterior = posterior_weights(evaluation, bayes_both)
    yield from rows_at(
        evaluation, bayes_both, "posterior_weight", _of_first(posterior), range(choice.n_points)
    )
    for name in (choice.both, bayes_both):
        implied = _of_first(implied_weights(evaluation, name, singles))
        yield from _defined(rows_at(evaluation, name, "implied_weight", implied, _after_one(choice)))


def _gaps(evaluation: Evaluation, choice: Choice) -> Iterator[Row]:
    """Implied weight of the model minus the posterior, from d/2 examples on."""
    singles = [bayes_name(name) for name in choice.singles]
    gap = _of_first(weight_gap(evaluation, choice.both, singles, bayes_name(choice.both)))
    settled = range(ceil(choice.mixture.dim / 2), choice.n_points)
    yield from _defined(rows_at(evaluation, choice.both, "weight_gap", gap, settled))


def _defined(rows: Iterator[Row]) -> Iterator[Row]:
    """Without what is not defined, as weights are not where the classes predict the same."""
    return (row for row in rows if not isnan(row.mean))


def _of_first(weights: Estimate) -> Estimate:
    return Estimate(weights.mean[:, 0], weights.low[:, 0], weights.high[:, 0])


def _after_one(choice: Choice) -> range:
    """Before the first example all predictors say 0, and there is no weight to be seen."""
    return range(1, choice.n_points)


def _rare_weights(bench: Bench) -> Iterator[Row]:
    """Figure S3: errors and the cost of selection where one class is rare in pretraining."""
    preset = bench.preset
    classes = rare_classes(preset)
    common, rare = classes
    for name, functions in classes.items():
        references: dict[str, Predictor] = {bayes_name(own): bayes(one) for own, one in classes.items()}
        for weight in RARE_WEIGHTS:
            mixture = Mixture(components=tuple(classes.values()), weights=(1 - weight, weight))
            references[bayes_name(rare_name(weight, rare))] = bayes(mixture)
        scenario = Scenario(name=name, functions=functions, n_points=preset.rare_points)
        evaluation = bench.evaluate(scenario, references)
        for single in (common, rare):
            for model in (single, bayes_name(single)):
                yield from rows_at(evaluation, model, "mse", evaluation.mse(model), range(preset.rare_points))
        for weight in RARE_WEIGHTS:
            model = rare_name(weight, rare)
            for who in (model, bayes_name(model)):
                error = evaluation.mse(who)
                yield from rows_at(evaluation, who, "mse", error, range(preset.rare_points), weight)
            cost = selection_cost(evaluation, model, name, bayes_name(model), bayes_name(name))
            yield from rows_at(
                evaluation, f"{model} vs {name}", "selection_cost", cost, range(preset.rare_points), weight
            )


def _both_choices(preset: Preset, seed: int) -> dict[str, Recipe]:
    return {**linear_models(preset, seed, (0.0, 1.0, 0.5)), **curve_models(preset, seed)}


SELECTION_FIGURES = (Figure("S1", _both_choices, _choices), Figure("S3", rare_models, _rare_weights))
