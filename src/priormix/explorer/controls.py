"""The widgets of the plane: every one reads a part of a view, and writes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import panel as pn

from priormix.explorer.answer import Answer, Plane
from priormix.explorer.looks import WIDGET
from priormix.explorer.presets import presets
from priormix.explorer.prompt import MOST_POINTS, Draw, drawable, write_points
from priormix.explorer.view import HIGHEST_NOISE, LOWEST_NOISE, View

BY_HAND = "by hand"
_WIDTH = 270


@dataclass
class Controls:
    """All widgets beside the plots, and which of them write which part of the view."""

    plane: Plane
    preset: Any = field(init=False)
    function: Any = field(init=False)
    draw: dict[str, Any] = field(init=False)
    k: Any = field(init=False)
    play: Any = field(init=False)
    noise_std: Any = field(init=False)
    prior: Any = field(init=False)
    models: Any = field(init=False)
    text: Any = field(init=False)
    file: Any = field(init=False)
    add: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        wide = {"width": _WIDTH, "stylesheets": [WIDGET]}
        functions = [BY_HAND, *drawable(Draw(), self.plane.own_classes)]
        longest = min((model.recipe.n_points - 1 for model in self.plane.models.values()), default=39)
        self.presets = presets(longest)
        self.preset = pn.widgets.Select(name="Panel of the study", options=["", *self.presets], **wide)
        self.function = pn.widgets.Select(name="Points are drawn from", options=functions, **wide)
        self.draw = {
            "frequency": pn.widgets.FloatSlider(name="frequency ω", start=0.01, end=6, step=0.01, **wide),
            "weight": pn.widgets.FloatSlider(name="weight a of the line", start=0, end=1, step=0.05, **wide),
            "n_points": pn.widgets.IntSlider(name="points", start=1, end=60, **wide),
            "seed": pn.widgets.IntInput(name="seed", start=0, end=9999, width=110, stylesheets=[WIDGET]),
        }
        self.k = pn.widgets.IntSlider(
            name="k: examples in use", start=0, end=1, width=430, css_classes=["k"], stylesheets=[WIDGET]
        )
        self.play = pn.widgets.Toggle(name="▶ replay", width=100, stylesheets=[WIDGET])
        self.noise_std = pn.widgets.FloatSlider(
            name="label noise σ that Bayes assumes", start=LOWEST_NOISE, end=HIGHEST_NOISE, step=0.01, **wide
        )
        self.prior = pn.widgets.Select(name="prior of exact Bayes", options=list(self.plane.priors), **wide)
        self.models = pn.widgets.CheckBoxGroup(
            name="models", options=list(self.plane.models), width=_WIDTH, stylesheets=[WIDGET]
        )
        self.text = pn.widgets.TextAreaInput(
            name=f"points, one x, y a line (at most {MOST_POINTS})", height=96, **wide
        )
        self.file = pn.widgets.FileInput(name="file of points", accept=".csv,.txt", width=_WIDTH)
        self.add = {
            "x": pn.widgets.TextInput(
                name="x", value="0.5", width=62, margin=(5, 5, 5, 10), stylesheets=[WIDGET]
            ),
            "y": pn.widgets.TextInput(name="y", value="1", width=62, margin=5, stylesheets=[WIDGET]),
            "add": pn.widgets.Button(name="Add", width=48, margin=5, align="end", stylesheets=[WIDGET]),
            "delete last": pn.widgets.Button(
                name="Delete last", width=84, margin=5, align="end", stylesheets=[WIDGET]
            ),
        }

    def show(self, view: View, answer: Answer) -> None:
        """Set every widget to what a view says."""
        n_points = len(answer.prompt.points)
        same = [name for name, preset in self.presets.items() if preset.draw == view.draw]
        by_hand = view.points is not None
        self.preset.value = "" if by_hand or not same else same[0]
        self.function.value = BY_HAND if by_hand else view.draw.function
        for name, widget in self.draw.items():
            widget.value = getattr(view.draw, name)
        shown = _fields_of(view.draw.function) if not by_hand else ()
        for name in ("frequency", "weight"):
            self.draw[name].visible = name in shown
        for name in ("n_points", "seed"):
            self.draw[name].visible = not by_hand
        # the end first, or the value would be cut
        self.k.end = max(1, n_points, self.k.value)
        self.k.value = answer.k
        self.k.end = max(1, n_points)
        self.noise_std.value = view.noise_std
        self.prior.value = self.plane.prior_name(view)
        self.models.value = list(self.plane.chosen(view))
        self.text.value = write_points(answer.prompt.points)

    def sidebar(self) -> pn.Column:
        """The widgets in the order in which a person needs them."""
        models: Sequence[Any] = [_heading("Models"), self.models] if self.plane.models else []
        return pn.Column(
            self.preset,
            self.function,
            *(self.draw[name] for name in ("frequency", "weight", "n_points", "seed")),
            self.text,
            pn.Row(*self.add.values(), margin=0),
            self.file,
            *models,
            width=_WIDTH + 20,
        )

    def about_bayes(self) -> pn.Column:
        """What exact Bayes assumes."""
        return pn.Column(self.prior, self.noise_std)


def _fields_of(function: str) -> Sequence[str]:
    fields: Mapping[str, Sequence[str]] = {
        "cosine": ("frequency",),
        "combination": ("frequency", "weight"),
        "random combination": ("weight",),
    }
    return fields.get(function, ())


def _heading(text: str) -> pn.pane.HTML:
    return pn.pane.HTML(f"<strong>{text}</strong>", margin=(5, 10, 0, 10))
