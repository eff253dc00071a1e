"""Which drawings a report holds, in order, with their captions."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from matplotlib.figure import Figure

from priormix.report import curve_drawings, linear_drawings


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
        "Learning curves for five pretraining mixtures",
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
        "half-half model and each single-class model, divided by that between the two single-class models; "
        "0 is agreement, and 0.25 is half of the root-mean-square way.",
        linear_drawings.draw_nonzeros_sweep,
    ),
    Drawing(
        "4",
        "4",
        "A line, a cosine, and their convex combination",
        "One prompt a panel, as in the study: the models' predictions over queries x after the same points.",
        curve_drawings.draw_panels,
    ),
    Drawing(
        "4, over many prompts",
        "4",
        "Lines, sinusoids and combinations over many prompts",
        "The share of the mean square of f(x) that stays unexplained, against the number of examples, for "
        "functions drawn from each class and for half a line plus half a sinusoid. 1 is predicting 0.",
        curve_drawings.draw_class_curves,
    ),
    Drawing(
        "5",
        "5",
        "Convex combinations, one prompt a panel",
        "a·x + (1 − a)·cos(2πx) for six weights, after as many examples as in pretraining.",
        curve_drawings.draw_panels,
    ),
    Drawing(
        "5, over many prompts",
        "5",
        "Convex combinations over many prompts",
        "The weight as a continuous axis; both coefficients are drawn at random. Least squares on the right "
        "features, x and cos(2πx), is exact on the same examples: it lies below the axis.",
        curve_drawings.draw_weight_axis,
    ),
    Drawing(
        "6",
        "6",
        "Cosines of five frequencies, one prompt a panel",
        "cos(2πωx) for five frequencies, after as many examples as in pretraining, where frequencies "
        "have mean 1 and lie between 0.4 and 1.9 for 95% of the prompts.",
        curve_drawings.draw_panels,
    ),
    Drawing(
        "6, over many prompts",
        "6",
        "Cosines over many prompts",
        "The frequency as a continuous axis; the amplitude is drawn at random.",
        curve_drawings.draw_frequency_axis,
    ),
    Drawing(
        "7",
        "7",
        "Learning curves for mixtures of dense linear functions and ReLU networks",
        "As Figure 2, with two-layer ReLU networks in place of sparse functions.",
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
)
