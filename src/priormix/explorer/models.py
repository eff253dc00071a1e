"""Which networks are shown: a name, a predictor and a recipe each."""

from collections.abc import Sequence
from dataclasses import dataclass

from priormix.errors import PriormixError
from priormix.functions import DenseLinear, FunctionClass, Mixture, Sinusoid
from priormix.palette import ORANGE, PURPLE, SKY, YELLOW, Stroke, stroke
from priormix.predictors.base import Predictor
from priormix.recipe import Recipe
from priormix.studies.names import BOTH, LINEAR, SINUSOID
from priormix.zoo import load

SHIPPED = ("linear-1d", "sinusoid-1d", "linear-sinusoid-1d")
MOST_MODELS = 8

_PLAIN = {"dense_linear": LINEAR, "sinusoid": SINUSOID}
_OTHER_COLOURS = (SKY, ORANGE, PURPLE, YELLOW)
_DASHES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class ShownModel:
    """A trained network of one input under the name that the page gives it."""

    name: str
    predictor: Predictor
    recipe: Recipe


def load_models(sources: Sequence[str]) -> list[ShownModel]:
    """Load networks by what `priormix.load` takes.

    Raises PriormixError for what cannot be loaded, for too many, and for networks of more than one input.
    """
    if len(sources) > MOST_MODELS:
        raise PriormixError(f"--model: at most {MOST_MODELS} models can be shown, got {len(sources)}")
    shown: list[ShownModel] = []
    for source in sources:
        network = load(source, device="cpu")
        dim = network.recipe.mixture.dim
        if dim != 1:
            raise PriormixError(f"{source}: reads {dim} inputs; the plane shows networks of one input")
        shown.append(ShownModel(_free_name(source, shown), network, network.recipe))
    return shown


def shipped_models() -> list[ShownModel]:
    """The one-dimensional networks that this installation has weights of; none where it has none."""
    found = []
    for name in SHIPPED:
        try:
            found += load_models([name])
        except PriormixError:
            continue
    return found


def _free_name(source: str, shown: Sequence[ShownModel]) -> str:
    """The last part of a path, or the whole of it where that is taken."""
    short = source.replace("\\", "/").rstrip("/").split("/")[-1].removesuffix(".safetensors")
    taken = {model.name for model in shown}
    name, number = short, 2
    while name in taken:
        name, number = f"{short} ({number})", number + 1
    return name


def strokes(models: Sequence[ShownModel]) -> dict[str, Stroke]:
    """A stroke for every model: the figures' colour for its classes, other dashes where that is taken."""
    found: dict[str, Stroke] = {}
    used: list[str] = []
    for model in models:
        name = _class_name(model.recipe.mixture)
        colour = stroke(name).colour if name else _OTHER_COLOURS[len(found) % len(_OTHER_COLOURS)]
        found[model.name] = Stroke(colour, _DASHES[used.count(colour) % len(_DASHES)], 2.2)
        used.append(colour)
    return found


def _class_name(functions: FunctionClass) -> str | None:
    """What the figures call a model that was pretrained on this; None where they have no such model."""
    if isinstance(functions, Mixture):
        kinds = {part.kind for part in functions.components}
        return BOTH if kinds == {"dense_linear", "sinusoid"} else None
    return _PLAIN.get(functions.kind)


def line_or_sinusoid() -> Mixture:
    """The study's prior in one dimension: a line or a sinusoid with probability one half."""
    return Mixture(components=(DenseLinear(dim=1), Sinusoid()), weights=(0.5, 0.5))
