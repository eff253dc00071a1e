"""Presets: the same study at three sizes, one from shipped networks, and one that checks the installation."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from priormix.errors import PriormixError
from priormix.kinds import Frozen
from priormix.models.network import HeadName
from priormix.models.transformer import AttentionName


class Size(Frozen):
    """The size of a transformer."""

    layers: PositiveInt
    heads: PositiveInt
    width: PositiveInt


class Effort(Frozen):
    """How a network is trained: `steps` batches of `batch` prompts, Muon's learning rate, the start.

    With `queries` every prefix learns from so many points beyond its prompt, and tokens hold examples only.
    """

    steps: PositiveInt
    batch: PositiveInt
    learning_rate: PositiveFloat
    input_std: PositiveFloat | None = None
    attention: AttentionName = "softmax"
    head: HeadName = "affine"
    queries: NonNegativeInt = 0


class Preset(Frozen):
    """Sizes of everything in a study.

    `dim` and `nonzeros` are those of the linear classes, `n_points` the points of their prompts;
    `bar_examples` is the number of examples in Figures 1 and 3. `curve_points` is the number of points
    in one-dimensional prompts (Figures 4 to 6). Lines alone are learnt at once, so the model that sees
    nothing else has an effort of its own, `line`. `rare_classes` are a common and a rare class (Figure S3).
    Scenarios are measured on `n_prompts` prompts, on fewer where exact Bayes takes long: on
    `n_curve_prompts` in one dimension, on `n_selection_prompts` in Figure S1, which compares Bayes mixtures
    with many noises, and on `n_shift_prompts` in Figure S4, which has many scenarios.

    `dense_weights` are the weights of the dense class in Figures 2 and 7. The networks of a `pretrained`
    preset come from the zoo, and their recipes are those of the zoo.
    """

    name: str
    figures: tuple[str, ...]
    dim: PositiveInt
    nonzeros: PositiveInt
    n_points: PositiveInt
    bar_examples: PositiveInt
    curve_points: PositiveInt
    panel_examples: PositiveInt
    rare_classes: Literal["linear and constant", "dense and sparse"]
    rare_points: PositiveInt
    n_prompts: Annotated[int, Field(ge=2)]
    n_curve_prompts: Annotated[int, Field(ge=2)]
    n_selection_prompts: Annotated[int, Field(ge=2)]
    n_shift_prompts: Annotated[int, Field(ge=2)]
    size: Size
    curve_size: Size
    sizes: dict[str, Size]
    rare_size: Size
    linear: Effort
    line: Effort
    curve: Effort
    relu: Effort
    rare: Effort
    dense_weights: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    pretrained: bool = False


EXTRA_FIGURES = ("S1", "S2", "S3", "S4")
_STUDY_SIZES = {
    "small": Size(layers=3, heads=2, width=64),
    "medium": Size(layers=6, heads=4, width=128),
    "large": Size(layers=12, heads=8, width=256),
}

_PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="smoke",
            figures=(*map(str, range(1, 10)), *EXTRA_FIGURES),
            dim=4,
            nonzeros=1,
            n_points=9,
            bar_examples=3,
            curve_points=17,
            panel_examples=15,
            rare_classes="linear and constant",
            rare_points=9,
            n_prompts=64,
            n_curve_prompts=64,
            n_selection_prompts=32,
            n_shift_prompts=16,
            size=Size(layers=1, heads=1, width=16),
            curve_size=Size(layers=1, heads=1, width=16),
            sizes={
                name: Size(layers=1, heads=1, width=8 * (1 + rank)) for rank, name in enumerate(_STUDY_SIZES)
            },
            rare_size=Size(layers=1, heads=1, width=16),
            linear=Effort(steps=10, batch=16, learning_rate=5e-3),
            line=Effort(steps=10, batch=16, learning_rate=5e-3),
            curve=Effort(steps=10, batch=16, learning_rate=5e-3),
            relu=Effort(steps=10, batch=16, learning_rate=5e-3),
            rare=Effort(steps=10, batch=16, learning_rate=5e-3),
        ),
        Preset(
            name="quick",
            figures=(*map(str, range(1, 7)), *EXTRA_FIGURES),
            dim=5,
            nonzeros=1,
            n_points=11,
            bar_examples=3,
            curve_points=25,
            panel_examples=15,
            dense_weights=(0.0, 0.5, 1.0),
            rare_classes="linear and constant",
            rare_points=11,
            n_prompts=2000,
            n_curve_prompts=500,
            n_selection_prompts=500,
            n_shift_prompts=500,
            size=Size(layers=4, heads=4, width=64),
            curve_size=Size(layers=4, heads=4, width=64),
            sizes={},
            rare_size=Size(layers=3, heads=4, width=64),
            linear=Effort(steps=1800, batch=128, learning_rate=4e-3, attention="linear", queries=16),
            line=Effort(steps=300, batch=64, learning_rate=3e-3, input_std=1.5, head="basis", queries=32),
            curve=Effort(steps=2400, batch=64, learning_rate=5e-3, input_std=1.5, head="basis", queries=32),
            relu=Effort(steps=3500, batch=64, learning_rate=4e-3),
            rare=Effort(steps=300, batch=64, learning_rate=3e-3, attention="linear", queries=8),
        ),
        Preset(
            name="pretrained",
            pretrained=True,
            figures=(*map(str, range(1, 7)), *EXTRA_FIGURES),
            dim=8,
            nonzeros=2,
            n_points=25,
            bar_examples=6,
            curve_points=40,
            panel_examples=15,
            dense_weights=(0.0, 0.5, 1.0),
            rare_classes="linear and constant",
            rare_points=11,
            n_prompts=400,
            n_curve_prompts=40,
            n_selection_prompts=30,
            n_shift_prompts=30,
            size=Size(layers=4, heads=4, width=64),
            curve_size=Size(layers=4, heads=4, width=64),
            sizes={},
            rare_size=Size(layers=2, heads=4, width=32),
            linear=Effort(steps=12_000, batch=64, learning_rate=4e-3),
            line=Effort(steps=800, batch=64, learning_rate=4e-3, input_std=1.5),
            curve=Effort(steps=6000, batch=64, learning_rate=5e-3, input_std=1.5),
            relu=Effort(steps=12_000, batch=64, learning_rate=4e-3),
            rare=Effort(steps=1600, batch=64, learning_rate=4e-3, input_std=1.5),
        ),
        Preset(
            name="standard",
            figures=(*map(str, range(1, 10)), *EXTRA_FIGURES),
            dim=8,
            nonzeros=2,
            n_points=25,
            bar_examples=6,
            curve_points=40,
            panel_examples=15,
            rare_classes="dense and sparse",
            rare_points=25,
            n_prompts=5000,
            n_curve_prompts=2000,
            n_selection_prompts=2000,
            n_shift_prompts=2000,
            size=Size(layers=6, heads=4, width=128),
            curve_size=Size(layers=6, heads=4, width=128),
            sizes={
                "small": _STUDY_SIZES["small"],
                "medium": _STUDY_SIZES["medium"],
                "large": _STUDY_SIZES["large"],
            },
            rare_size=Size(layers=6, heads=4, width=128),
            linear=Effort(steps=15_000, batch=64, learning_rate=4e-3),
            line=Effort(steps=15_000, batch=64, learning_rate=3e-3, input_std=1.5),
            curve=Effort(steps=15_000, batch=64, learning_rate=3e-3, input_std=1.5),
            relu=Effort(steps=15_000, batch=64, learning_rate=4e-3),
            rare=Effort(steps=15_000, batch=64, learning_rate=4e-3),
        ),
        Preset(
            name="paper",
            figures=(*map(str, range(1, 10)), *EXTRA_FIGURES),
            dim=20,
            nonzeros=2,
            n_points=40,
            bar_examples=16,
            curve_points=40,
            panel_examples=15,
            rare_classes="dense and sparse",
            rare_points=40,
            n_prompts=5000,
            n_curve_prompts=2000,
            n_selection_prompts=2000,
            n_shift_prompts=2000,
            size=_STUDY_SIZES["large"],
            curve_size=_STUDY_SIZES["large"],
            sizes=_STUDY_SIZES,
            rare_size=_STUDY_SIZES["large"],
            linear=Effort(steps=50_000, batch=512, learning_rate=3e-3),
            line=Effort(steps=50_000, batch=512, learning_rate=3e-3, input_std=1.5),
            curve=Effort(steps=50_000, batch=512, learning_rate=3e-3, input_std=1.5),
            relu=Effort(steps=50_000, batch=512, learning_rate=3e-3),
            rare=Effort(steps=50_000, batch=512, learning_rate=3e-3),
        ),
    )
}


def preset_names() -> list[str]:
    """The names of all presets."""
    return list(_PRESETS)


def find_preset(name: str) -> Preset:
    """The preset of that name; raises PriormixError that lists the names."""
    if name not in _PRESETS:
        raise PriormixError(f"preset: unknown preset {name!r}; known: {', '.join(_PRESETS)}")
    return _PRESETS[name]
