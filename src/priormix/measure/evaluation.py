"""Every predictor on the same prompts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.measure.intervals import Estimate, mean_over_prompts, ratio_of_means
from priormix.measure.scenario import Scenario
from priormix.predictors.base import Prediction, Predictor
from priormix.prompts import Prompts


@dataclass(frozen=True)
class Evaluation:
    """What named predictors said on N prompts of a scenario, beside the noise-free truth.

    Attributes:
        values: f(x) at the point asked for after 0, ..., T − 1 examples, (N, T).
        means: each predictor's predictions, (N, T); NaN where it was not asked.
        log_component: log posterior of each component before y_t is seen, (N, T, C), of the predictors that
            know it: exact Bayes mixtures.
    """

    scenario: Scenario
    values: Float[Tensor, "N T"]
    means: Mapping[str, Float[Tensor, "N T"]]
    log_component: Mapping[str, Float[Tensor, "N T C"]] = field(default_factory=dict)

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
    n_examples: Sequence[int] | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> Evaluation:
    """Let every predictor meet the same n_prompts prompts of the scenario.

    A scenario with a query costs T calls in place of one, on 1, ..., T points: after every number of
    examples there is another point to ask for. `n_examples` limits the work to some numbers of examples; all
    others are NaN. Raises ValueError for a number of examples that the prompts do not have.
    """
    prompts = scenario.prompts(n_prompts, seed=seed, device=device)
    queries = scenario.queries(n_prompts, seed=seed, device=device) if scenario.query else None
    wanted = _checked(n_examples, scenario.n_points)
    means, log_component = {}, {}
    for name, predictor in predictors.items():
        if queries is None:
            prediction = _in_one(predictor, prompts, wanted)
        else:
            prediction = _one_by_one(predictor, prompts, queries, wanted)
        means[name] = prediction.mean
        if prediction.log_component is not None:
            log_component[name] = prediction.log_component
    return Evaluation(scenario, prompts.values if queries is None else queries.values, means, log_component)


def _one_by_one(predictor: Predictor, prompts: Prompts, queries: Prompts, wanted: list[int]) -> Prediction:
    """Predictions of query k from the first k examples, for the wanted k."""
    mean = torch.full_like(prompts.ys, torch.nan)
    log_component = None
    for k in wanted:
        xs = torch.cat([prompts.xs[:, :k], queries.xs[:, k : k + 1]], 1)
        # the label of the query is not known to anybody; a predictor's mean does not depend on it
        ys = torch.cat([prompts.ys[:, :k], torch.zeros_like(prompts.ys[:, :1])], 1)
        answer = predictor.predict(xs, ys)
        mean[:, k] = answer.mean[:, k]
        if answer.log_component is not None:
            if log_component is None:
                shape = (*mean.shape, answer.log_component.shape[2])
                log_component = mean.new_full(shape, torch.nan)
            log_component[:, k] = answer.log_component[:, k]
    return Prediction(mean, log_component=log_component)


def _in_one(predictor: Predictor, prompts: Prompts, wanted: list[int]) -> Prediction:
    """Predictions after the wanted numbers of examples; points after the last of them are not read."""
    n_read = wanted[-1] + 1
    answer = predictor.predict(prompts.xs[:, :n_read], prompts.ys[:, :n_read])
    mean = torch.full_like(prompts.ys, torch.nan)
    mean[:, wanted] = answer.mean[:, wanted]
    if answer.log_component is None:
        return Prediction(mean)
    log_component = mean.new_full((*mean.shape, answer.log_component.shape[2]), torch.nan)
    log_component[:, wanted] = answer.log_component[:, wanted]
    return Prediction(mean, log_component=log_component)


def _checked(n_examples: Sequence[int] | None, n_points: int) -> list[int]:
    if n_examples is None:
        return list(range(n_points))
    beyond = [k for k in n_examples if not 0 <= k < n_points]
    if beyond:
        raise ValueError(
            f"prompts of {n_points} points have 0 to {n_points - 1} examples, asked for {beyond}"
        )
    return sorted(set(n_examples))
