"""What a figure is: the models it needs and the measurements it shows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from priormix.measure import Estimate, Evaluation, Scenario, evaluate
from priormix.predictors.base import Predictor
from priormix.recipe import Recipe
from priormix.studies.preset import Preset
from priormix.studies.results import Row


@dataclass(frozen=True)
class Bench:
    """What a measurement works with: the preset, the trained models, and the device."""

    preset: Preset
    models: Mapping[str, Predictor]
    device: torch.device

    def only(self, *names: str) -> "Bench":
        """The same bench with these models alone."""
        return replace(self, models={name: self.models[name] for name in names})

    def evaluate(
        self,
        scenario: Scenario,
        references: Mapping[str, Predictor],
        n_prompts: int | None = None,
        *,
        n_examples: Sequence[int] | None = None,
    ) -> Evaluation:
        """All models, and the given references beside them, on the scenario's prompts.

        The preset's number of prompts where none is given.
        """
        return evaluate(
            {**self.models, **references},
            scenario,
            n_prompts or self.preset.n_prompts,
            n_examples=n_examples,
            device=self.device,
        )


Measure = Callable[[Bench], Iterator[Row]]


@dataclass(frozen=True)
class Figure:
    """A figure of the study as data.

    `models` names the recipes that it needs for a preset and a seed; `measure` yields its rows, with the
    figure's name and the pretraining seed left open.
    """

    name: str
    models: Callable[[Preset, int], dict[str, Recipe]]
    measure: Measure

    def rows(self, bench: Bench, seed: int) -> Iterator[Row]:
        """The figure's rows; those of models carry the seed of their pretraining."""
        for row in self.measure(bench):
            trained = any(part in bench.models for part in row.model.split(" vs "))
            yield replace(row, figure=self.name, seed=seed if trained else None)


def rows_at(
    evaluation: Evaluation,
    model: str,
    metric: str,
    estimate: Estimate,
    n_examples: range | None,
    parameter: float | None = None,
) -> Iterator[Row]:
    """Rows of an estimate (T,) at the numbers `n_examples`, or (None) of one averaged over prefixes."""
    for k in n_examples if n_examples is not None else [None]:
        mean, low, high = (
            float(part if k is None else part[k]) for part in (estimate.mean, estimate.low, estimate.high)
        )
        yield Row(
            figure="",
            model=model,
            scenario=evaluation.scenario.name,
            metric=metric,
            mean=mean,
            low=low,
            high=high,
            n_prompts=evaluation.n_prompts,
            parameter=parameter,
            n_examples=k,
        )
