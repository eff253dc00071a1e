"""Which drawings a report holds, in order, with their captions."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from matplotlib.figure import Figure

from priormix.report import curve_drawings, linear_drawings, selection_drawings, shift_drawings


@dataclass(frozen=True)
class Drawing:
    """A picture of one figure's rows. `figure` is the number in the table, `name` that of the picture."""

    name: str
    figure: str
    title: str
    caption: str
    draw: Callable[[pl.DataFrame], Figure]


DRAWINGS = (
    Drawing(
        "1",
        "1",
        "Error of three models on three kinds of function",
        "Models pretrained on sparse, on dense, and half-half, each evaluated on sparse, middling and dense "
        "linear functions. Bars: mean over prompts with 95% interval. Dashed: what an exact Bayes learner "
        "with the half-half prior loses on the same prompts.",
        linear_drawings.draw_bars,
    ),
    Drawing(
        "2",
        "2",
        "Learning curves for several pretraining mixtures",
        "Mean squared error against the number of in-context examples, the pretraining weight of the dense "
        "class from 0 to 1. Bands: 95% interval over prompts. Thin lines: exact Bayes under each prior, "
        "least squares, and the Lasso at the penalty that is best in hindsight, on the same prompts.",
        linear_drawings.draw_weight_curves,
    ),
    Drawing(
        "3",
        "3",
        "Between sparse and dense",
        "Left: error against the number of nonzero coefficients. Right: mean squared difference between the "
        "half-half model and each single-class model, divided by that between the two single-class models; 0 "
        "is agreement, and 0.25 is half of the root-mean-square way.",
        linear_drawings.draw_nonzeros_sweep,
    ),
    Drawing(
        "4",
        "4",
        "A line, a cosine, and their convex combination",
        "One prompt a panel, as in the study: the models' predictions over queries x after the same points. "
        "Thin: exact Bayes with the prior of the model on both classes; dash-dotted: exact Bayes with the "
        "prior of the combination, frequency unknown.",
        curve_drawings.draw_panels,
    ),
    Drawing(
        "4, over many prompts",
        "4",
        "Lines, sinusoids and combinations over many prompts",
        "The share of the mean square of f(x) that stays unexplained, against the number of examples, for "
        "functions drawn from each class and for half a line plus half a sinusoid. 1 is predicting 0. Thin: "
        "exact Bayes with each model's prior, and with that of the combination; below the axis where it is "
        "exact.",
        curve_drawings.draw_class_curves,
    ),
    Drawing(
        "5",
        "5",
        "Convex combinations, one prompt a panel",
        "a·x + (1 − a)·cos(2πx) for six weights, after as many examples as in pretraining. Exact Bayes as in "
        "Figure 4.",
        curve_drawings.draw_panels,
    ),
    Drawing(
        "5, over many prompts",
        "5",
        "Convex combinations over many prompts",
        "The weight as a continuous axis; both coefficients are drawn at random. Least squares on the right "
        "features, x and cos(2πx), is exact on the same examples and lies below the axis; so does exact "
        "Bayes for the combination, which does not know the frequency. Thin: exact Bayes with each model's "
        "prior.",
        curve_drawings.draw_weight_axis,
    ),
    Drawing(
        "6",
        "6",
        "Cosines of five frequencies, one prompt a panel",
        "cos(2πωx) for five frequencies, after as many examples as in pretraining, where frequencies have "
        "mean 1 and lie between 0.4 and 1.9 for 95% of the prompts.",
        curve_drawings.draw_panels,
    ),
    Drawing(
        "6, over many prompts",
        "6",
        "Cosines over many prompts",
        "The frequency as a continuous axis; the amplitude is drawn at random. Exact Bayes with the same "
        "priors finds every frequency: without noise its error lies below the axis.",
        curve_drawings.draw_frequency_axis,
    ),
    Drawing(
        "7",
        "7",
        "Learning curves for mixtures of dense linear functions and ReLU networks",
        "As Figure 2, with two-layer ReLU networks in place of sparse functions. Near-Bayes: a Gaussian "
        "process with the covariance of the networks stands in for them.",
        linear_drawings.draw_weight_curves,
    ),
    Drawing(
        "8",
        "8",
        "Three sizes on the half-half mixture of dense and sparse functions",
        "Learning curves of a small, a medium and a large model on both classes of their mixture.",
        linear_drawings.draw_weight_curves,
    ),
    Drawing(
        "9",
        "9",
        "Three sizes on the half-half mixture of dense functions and ReLU networks",
        "As Figure 8, with two-layer ReLU networks in place of sparse functions.",
        linear_drawings.draw_weight_curves,
    ),
    Drawing(
        "S1, linear functions",
        "S1",
        "Which class the model believes in: dense or sparse",
        "Above: the posterior probability of the dense class under exact Bayes, mean over prompts, and the "
        "weight that the model's predictions imply: the slope of their regression on the two single-class "
        "Bayes predictions; beside it the same slope for exact Bayes itself. It is not defined where the two "
        "agree. Below: the label noise whose Bayes mixture is nearest to the model, with its bootstrap "
        "interval. Bands: 95% intervals.",
        selection_drawings.draw_linear_choice,
    ),
    Drawing(
        "S1, one dimension",
        "S1",
        "Which class the model believes in: lines or sinusoids",
        "As before, for the model on lines and sinusoids.",
        selection_drawings.draw_curve_choice,
    ),
    Drawing(
        "S2, linear functions",
        "S2",
        "Whose fault, the prior or the network: linear functions",
        "The mean squared error of the half-half model is the sum of three: what exact Bayes loses that "
        "knows the scenario; what it loses more with the pretraining prior; and what the model loses beyond "
        "that. Words: a part is at fault where its whole 95% interval lies above 0.03.",
        shift_drawings.draw_linear_attribution,
    ),
    Drawing(
        "S2, one dimension",
        "S2",
        "Whose fault, the prior or the network: one dimension",
        "As before, for the model on lines and sinusoids.",
        shift_drawings.draw_curve_attribution,
    ),
    Drawing(
        "S3",
        "S3",
        "Rare classes",
        "Models for which one class had 50%, 10%, 1% or 0.1% of the pretraining prompts. Left: error on that "
        "class, dashed: exact Bayes with the same prior. Middle and right: the cost of selection, which is "
        "the error of the model minus that of the single-class model, minus the same difference of the exact "
        "Bayes predictors.",
        selection_drawings.draw_rare_weights,
    ),
    Drawing(
        "S4, linear functions",
        "S4",
        "Sweeps over shifts, linear functions",
        "The share of the mean square of f(x) that stays unexplained, against the severity of one shift at a "
        "time. Curves that are exact to less than 0.001 lie below the axis. Dotted: predicting 0.",
        shift_drawings.draw_linear_sweeps,
    ),
    Drawing(
        "S4, one dimension",
        "S4",
        "Sweeps over shifts, one dimension",
        "As before, for the model on lines and sinusoids.",
        shift_drawings.draw_curve_sweeps,
    ),
)
