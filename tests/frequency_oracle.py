"""Posteriors over a frequency by brute force: plain grids with noise, scipy's quadrature and roots without.

Everything follows from the labels' joint Gaussian given the frequency. Each prefix is worked out by
itself, and nothing is shared with the package.
"""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad_vec
from scipy.optimize import brentq
from scipy.special import logsumexp
from scipy.stats import gamma


@dataclass
class WaveModel:
    """f(x) = slope·x + A cos(2πωx) with slope ~ N(slope_mean, slope_std²), A ~ N(mean, std²), ω ~ Gamma."""

    slope_std: float = 0.0
    slope_mean: float = 0.0
    std: float = 1.0
    mean: float = 0.0
    shape: float = 6.0
    scale: float = 1 / 6

    @property
    def highest(self) -> float:
        return 2 * float(gamma(self.shape, scale=self.scale).isf(1e-12))

    def log_prior(self, frequency: np.ndarray) -> np.ndarray:
        return gamma(self.shape, scale=self.scale).logpdf(frequency)

    def moments(self, frequency: np.ndarray, xs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (G, n) and covariance (G, n, n) of f at the points, for each frequency."""
        c = np.cos(2 * np.pi * frequency[:, None] * xs)
        covariance = self.slope_std**2 * np.outer(xs, xs) + self.std**2 * c[:, :, None] * c[:, None]
        return self.slope_mean * xs + self.mean * c, covariance


@dataclass
class Answer:
    mean: float
    variance: float
    log_evidence: float


def with_noise(
    model: WaveModel, xs: np.ndarray, ys: np.ndarray, noise_std: float, nodes: int
) -> list[Answer]:
    """Before each point, and after the last: the midpoint rule on a plain grid."""
    grid = (np.arange(nodes) + 0.5) * (model.highest / nodes)
    log_prior = model.log_prior(grid) + np.log(model.highest / nodes)
    mean, covariance = model.moments(grid, np.append(xs, 0.0))
    answers = []
    for t in range(len(ys) + 1):
        noisy = covariance[:, :t, :t] + noise_std**2 * np.eye(t)
        miss = (ys[:t] - mean[:, :t])[..., None]
        cross = covariance[:, :t, t : t + 1]
        solved = np.linalg.solve(noisy, np.concatenate([miss, cross], axis=2))
        square = (miss * solved[..., :1]).sum((1, 2))
        log_density = -(square + np.linalg.slogdet(noisy)[1] + t * np.log(2 * np.pi)) / 2
        predicted = mean[:, t] + (cross * solved[..., :1]).sum((1, 2))
        variance = covariance[:, t, t] - (cross * solved[..., 1:]).sum((1, 2))
        total = logsumexp(log_prior + log_density)
        weights = np.exp(log_prior + log_density - total)
        first = weights @ predicted
        answers.append(Answer(first, weights @ (variance + (predicted - first) ** 2), total))
    return answers


def few_points(model: WaveModel, xs: np.ndarray, ys: np.ndarray, query: float) -> Answer:
    """No noise, and as many points as coefficients: the density of the labels is proper, and integrated."""

    def density(frequency: float) -> tuple[float, float, float]:
        mean, covariance = model.moments(np.array([frequency]), np.append(xs, query))
        mean, covariance, t = mean[0], covariance[0], len(ys)
        if t == 0:
            return float(np.exp(model.log_prior(frequency))), mean[0], covariance[0, 0]
        square = (ys - mean[:t]) @ np.linalg.solve(covariance[:t, :t], ys - mean[:t])
        log_density = -(square + np.linalg.slogdet(2 * np.pi * covariance[:t, :t])[1]) / 2
        gain = np.linalg.solve(covariance[:t, :t], covariance[:t, t])
        predicted = mean[t] + gain @ (ys - mean[:t])
        variance = covariance[t, t] - gain @ covariance[:t, t]
        return float(np.exp(log_density + model.log_prior(frequency))), predicted, variance

    def integrand(frequency: float) -> np.ndarray:
        weight, predicted, variance = density(frequency)
        return weight * np.array([1.0, predicted, predicted**2 + variance])

    edges = np.linspace(0, model.highest, 40)[1:-1]
    moments, _ = quad_vec(integrand, 1e-12, model.highest, points=edges, epsabs=1e-10, epsrel=1e-8)
    total, first, second = moments
    return Answer(first / total, second / total - (first / total) ** 2, float(np.log(total)))


def roots(model: WaveModel, xs: np.ndarray, ys: np.ndarray, query: float, nodes: int = 40_000) -> Answer:
    """No noise, and one point more than coefficients: a sum over all frequencies that interpolate.

    The change of variables from coefficients and frequency to labels has its Jacobian by differences.
    """

    def features(frequency: float, points: np.ndarray) -> np.ndarray:
        columns = [model.slope_std * points] if model.slope_std else []
        columns += [model.std * np.cos(2 * np.pi * frequency * points)] if model.std else []
        return np.stack(columns, 1) if columns else np.zeros((len(points), 0))

    def known(frequency: float, points: np.ndarray) -> np.ndarray:
        return model.slope_mean * points + model.mean * np.cos(2 * np.pi * frequency * points)

    def determinant(frequency: float) -> float:
        left = ys - known(frequency, xs)
        return float(np.linalg.det(np.column_stack([features(frequency, xs), left])))

    grid = np.linspace(0, model.highest, nodes + 1)
    points = xs[None, :]
    c = np.cos(2 * np.pi * grid[1:, None] * points)
    left = ys - model.slope_mean * points - model.mean * c
    columns = [np.broadcast_to(points, c.shape)] * (model.slope_std > 0) + [c] * (model.std > 0) + [left]
    values = np.linalg.det(np.stack(columns, 2))
    crossed = np.flatnonzero(values[:-1] * values[1:] < 0)
    log_weights, predicted = [], []
    for j in crossed:
        root = brentq(determinant, grid[j + 1], grid[j + 2], xtol=1e-14, rtol=1e-14)
        left = ys - known(root, xs)
        w = np.linalg.lstsq(features(root, xs), left, rcond=None)[0] if len(xs) > 1 else np.zeros(0)
        step = 1e-6
        derivative = (
            known(root + step, xs)
            + features(root + step, xs) @ w
            - known(root - step, xs)
            - features(root - step, xs) @ w
        ) / (2 * step)
        jacobian = np.column_stack([features(root, xs), derivative])
        log_volume = np.log(abs(np.linalg.det(jacobian)))
        log_prior = float(model.log_prior(np.array(root))) - (w @ w + len(w) * np.log(2 * np.pi)) / 2
        log_weights.append(log_prior - log_volume)
        at = np.array([query])
        predicted.append(float((known(root, at) + features(root, at) @ w)[0]))
    total = float(logsumexp(log_weights))
    weights = np.exp(np.array(log_weights) - total)
    first = float(weights @ predicted)
    return Answer(first, float(weights @ (np.array(predicted) - first) ** 2), total)
