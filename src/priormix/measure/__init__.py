"""Measuring predictors: scenarios, paired evaluation, learning curves."""

from priormix.measure.curve import Curve, learning_curve
from priormix.measure.evaluation import Evaluation, evaluate
from priormix.measure.intervals import Estimate, mean_over_prompts, ratio_of_means
from priormix.measure.scenario import Scenario

__all__ = [
    "Curve",
    "Estimate",
    "Evaluation",
    "Scenario",
    "evaluate",
    "learning_curve",
    "mean_over_prompts",
    "ratio_of_means",
]
