"""The colour and dashes of every model and reference, safe for colour-blind readers, the same everywhere."""

from dataclasses import dataclass

# Okabe and Ito's palette
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE, GREY = "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#777777"


@dataclass(frozen=True)
class Stroke:
    """Colour, dashes and width of a line."""

    colour: str
    dashes: str = "-"
    width: float = 1.8


_STROKES = {
    "dense": Stroke(BLUE),
    "sparse": Stroke(VERMILION),
    "ReLU": Stroke(VERMILION),
    "constant": Stroke(VERMILION),
    "linear": Stroke(BLUE),
    "sinusoid": Stroke(VERMILION),
    "linear + sinusoid": Stroke(GREEN),
    "small": Stroke(SKY),
    "medium": Stroke(ORANGE),
    "large": Stroke(PURPLE),
    "least squares": Stroke(GREY, "--", 1.4),
    "best Lasso": Stroke(PURPLE, ":", 1.6),
    "3 nearest neighbours": Stroke(PURPLE, ":", 1.6),
    "Bayes: dense": Stroke(BLUE, "--", 1.2),
    "Bayes: sparse": Stroke(VERMILION, "--", 1.2),
    "Bayes: mixture": Stroke(BLACK, "-", 1.2),
    "Bayes: linear": Stroke(BLUE, "--", 1.2),
    "Bayes: sinusoid": Stroke(VERMILION, "--", 1.2),
    "Bayes: constant": Stroke(VERMILION, "--", 1.2),
    "Bayes: linear + sinusoid": Stroke(BLACK, "-", 1.2),
    "Bayes: combination": Stroke(PURPLE, "-.", 1.6),
    "Bayes: own prior": Stroke(PURPLE, "-.", 1.6),
    "near-Bayes: ReLU": Stroke(VERMILION, "--", 1.2),
    "near-Bayes: mixture": Stroke(BLACK, "-", 1.2),
    "least squares on x, cos(2πωx)": Stroke(BLACK, "--", 1.4),
    "truth": Stroke(BLACK, "--", 1.2),
}
_WEIGHT_COLOURS = {25: ORANGE, 50: GREEN, 75: SKY}
_RARE_COLOURS = {"50.0%": GREEN, "10.0%": SKY, "1.0%": ORANGE, "0.1%": PURPLE}


def stroke(model: str) -> Stroke:
    """The stroke of a model or a reference; a name that is not known is drawn in purple."""
    if model in _STROKES:
        return _STROKES[model]
    weight = next((w for w in _WEIGHT_COLOURS if model.startswith(f"dense {w}%")), None)
    if weight:
        return Stroke(_WEIGHT_COLOURS[weight])
    colour = _RARE_COLOURS.get(model.split(" ")[-1], PURPLE)
    return Stroke(colour, "--", 1.2) if model.startswith("Bayes") else Stroke(colour)
