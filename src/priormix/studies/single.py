"""One trained run on one scenario, beside the predictors that need no training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from priormix.errors import PriormixError, describe_invalid
from priormix.measure import AnyShift, Scenario
from priormix.plain_data import parse_yaml, read_yaml
from priormix.predictors import ClassicalPredictor, Predictor
from priormix.zoo import load, measure_on, own_prior


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


def read_predictors(texts: Sequence[str]) -> dict[str, Predictor]:
    """Classical predictors by the texts that name them: a kind, or its fields as YAML on one line.

    Raises PriormixError that names the text and what is wrong.
    """
    return {text: _read_predictor(text) for text in texts}


def _read_predictor(text: str) -> Predictor:
    fields = parse_yaml(text, text)
    try:
        return ClassicalPredictor.parse({"kind": fields} if isinstance(fields, str) else fields)
    except ValidationError as error:
        raise describe_invalid(text, error) from error
    except ValueError as error:
        raise PriormixError(f"{text}: {' '.join(str(error).split())}") from error


def measure_run(
    run: str,
    scenario: Scenario | None,
    n_prompts: int,
    seed: int,
    device: str,
    beside: dict[str, Predictor] | None = None,
) -> dict[str, Any]:
    """Learning curves of a run, of least squares and of exact Bayes under the run's prior, as plain data.

    `beside` are further predictors by their names. Without a scenario the run's own prior is the test.
    Exact Bayes is left out where it is not known.

    Raises PriormixError where the run cannot be loaded or reads inputs of another dimension.
    """
    model = load(run, device=device)
    recipe = model.recipe
    scenario = scenario or own_prior(recipe)
    if scenario.functions.dim != recipe.mixture.dim:
        raise PriormixError(
            f"{run}: reads inputs with {recipe.mixture.dim} coordinates, scenario {scenario.name!r} has "
            f"{scenario.functions.dim}"
        )
    measured = measure_on(scenario, model, recipe, n_prompts, seed=seed, device=model.device, beside=beside)
    return {"run": run, **measured.model_dump(mode="json")}
