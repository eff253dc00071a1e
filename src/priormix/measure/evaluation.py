"""Every predictor on the same prompts."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.measure.intervals import Estimate, mean_over_prompts, ratio_of_means
from priormix.measure.scenario import Scenario
from priormix.predictors.base import Predictor


@dataclass(frozen=True)
class Evaluation:
    """What named predictors said on N prompts of a scenario, beside the noise-free truth.

    Attributes:
        values: f(x), (N, T).
        means: each predictor's predictions, (N, T).
    """

    scenario: Scenario
    values: Float[Tensor, "N T"]
    means: Mapping[str, Float[Tensor, "N T"]]

    @property
    def n_prompts(self) -> int:
        return self.values.shape[0]

    def squared_errors(self, name: str) -> Float[Tensor, "N T"]:
        """Squared error against the noise-free value, prompt by prompt, in squared units of y."""
        return (self.means[name] - self.values).square()

    def mse(self, name: str) -> Estimate:
        """Mean squared error after 0, ..., T − 1 examples, (T,)."""
        return mean_over_prompts(self.squared_errors(name))

    def unexplained(self, name: str) -> Estimate:
        """Mean squared error divided by the mean square of f(x), (T,): 0 is perfect, 1 is predicting 0."""
        return ratio_of_means(self.squared_errors(name), self.values.square())

    def mse_over_prefixes(self, name: str) -> Estimate:
        """Mean squared error averaged over all prefixes, a scalar."""
        return mean_over_prompts(self.squared_errors(name).mean(1))

    def mse_difference(self, name: str, other: str) -> Estimate:
        """Mean squared error of `name` minus that of `other` on the same prompts, (T,)."""
        return mean_over_prompts(self.squared_errors(name) - self.squared_errors(other))

    def mse_difference_over_prefixes(self, name: str, other: str) -> Estimate:
        """The paired difference averaged over all prefixes, a scalar."""
        return mean_over_prompts((self.squared_errors(name) - self.squared_errors(other)).mean(1))

    def squared_distances(self, name: str, other: str) -> Float[Tensor, "N T"]:
        """Squared difference between two predictors' predictions, prompt by prompt."""
        return (self.means[name] - self.means[other]).square()

    def relative_distance(self, name: str, other: str, one: str, two: str) -> Estimate:
        """Mean squared distance of `name` from `other`, divided by that of `one` from `two`, (T,)."""
        return ratio_of_means(self.squared_distances(name, other), self.squared_distances(one, two))


def evaluate(
    predictors: Mapping[str, Predictor],
    scenario: Scenario,
    n_prompts: int = 1000,
    *,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> Evaluation:
    """Let every predictor meet the same n_prompts prompts of the scenario."""
    prompts = scenario.prompts(n_prompts, seed=seed, device=device)
    means = {name: predictor.predict(prompts.xs, prompts.ys).mean for name, predictor in predictors.items()}
    return Evaluation(scenario, prompts.values, means)
