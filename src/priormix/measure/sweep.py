"""One shift at several severities."""

from collections.abc import Callable, Mapping, Sequence

import torch

from priormix.measure.evaluation import Evaluation, evaluate
from priormix.measure.scenario import Scenario, Shift
from priormix.predictors.base import Predictor


def sweep(
    predictors: Mapping[str, Predictor] | Callable[[Scenario], Mapping[str, Predictor]],
    scenario: Scenario,
    shift: type[Shift] | Shift | Sequence[Shift],
    n_prompts: int = 1000,
    *,
    severities: Sequence[float] | None = None,
    n_examples: Sequence[int] | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> dict[float, Evaluation]:
    """Evaluate predictors on a scenario under one shift, by severity.

    All severities share the functions, and the numbers that inputs and noise are made of wherever the shapes
    allow it, so that differences between severities are paired.

    Args:
        predictors: by name; or what gives them for a scenario, where some are made for each one, such as
            exact Bayes under the scenario's own functions.
        scenario: what the shift is applied to.
        shift: a class of shifts; one shift, for the fields that it has besides the severity; or shifts of
            one class as they are.
        n_prompts: number of prompts for each severity.
        severities: those of the class where it is None.
        n_examples: as in `evaluate`.
        seed: of the prompts.
        device: where the prompts are drawn.

    Raises ValueError for shifts of several classes or a severity given twice, and PriormixError where the
    scenario does not allow the shift.
    """
    measured: dict[float, Evaluation] = {}
    for severity, shifted in _shifted(scenario, shift, severities).items():
        wanted = predictors(shifted) if callable(predictors) else predictors
        measured[severity] = evaluate(
            wanted, shifted, n_prompts, n_examples=n_examples, seed=seed, device=device
        )
    return measured


def _shifted(
    scenario: Scenario, shift: type[Shift] | Shift | Sequence[Shift], severities: Sequence[float] | None
) -> dict[float, Scenario]:
    """The scenario at every severity; all are built, and so checked, before anything is measured."""
    shifts = _along_one_axis(shift, severities)
    if len({one.severity for one in shifts}) < len(shifts):
        raise ValueError(f"each severity may be given once, got {[one.severity for one in shifts]}")
    return {one.severity: one.applied_to(scenario) for one in shifts}


def _along_one_axis(
    shift: type[Shift] | Shift | Sequence[Shift], severities: Sequence[float] | None
) -> list[Shift]:
    if isinstance(shift, type | Shift):
        fields = {} if isinstance(shift, type) else shift.model_dump(exclude={"severity"})
        member = shift if isinstance(shift, type) else type(shift)
        wanted = member.severities if severities is None else severities
        return [member.model_validate({**fields, "severity": severity}) for severity in wanted]
    if severities is not None:
        raise ValueError("severities come with a class of shifts or with one shift, not with several")
    classes = sorted({one.kind for one in shift})
    if len(classes) != 1:
        raise ValueError(f"a sweep needs shifts of one kind, got {classes}")
    return list(shift)
