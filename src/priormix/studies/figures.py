"""The figures of a study by their names."""

from priormix.studies.curve_figures import CURVE_FIGURES
from priormix.studies.figure import Figure
from priormix.studies.linear_figures import LINEAR_FIGURES
from priormix.studies.selection_figures import SELECTION_FIGURES
from priormix.studies.shift_figures import SHIFT_FIGURES

FIGURES: dict[str, Figure] = {
    figure.name: figure for figure in (*LINEAR_FIGURES, *CURVE_FIGURES, *SELECTION_FIGURES, *SHIFT_FIGURES)
}
