"""What a network loses on prompts: learning curves beside least squares and exact Bayes."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch
from pydantic import ValidationError

from priormix.errors import PriormixError, describe_invalid
from priormix.files import write_atomically
from priormix.functions import FunctionClass, Mixture
from priormix.kinds import Frozen
from priormix.measure import Estimate, Scenario, evaluate
from priormix.posterior import bayes
from priormix.predictors import LeastSquares
from priormix.predictors.base import Predictor
from priormix.recipe import Recipe

FILE = "measured.json"
MODEL, LEAST_SQUARES, EXACT_BAYES = "model", "least squares", "exact Bayes"


class Interval(Frozen):
    """A mean with the ends of its 95% interval, in squared units of y."""

    mean: float
    low: float
    high: float


class ErrorCurve(Frozen):
    """Mean squared error after 0, ..., T − 1 examples with 95% intervals, in squared units of y."""

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class MeasuredScenario(Frozen):
    """Errors on the prompts of one scenario; `distance` is the model's above exact Bayes over all prefixes.

    Exact Bayes has the prior of pretraining. It has no curve, and `distance` is None, where it is not known.
    """

    scenario: str
    n_prompts: int
    n_points: int
    curves: dict[str, ErrorCurve]
    distance: Interval | None


class Measured(Frozen):
    """All that was measured of a network, as the file beside its weights holds it."""

    scenarios: tuple[MeasuredScenario, ...]

    def write(self, folder: Path) -> None:
        """Write the file; raises PriormixError where the folder cannot be written to."""
        write_atomically(folder / FILE, self.model_dump_json(indent=1).encode())

    @classmethod
    def beside(cls, weights: Path) -> "Measured | None":
        """What lies beside a weights file, if anything does; raises PriormixError where it is damaged."""
        path = weights.with_name(FILE)
        if not path.exists():
            return None
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise describe_invalid(str(path), error) from error


def own_prior(recipe: Recipe) -> Scenario:
    """Prompts as in pretraining."""
    return _scenario("its own prior", recipe.mixture, recipe)


def measure(
    model: Predictor, recipe: Recipe, n_prompts: int, *, device: torch.device | str | None = None
) -> Measured:
    """Measure a network on its own prior, and on each class of the mixture where the prior is one."""
    return Measured(
        scenarios=tuple(
            measure_on(scenario, model, recipe, n_prompts, device=device) for scenario in _scenarios(recipe)
        )
    )


def measure_on(
    scenario: Scenario,
    model: Predictor,
    recipe: Recipe,
    n_prompts: int,
    *,
    seed: int = 0,
    device: torch.device | str | None = None,
    beside: dict[str, Predictor] | None = None,
) -> MeasuredScenario:
    """Measure a network on one scenario, beside least squares, exact Bayes, and what else is named."""
    predictors: dict[str, Predictor] = {MODEL: model, LEAST_SQUARES: LeastSquares(), **(beside or {})}
    # where no exact posterior is known, the other curves stand without it
    with suppress(PriormixError):
        predictors[EXACT_BAYES] = bayes(recipe.mixture, noise_std=recipe.noise_std)
    evaluation = evaluate(predictors, scenario, n_prompts, seed=seed, device=device)
    distance = None
    if EXACT_BAYES in predictors:
        distance = _interval(evaluation.mse_difference_over_prefixes(MODEL, EXACT_BAYES))
    return MeasuredScenario(
        scenario=scenario.name,
        n_prompts=n_prompts,
        n_points=scenario.n_points,
        curves={name: _curve(evaluation.mse(name)) for name in predictors},
        distance=distance,
    )


def _scenarios(recipe: Recipe) -> Iterator[Scenario]:
    yield own_prior(recipe)
    if isinstance(recipe.mixture, Mixture) and len(recipe.mixture.components) > 1:
        for component in recipe.mixture.components:
            yield _scenario(in_words(component), component, recipe)


def in_words(functions: FunctionClass) -> str:
    """A function class in words, such as "dense linear" or "sinusoid (frequency 0)"."""
    settings = []
    for name, field in type(functions).model_fields.items():
        value = getattr(functions, name)
        if name != "dim" and isinstance(value, int | float) and value != field.default:
            settings.append(f"{name.replace('_', ' ')} {value:g}")
    words = functions.kind.replace("_", " ")
    return f"{words} ({', '.join(settings)})" if settings else words


def _scenario(name: str, functions: FunctionClass, recipe: Recipe) -> Scenario:
    return Scenario(
        name=name,
        functions=functions,
        n_points=recipe.n_points,
        inputs=recipe.inputs,
        noise_std=recipe.noise_std,
    )


def _interval(estimate: Estimate) -> Interval:
    return Interval(mean=float(estimate.mean), low=float(estimate.low), high=float(estimate.high))


def _curve(estimate: Estimate) -> ErrorCurve:
    parts = {name: tuple(getattr(estimate, name).tolist()) for name in ("mean", "low", "high")}
    return ErrorCurve(**parts)
