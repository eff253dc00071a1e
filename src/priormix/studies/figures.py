"""The figures of the study, by number."""

from priormix.studies.curve_figures import CURVE_FIGURES
from priormix.studies.figure import Figure
from priormix.studies.linear_figures import LINEAR_FIGURES

FIGURES: dict[int, Figure] = {figure.number: figure for figure in (*LINEAR_FIGURES, *CURVE_FIGURES)}
