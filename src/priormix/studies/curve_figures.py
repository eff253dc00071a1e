"""Figures 4 to 6: lines, sinusoids and their combinations in one dimension."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from priormix.functions import Combination, FunctionClass, GivenLinear, Sinusoid
from priormix.measure import Scenario
from priormix.posterior import bayes
from priormix.predictors import FeatureLeastSquares, line_and_cosine
from priormix.predictors.base import Predictor
from priormix.recipe import Recipe
from priormix.streams import generator as stream
from priormix.studies.catalogue import curve_models, line
from priormix.studies.figure import Bench, Figure, rows_at
from priormix.studies.names import BAYES_COMBINATION, BOTH, FEATURES, LINEAR, bayes_name
from priormix.studies.preset import Preset
from priormix.studies.references import curve_references
from priormix.studies.results import Row

GRID_POINTS = 256
GRID_HALF_WIDTH = 2.5
PANEL_SEED = 7

PANEL_WEIGHTS = (0.1, 0.2, 0.3, 0.7, 0.8, 0.9)
PANEL_FREQUENCIES = (0.01, 0.1, 0.5, 1.0, 5.0)
WEIGHT_AXIS = tuple(round(0.05 * step, 2) for step in range(21))
FREQUENCY_AXIS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0, 7.0, 10.0)


@dataclass(frozen=True)
class Panel:
    """One given function, shown with one prompt as the study does."""

    name: str
    functions: FunctionClass
    parameter: float


def _class_panels(bench: Bench) -> Iterator[Row]:
    """Figure 4: a line, a cosine and a convex combination; then learning curves over many prompts."""
    for panel in (
        Panel("y = x", GivenLinear(), 1.0),
        Panel("y = cos(2π·0.6655x)", _cosine(0.6655), 0.6655),
        Panel("y = 0.5x + 0.5cos(2π·0.64x)", _convex(0.5, 0.64), 0.64),
    ):
        yield from _panel(bench, panel, bench.preset.panel_examples)
    classes: dict[str, FunctionClass] = {
        "lines": line(),
        "sinusoids": Sinusoid(),
        "half line + half sinusoid": Combination(parts=(line(), Sinusoid()), weights=(0.5, 0.5)),
    }
    for name, functions in classes.items():
        own = {BAYES_COMBINATION: bayes(functions)} if isinstance(functions, Combination) else {}
        yield from _errors(bench, name, functions, range(bench.preset.curve_points), own, bench.models)


def _weight_sweep(bench: Bench) -> Iterator[Row]:
    """Figure 5: convex combinations of a line and a cosine of frequency 1, the weight as an axis."""
    last = bench.preset.curve_points - 1
    for weight in PANEL_WEIGHTS:
        name = f"{weight:g}x + {1 - weight:.1f}cos(2πx)"
        yield from _panel(bench, Panel(name, _convex(weight, 1.0), weight), last)
    for weight in WEIGHT_AXIS:
        functions = Combination(parts=(line(), Sinusoid(frequency=1.0)), weights=(weight, 1 - weight))
        known: dict[str, Predictor] = {
            FEATURES: FeatureLeastSquares(line_and_cosine(1.0)),
            BAYES_COMBINATION: bayes(Combination(parts=(line(), Sinusoid()), weights=functions.weights)),
        }
        yield from _errors(bench, "weight", functions, range(last, last + 1), known, [BOTH], weight)


def _frequency_sweep(bench: Bench) -> Iterator[Row]:
    """Figure 6: cosines of given frequencies, the frequency as an axis."""
    last = bench.preset.curve_points - 1
    for frequency in PANEL_FREQUENCIES:
        name = f"cos(2π·{frequency:g}x)"
        yield from _panel(bench, Panel(name, _cosine(frequency), frequency), last)
    for frequency in FREQUENCY_AXIS:
        functions = Sinusoid(frequency=frequency)
        known = {FEATURES: FeatureLeastSquares(line_and_cosine(frequency))}
        yield from _errors(
            bench, "frequency", functions, range(last, last + 1), known, bench.models, frequency
        )


def _errors(
    bench: Bench,
    name: str,
    functions: FunctionClass,
    n_examples: range,
    known: Mapping[str, Predictor],
    priors: Iterable[str],
    parameter: float | None = None,
) -> Iterator[Row]:
    """Errors over many prompts, beside exact Bayes with the given models' priors and what else is known."""
    scenario = Scenario(name=name, functions=functions, n_points=bench.preset.curve_points)
    exact = curve_references(bench.preset, priors)
    evaluation = bench.evaluate(scenario, {**exact, **known}, bench.preset.n_curve_prompts)
    for model in priors:
        pair = f"{model} vs {bayes_name(model)}"
        difference = evaluation.mse_difference(model, bayes_name(model))
        yield from rows_at(evaluation, pair, "mse_difference", difference, n_examples, parameter)
    for model in evaluation.means:
        yield from rows_at(evaluation, model, "mse", evaluation.mse(model), n_examples, parameter)
        share = evaluation.unexplained(model)
        yield from rows_at(evaluation, model, "unexplained_share", share, n_examples, parameter)


def _panel(bench: Bench, panel: Panel, n_examples: int) -> Iterator[Row]:
    """One prompt: its examples, the function, and every model's predictions over a grid of queries."""
    scenario = Scenario(name=panel.name, functions=panel.functions, n_points=n_examples)
    prompts = scenario.prompts(1, seed=PANEL_SEED, device=bench.device)
    grid = torch.linspace(
        -GRID_HALF_WIDTH, GRID_HALF_WIDTH, GRID_POINTS, dtype=prompts.xs.dtype, device=bench.device
    )
    draw = panel.functions.draw(1, stream(PANEL_SEED, "panel", 0, bench.device), prompts.xs.dtype)
    yield from _points("examples", panel, n_examples, "example", prompts.xs[0, :, 0], prompts.ys[0])
    yield from _points("truth", panel, n_examples, "prediction", grid, draw(grid[None, :, None])[0])
    exact = curve_references(bench.preset, [BOTH])
    if isinstance(panel.functions, Combination):
        exact[BAYES_COMBINATION] = bayes(
            Combination(parts=(line(), Sinusoid()), weights=panel.functions.weights)
        )
    for model, predictor in {**bench.models, **exact}.items():
        predicted = predictor.predict_at(prompts.xs, prompts.ys, grid[None, :, None]).mean[0]
        yield from _points(model, panel, n_examples, "prediction", grid, predicted)


def _points(model: str, panel: Panel, n_examples: int, metric: str, xs: Tensor, ys: Tensor) -> Iterator[Row]:
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        yield Row(
            figure="",
            model=model,
            scenario=panel.name,
            metric=metric,
            mean=y,
            low=None,
            high=None,
            n_prompts=1,
            parameter=x,
            n_examples=n_examples,
        )


def _cosine(frequency: float) -> Sinusoid:
    return Sinusoid(frequency=frequency, amplitude=1.0)


def _convex(weight: float, frequency: float) -> Combination:
    return Combination(parts=(GivenLinear(), _cosine(frequency)), weights=(weight, 1 - weight))


def _with_sinusoids(preset: Preset, seed: int) -> dict[str, Recipe]:
    return {name: recipe for name, recipe in curve_models(preset, seed).items() if name != LINEAR}


CURVE_FIGURES = (
    Figure("4", curve_models, _class_panels),
    Figure("5", curve_models, _weight_sweep),
    Figure("6", _with_sinusoids, _frequency_sweep),
)
