"""Measuring predictors: scenarios and their shifts, paired evaluation, learning curves."""

from priormix.measure.attribution import Attribution, attribute
from priormix.measure.curve import Curve, learning_curve
from priormix.measure.evaluation import Evaluation, evaluate
from priormix.measure.function_shifts import (
    ConvexCombination,
    Frequency,
    LabelNoise,
    LabelScale,
    PromptLength,
    Sparsity,
)
from priormix.measure.input_shifts import InputMean, InputScale, InputSkew, InputSubspace
from priormix.measure.intervals import Estimate, mean_over_prompts, ratio_of_means
from priormix.measure.published_shifts import GARG_SHIFTS
from priormix.measure.query_shifts import OppositeQuadrants, QueryOrthogonality, QueryOverlap, RandomQuadrants
from priormix.measure.scenario import AnyShift, Scenario, Shift
from priormix.measure.selection import (
    effective_noise,
    implied_weights,
    posterior_weights,
    selection_cost,
    weight_gap,
)
from priormix.measure.sweep import sweep

__all__ = [
    "GARG_SHIFTS",
    "AnyShift",
    "Attribution",
    "ConvexCombination",
    "Curve",
    "Estimate",
    "Evaluation",
    "Frequency",
    "InputMean",
    "InputScale",
    "InputSkew",
    "InputSubspace",
    "LabelNoise",
    "LabelScale",
    "OppositeQuadrants",
    "PromptLength",
    "QueryOrthogonality",
    "QueryOverlap",
    "RandomQuadrants",
    "Scenario",
    "Shift",
    "Sparsity",
    "attribute",
    "effective_noise",
    "evaluate",
    "implied_weights",
    "learning_curve",
    "mean_over_prompts",
    "posterior_weights",
    "ratio_of_means",
    "selection_cost",
    "sweep",
    "weight_gap",
]
