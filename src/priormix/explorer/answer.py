"""What models, exact Bayes and least squares say over x after the first k points of a prompt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from priormix.errors import PriormixError
from priormix.explorer.models import ShownModel, line_or_sinusoid
from priormix.explorer.prompt import Point, Prompt, draw_prompt
from priormix.explorer.view import View
from priormix.functions import Combination, DenseLinear, FunctionClass, Mixture, Sinusoid
from priormix.posterior.base import PosteriorPredictor, exact_predictor
from priormix.predictors import LeastSquares
from priormix.predictors.base import Predictor
from priormix.studies.names import LEAST_SQUARES

GRID = tuple(np.linspace(-2.5, 2.5, 256).tolist())
LINE_OR_SINUSOID = "a line or a sinusoid"
# class predictions that differ by less, in root mean square, are not told apart
_SAME = 1e-4
# of labels in double precision; what it judges does not matter with label noise
_TOLERANCE = 1e-9

_CLASS_NAMES = {"dense_linear": "lines", "sinusoid": "sinusoids", "combination": "combinations"}


@dataclass(frozen=True, eq=False)
class Answer:
    """Numbers over the grid of x, and weights of classes.

    Attributes:
        prompt: all points, and the truth where it is known.
        k: number of points that were used as examples.
        curves: predictions of f over GRID by name, of the models and of least squares.
        bayes_mean: posterior mean of f over GRID; None where the prior has no exact posterior.
        bayes_sd: posterior standard deviation of f over GRID.
        classes: names of the classes in the prior.
        posterior: posterior probability of each class.
        implied: for each model the weights that its predictions imply, None where they are not defined.
        notes: what could not be shown, in words.
        milliseconds: how long all this took.
    """

    prompt: Prompt
    k: int
    curves: dict[str, np.ndarray]
    bayes_mean: np.ndarray | None
    bayes_sd: np.ndarray | None
    classes: tuple[str, ...]
    posterior: tuple[float, ...]
    implied: dict[str, tuple[float, ...] | None]
    notes: tuple[str, ...] = ()
    milliseconds: float = 0.0


class Plane:
    """Answers views of the one-dimensional plane for given models."""

    def __init__(self, models: Sequence[ShownModel]) -> None:
        self.models = {model.name: model for model in models}
        self.priors = _priors(models)
        self.own_classes = _own_classes(models)

    def answer(self, view: View) -> Answer:
        """Work out everything that a view shows; raises PriormixError for what it asks in vain."""
        started = perf_counter()
        prompt = self.prompt(view)
        k = len(prompt.points) if view.k is None else min(view.k, len(prompt.points))
        xs, ys = _tensors(prompt.points[:k])
        notes: list[str] = []
        curves = {LEAST_SQUARES: _line(xs, ys)}
        for name in self.chosen(view):
            try:
                curves[name] = _over_grid(self.models[name].predictor, xs, ys)
            except PriormixError as error:
                notes.append(f"{name}: {error}")
        name = self.prior_name(view)
        try:
            exact = _exact(self.priors[name], view.noise_std)
        except PriormixError as error:
            notes.append(str(error))
            return Answer(prompt, k, curves, None, None, (), (), {}, tuple(notes), _since(started))
        found = exact.answers(xs, ys, _QUERIES, _TOLERANCE)
        singles = [single.mean[0].numpy() for single in found.innermost()]
        implied = {
            model: implied_weights(curves[model], singles) for model in curves if model != LEAST_SQUARES
        }
        return Answer(
            prompt,
            k,
            curves,
            found.mean[0].numpy(),
            found.variance[0].sqrt().numpy(),
            _class_names(self.priors[name], found.log_component.shape[1]),
            tuple(found.log_component[0].exp().tolist()),
            implied,
            tuple(notes),
            _since(started),
        )

    def prompt(self, view: View) -> Prompt:
        """The points of a view, drawn or put by hand."""
        return (
            Prompt(view.points) if view.points is not None else draw_prompt(view.draw, self.own_classes, GRID)
        )

    def chosen(self, view: View) -> tuple[str, ...]:
        """Names of the models that a view draws; raises PriormixError for one that is not loaded."""
        names = tuple(self.models) if view.models is None else view.models
        for name in names:
            if name not in self.models:
                known = ", ".join(self.models) or "none"
                raise PriormixError(f"model {name[:60]!r} is not loaded; loaded: {known}")
        return names

    def prior_name(self, view: View) -> str:
        """The prior of exact Bayes in a view; raises PriormixError for one that there is not."""
        name = next(iter(self.priors)) if view.prior is None else view.prior
        if name not in self.priors:
            raise PriormixError(f"unknown prior {name[:60]!r}; known: {', '.join(self.priors)}")
        return name


def implied_weights(
    curve: Float[np.ndarray, " G"], singles: Sequence[Float[np.ndarray, " G"]]
) -> tuple[float, ...] | None:
    """The weights, of sum 1, with which the single-class predictions come nearest to a curve over the grid.

    Least squares over x, every x counting the same: for two classes the slope of the regression of what the
    model says beyond one class on what the other class says beyond it. That is one prompt's version of
    `priormix.measure.implied_weights`, which averages over prompts. None where the classes predict the same,
    or where there is one class only.
    """
    if len(singles) < 2:
        return None
    last = singles[-1]
    contrasts = np.stack([single - last for single in singles[:-1]], 1)
    if np.linalg.svd(contrasts, compute_uv=False)[-1] <= _SAME * np.sqrt(len(last)):
        return None
    slope = np.linalg.lstsq(contrasts, curve - last, rcond=None)[0]
    return (*slope.tolist(), 1 - float(slope.sum()))


@lru_cache(maxsize=64)
def _exact(prior: FunctionClass, noise_std: float) -> PosteriorPredictor:
    return exact_predictor(prior, noise_std)


def _class_names(prior: FunctionClass, n_classes: int) -> tuple[str, ...]:
    names = tuple(_CLASS_NAMES.get(one.kind, one.kind) for one in _innermost(prior))
    if len(names) == n_classes:
        return names
    return tuple(f"class {number}" for number in range(1, n_classes + 1))


def _innermost(functions: FunctionClass) -> Iterator[FunctionClass]:
    """The classes of nested mixtures from left to right, as `Prompts.component` counts them."""
    if not isinstance(functions, Mixture):
        yield functions
        return
    for part in functions.components:
        yield from _innermost(part)


def _priors(models: Sequence[ShownModel]) -> dict[str, FunctionClass]:
    line, wave = DenseLinear(dim=1), Sinusoid()
    half = Combination(parts=(line, wave), weights=(0.5, 0.5))
    found: dict[str, FunctionClass] = {
        LINE_OR_SINUSOID: line_or_sinusoid(),
        "a line, a sinusoid, or half of each added": Mixture(components=(line, wave, half)),
    }
    for model in models:
        if model.recipe.mixture not in found.values():
            found[f"that of {model.name}"] = model.recipe.mixture
    return found


def _own_classes(models: Sequence[ShownModel]) -> dict[str, FunctionClass]:
    """Classes that the models were pretrained on, other than lines and sinusoids."""
    found = {}
    for model in models:
        for one in _innermost(model.recipe.mixture):
            if one not in (DenseLinear(dim=1), Sinusoid()):
                found[one.kind] = one
    return found


def _tensors(points: Sequence[Point]) -> tuple[Float[Tensor, "1 K 1"], Float[Tensor, "1 K"]]:
    both = torch.tensor(points, dtype=torch.float64).reshape(1, -1, 2)
    return both[..., :1], both[..., 1]


_QUERIES = torch.tensor(GRID, dtype=torch.float64)[None, :, None]


def _over_grid(
    predictor: Predictor, xs: Float[Tensor, "1 K 1"], ys: Float[Tensor, "1 K"]
) -> Float[np.ndarray, " G"]:
    curve: np.ndarray = predictor.predict_at(xs, ys, _QUERIES).mean[0].numpy()
    return curve


def _line(xs: Float[Tensor, "1 K 1"], ys: Float[Tensor, "1 K"]) -> Float[np.ndarray, " G"]:
    """Least squares, which is a line through the origin, so that one query tells all of it."""
    slope = LeastSquares().predict_at(xs, ys, torch.ones_like(_QUERIES[:, :1])).mean
    line: np.ndarray = (slope * _QUERIES[..., 0])[0].numpy()
    return line


def _since(started: float) -> float:
    return 1000 * (perf_counter() - started)
