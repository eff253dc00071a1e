"""One trained run on one scenario, beside the predictors that need no training."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from priormix.errors import PriormixError, describe_invalid
from priormix.measure import AnyShift, Scenario, evaluate
from priormix.plain_data import read_yaml
from priormix.posterior import bayes
from priormix.predictors import LeastSquares
from priormix.predictors.base import Predictor
from priormix.zoo import load_with_recipe


class ScenarioFile(Scenario):
    """A scenario as files hold it: its fields, and shifts that are applied to it one after the other."""

    shifts: tuple[AnyShift, ...] = ()

    def scenario(self) -> Scenario:
        """The shifted scenario; raises PriormixError where it does not allow a shift."""
        fields = {field: getattr(self, field) for field in Scenario.model_fields}
        return Scenario.model_validate(fields).shifted(*self.shifts)


def read_scenario(path: Path) -> Scenario:
    """Read a scenario from YAML or JSON, with its shifts applied.

    Raises PriormixError that names the file and what is wrong.
    """
    fields = read_yaml(path, "scenario")
    try:
        return ScenarioFile.model_validate(fields).scenario()
    except ValidationError as error:
        raise describe_invalid(str(path), error) from error
    except PriormixError as error:
        raise PriormixError(f"{path}: {error}") from error


def measure_run(
    run: Path, scenario: Scenario | None, n_prompts: int, seed: int, device: str
) -> dict[str, Any]:
    """Learning curves of a run, of least squares and of exact Bayes under the run's prior, as plain data.

    Without a scenario the run's own prior is the test. Exact Bayes is left out where it is not known.
    Raises PriormixError where the run cannot be loaded or reads inputs of another dimension.
    """
    model, recipe = load_with_recipe(run, device=device)
    scenario = scenario or Scenario(
        name="its own prior",
        functions=recipe.mixture,
        n_points=recipe.n_points,
        inputs=recipe.inputs,
        noise_std=recipe.noise_std,
    )
    if scenario.functions.dim != recipe.mixture.dim:
        raise PriormixError(
            f"{run}: reads inputs with {recipe.mixture.dim} coordinates, scenario {scenario.name!r} has "
            f"{scenario.functions.dim}"
        )
    predictors: dict[str, Predictor] = {"model": model, "least squares": LeastSquares()}
    # where no exact posterior is known, the other curves stand without it
    with suppress(PriormixError):
        predictors["exact Bayes"] = bayes(recipe.mixture, noise_std=recipe.noise_std)
    where = next(model.network.parameters()).device
    evaluation = evaluate(predictors, scenario, n_prompts, seed=seed, device=where)
    curves = {name: evaluation.mse(name) for name in predictors}
    return {
        "run": str(run),
        "scenario": scenario.name,
        "n_prompts": n_prompts,
        "n_points": scenario.n_points,
        "curves": {
            name: {"mean": curve.mean.tolist(), "low": curve.low.tolist(), "high": curve.high.tolist()}
            for name, curve in curves.items()
        },
    }
