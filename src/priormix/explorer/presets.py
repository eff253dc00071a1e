"""Views that show the panels of the study's Figures 4, 5 and 6."""

from priormix.explorer.prompt import Draw
from priormix.explorer.view import View
from priormix.studies.curve_figures import PANEL_FREQUENCIES, PANEL_SEED, PANEL_WEIGHTS

FEW, MANY = 15, 39


def presets(longest: int = MANY) -> dict[str, View]:
    """The panels by their names; prompts hold `longest` points at most, as those of pretraining did."""
    few, many = min(FEW, longest), min(MANY, longest)
    found = {
        "Figure 4: y = x": _view("line y = x", few),
        "Figure 4: cosine of frequency 0.6655": _view("cosine", few, frequency=0.6655),
        "Figure 4: 0.5x + 0.5cos(2π·0.64x)": _view("combination", few, frequency=0.64, weight=0.5),
    }
    for weight in PANEL_WEIGHTS:
        name = f"Figure 5: {weight:g}x + {1 - weight:.1f}cos(2πx)"
        found[name] = _view("combination", many, frequency=1.0, weight=weight)
    for frequency in PANEL_FREQUENCIES:
        found[f"Figure 6: cos(2π·{frequency:g}x)"] = _view("cosine", many, frequency=frequency)
    return found


def _view(function: str, n_points: int, frequency: float = 1.0, weight: float = 0.5) -> View:
    return View(
        draw=Draw(function=function, frequency=frequency, weight=weight, n_points=n_points, seed=PANEL_SEED)
    )
