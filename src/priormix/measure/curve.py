"""Learning curves: error against the number of in-context examples."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from priormix.functions import FunctionClass
from priormix.measure.evaluation import evaluate
from priormix.measure.scenario import Scenario
from priormix.predictors.base import Predictor


@dataclass(frozen=True)
class Curve:
    """Mean squared error after 0, ..., T − 1 in-context examples, with 95% intervals over prompts.

    Attributes:
        mean, low, high: in squared units of y, (T,) each.
    """

    predictor: str
    scenario: Scenario
    mean: Float[np.ndarray, " T"]
    low: Float[np.ndarray, " T"]
    high: Float[np.ndarray, " T"]
    n_prompts: int


def learning_curve(
    predictor: Predictor,
    on: Scenario | FunctionClass,
    n_prompts: int = 1000,
    *,
    n_points: int = 41,
    seed: int = 0,
    device: torch.device | str | None = None,
    name: str | None = None,
) -> Curve:
    """Measure a predictor's learning curve on a scenario, or on a function class with standard inputs.

    `n_points` counts the points of a prompt where `on` is a function class; a scenario brings its own.
    """
    if isinstance(on, FunctionClass):
        on = Scenario(name=on.kind, functions=on, n_points=n_points)
    name = name or type(predictor).__name__
    estimate = evaluate({name: predictor}, on, n_prompts, seed=seed, device=device).mse(name)
    mean, low, high = (part.cpu().numpy() for part in (estimate.mean, estimate.low, estimate.high))
    return Curve(name, on, mean, low, high, n_prompts)
