"""Whose fault an error is: the pretraining prior's or the network's."""

from dataclasses import dataclass

from priormix.measure.evaluation import Evaluation
from priormix.measure.intervals import Estimate, mean_over_prompts


@dataclass(frozen=True)
class Attribution:
    """A model's mean squared error split at the Bayes predictor under its pretraining prior, each (T,).

    With m the model, b that Bayes predictor, o the one under the scenario's own prior, and f the truth:
    E(m − f)² = E(b − f)² + E(m − b)² + 2 E(m − b)(b − f). All in squared units of y, with 95% intervals
    over prompts.

    Attributes:
        error: of the model, E(m − f)².
        bayes_error: of Bayes under the pretraining prior, E(b − f)².
        distance: of the model from that, E(m − b)².
        cross_term: 2 E(m − b)(b − f), 0 where the prior is the truth.
        own_bayes_error: of Bayes under the scenario's own prior, E(o − f)².
        prior_excess: E(b − f)² − E(o − f)², what the pretraining prior costs even an ideal learner.
        network_excess: E(m − f)² − E(b − f)², what the network adds to it (or takes from it).
    """

    error: Estimate
    bayes_error: Estimate
    distance: Estimate
    cross_term: Estimate
    own_bayes_error: Estimate
    prior_excess: Estimate
    network_excess: Estimate


def attribute(evaluation: Evaluation, model: str, bayes: str, own_bayes: str) -> Attribution:
    """Split the error of `model` at `bayes`, exact under its pretraining prior, beside the scenario's own."""
    means, values = evaluation.means, evaluation.values
    error, bayes_error, own_error = (evaluation.squared_errors(name) for name in (model, bayes, own_bayes))
    return Attribution(
        error=mean_over_prompts(error),
        bayes_error=mean_over_prompts(bayes_error),
        distance=mean_over_prompts(evaluation.squared_distances(model, bayes)),
        cross_term=mean_over_prompts(2 * (means[model] - means[bayes]) * (means[bayes] - values)),
        own_bayes_error=mean_over_prompts(own_error),
        prior_excess=mean_over_prompts(bayes_error - own_error),
        network_excess=mean_over_prompts(error - bayes_error),
    )
