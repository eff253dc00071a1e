"""Oracles that go prefix by prefix: row t is fitted on the first t points alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from priormix.functions import DenseLinear
from priormix.predictors import ClassicalPredictor
from priormix.prompts import Prompts

Array = NDArray[np.float64]
Fit = Callable[[Array, Array, Array], float]


def prefix_by_prefix(prompts: Prompts, fit: Fit) -> Tensor:
    """fit(earlier xs, earlier ys, query) at every point but the first, which is 0; (B, T)."""
    xs, ys = prompts.xs.double().numpy(), prompts.ys.double().numpy()
    expected = torch.zeros(ys.shape, dtype=torch.float64)
    for b in range(len(xs)):
        for t in range(1, xs.shape[1]):
            expected[b, t] = fit(xs[b, :t], ys[b, :t], xs[b, t])
    return expected


def sklearn_fit(estimator: Any) -> Fit:
    return lambda xs, ys, query: float(estimator.fit(xs, ys).predict(query[None])[0])


def assert_predicts(
    predictor: ClassicalPredictor, prompts: Prompts, expected: Tensor, tolerance: float
) -> None:
    mean = predictor.predict(prompts.xs, prompts.ys).mean
    torch.testing.assert_close(mean, expected.to(mean), rtol=tolerance, atol=tolerance)


def linear(noise_std: float = 0.0, n: int = 4, dim: int = 20, points: int = 41) -> Prompts:
    return DenseLinear(dim=dim).sample(n, points, noise_std=noise_std, dtype=torch.float64, role="classical")
