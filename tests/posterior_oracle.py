"""Posteriors by brute force, from the definitions of the classes, to which `bayes` is held.

Every class here is a finite mixture of Gaussians over the coefficients of a linear function, so the labels
of a prefix are multivariate normal under each of them. Nothing is recursive and nothing is shared with
the package: each prefix, hypothesis and prompt is worked out by itself, from its full covariance.
"""

from dataclasses import dataclass, replace
from itertools import combinations, pairwise, product

import mpmath
import numpy as np
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from torch import Tensor

from priormix.functions import Combination, DenseLinear, FunctionClass, GivenLinear, Mixture, SparseLinear
from priormix.predictors import Prediction

# small enough that terms of order σ² are far below 1e-8, and every power of σ is told apart
TINY = mpmath.mpf(10) ** -60
# more than any density that is proper, less than one factor 1/σ
CERTAIN = 60


@dataclass
class Hypothesis:
    weight: float
    component: int
    mean: np.ndarray
    covariance: np.ndarray


def hypotheses(function_class: FunctionClass, weight: float = 1.0, offset: int = 0) -> list[Hypothesis]:
    """The Gaussians that a class is a mixture of, components numbered from left to right."""
    d = function_class.dim
    if isinstance(function_class, DenseLinear):
        return [Hypothesis(weight, offset, np.zeros(d), np.eye(d) / d)]
    if isinstance(function_class, GivenLinear):
        return [Hypothesis(weight, offset, np.array(function_class.coefficients), np.zeros((d, d)))]
    if isinstance(function_class, SparseLinear):
        s = function_class.nonzeros
        supports = list(combinations(range(d), s))
        covariances = [np.diag(np.isin(range(d), support) / s) for support in supports]
        return [Hypothesis(weight / len(supports), offset, np.zeros(d), c) for c in covariances]
    if isinstance(function_class, Combination):
        return [replace(h, weight=weight * h.weight, component=offset) for h in _sums(function_class)]
    assert isinstance(function_class, Mixture)
    found = []
    for part, part_weight in zip(function_class.components, function_class.weights, strict=True):
        found += hypotheses(part, weight * part_weight, offset)
        offset += part.n_components
    return found


def _sums(combination: Combination) -> list[Hypothesis]:
    """One hypothesis of every part: independent Gaussians, whose weighted means and covariances add up."""
    found = []
    for chosen in product(*(hypotheses(part) for part in combination.parts)):
        pairs = list(zip(combination.weights, chosen, strict=True))
        mean = sum(a * h.mean for a, h in pairs)
        covariance = sum(a**2 * h.covariance for a, h in pairs)
        found.append(Hypothesis(float(np.prod([h.weight for h in chosen])), 0, mean, covariance))
    return found


def with_noise(function_class: FunctionClass, xs: Tensor, ys: Tensor, noise_std: float) -> Prediction:
    """The posterior for labels with noise, in floating point."""
    priors = hypotheses(function_class)
    rows = [_prompt(priors, function_class.n_components, x, y, noise_std) for x, y in _arrays(xs, ys)]
    return Prediction(*(torch.tensor(np.stack(part)) for part in zip(*rows, strict=True)))


def _prompt(
    priors: list[Hypothesis], n_components: int, xs: np.ndarray, ys: np.ndarray, noise_std: float
) -> tuple[np.ndarray, ...]:
    points = len(ys)
    log_evidence = np.array(
        [[_log_evidence(h, xs[:t], ys[:t], noise_std) for h in priors] for t in range(points + 1)]
    )
    joint = log_evidence + np.log([h.weight for h in priors])
    total = logsumexp(joint, axis=1)
    weights = np.exp(joint - total[:, None])
    moments = np.array(
        [[_moments(h, xs[:t], ys[:t], xs[t], noise_std) for h in priors] for t in range(points)]
    )
    means, variances = moments[..., 0], moments[..., 1]
    mean = (weights[:-1] * means).sum(1)
    variance = (weights[:-1] * (variances + means**2)).sum(1) - mean**2
    component = np.array([h.component for h in priors])
    log_component = np.stack([logsumexp(joint[:-1, component == c], axis=1) for c in range(n_components)], 1)
    return mean, variance, np.diff(total), log_component - total[:-1, None]


def _log_evidence(prior: Hypothesis, xs: np.ndarray, ys: np.ndarray, noise_std: float) -> float:
    if len(ys) == 0:
        return 0.0
    covariance = xs @ prior.covariance @ xs.T + noise_std**2 * np.eye(len(ys))
    return float(multivariate_normal.logpdf(ys, xs @ prior.mean, covariance))


def _moments(
    prior: Hypothesis, xs: np.ndarray, ys: np.ndarray, query: np.ndarray, noise_std: float
) -> tuple[float, float]:
    covariance = xs @ prior.covariance @ xs.T + noise_std**2 * np.eye(len(ys))
    cross = xs @ prior.covariance @ query
    weights = np.linalg.solve(covariance, cross)
    mean = query @ prior.mean + weights @ (ys - xs @ prior.mean)
    return float(mean), float(query @ prior.covariance @ query - weights @ cross)


def without_noise(function_class: FunctionClass, xs: Tensor, ys: Tensor) -> Prediction:
    """The posterior for labels with noise of standard deviation 1e-60, with 400 digits.

    Log densities that scale with log σ or with 1/σ² are given as ±inf, which is what they tend to.
    The numbers in xs and ys are taken as exact.
    """
    priors = hypotheses(function_class)
    with mpmath.workdps(400):
        rows = [_limit_prompt(priors, function_class.n_components, x, y) for x, y in _arrays(xs, ys)]
    return Prediction(*(torch.tensor(np.stack(part)) for part in zip(*rows, strict=True)))


def _limit_prompt(
    priors: list[Hypothesis], n_components: int, xs: np.ndarray, ys: np.ndarray
) -> tuple[np.ndarray, ...]:
    points = len(ys)
    mean, variance = np.zeros(points), np.zeros(points)
    log_component = np.zeros((points, n_components))
    total = []
    for t in range(points + 1):
        prefix = [_limit(h, xs[:t], ys[:t], xs[min(t, points - 1)]) for h in priors]
        joint = [mpmath.log(h.weight) + log for h, (log, _, _) in zip(priors, prefix, strict=True)]
        total.append(_log_sum(joint))
        if t == points:
            break
        weights = [mpmath.exp(log - total[-1]) for log in joint]
        first = sum(w * m for w, (_, m, _) in zip(weights, prefix, strict=True))
        mean[t] = first
        variance[t] = sum(w * (v + (m - first) ** 2) for w, (_, m, v) in zip(weights, prefix, strict=True))
        for c in range(n_components):
            log = _log_sum([j for j, h in zip(joint, priors, strict=True) if h.component == c]) - total[-1]
            log_component[t, c] = _limit_of_log(log)
    log_density = [_limit_of_log(after - before) for before, after in pairwise(total)]
    return mean, variance, np.array(log_density), log_component


def _limit(prior: Hypothesis, xs: np.ndarray, ys: np.ndarray, query: np.ndarray) -> tuple[mpmath.mpf, ...]:
    """Log evidence of the prefix, and mean and variance at the query."""
    cov, point = mpmath.matrix(prior.covariance.tolist()), mpmath.matrix(query.tolist())
    prior_mean = mpmath.matrix(prior.mean.tolist())
    mean, variance = (point.T * prior_mean)[0], (point.T * cov * point)[0]
    if len(ys) == 0:
        return mpmath.mpf(0), mean, variance
    x, y = mpmath.matrix(xs.tolist()), mpmath.matrix(ys.tolist())
    covariance = x * cov * x.T + TINY**2 * mpmath.eye(len(ys))
    cross, residual = x * cov * point, y - x * prior_mean
    root = mpmath.cholesky(covariance)
    white_residual = mpmath.lu_solve(root, residual)
    white_cross = mpmath.lu_solve(root, cross)
    log_det = 2 * sum(mpmath.log(root[i, i]) for i in range(len(ys)))
    square = (white_residual.T * white_residual)[0]
    log_evidence = -(len(ys) * mpmath.log(2 * mpmath.pi) + log_det + square) / 2
    explained = (white_cross.T * white_cross)[0]
    return log_evidence, mean + (white_cross.T * white_residual)[0], variance - explained


def _log_sum(logs: list[mpmath.mpf]) -> mpmath.mpf:
    largest = max(logs)
    return largest + mpmath.log(sum(mpmath.exp(log - largest) for log in logs))


def _limit_of_log(log: mpmath.mpf) -> float:
    if log > CERTAIN:
        return np.inf
    return float(log) if log > -CERTAIN else -np.inf


def _arrays(xs: Tensor, ys: Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(zip(xs.double().numpy(), ys.double().numpy(), strict=True))


def assert_same(prediction: Prediction, expected: Prediction, tolerance: float = 1e-8) -> None:
    """All four parts agree; −inf and inf are met where they are expected."""
    for name in ("mean", "variance", "log_density", "log_component"):
        received, wanted = getattr(prediction, name), getattr(expected, name)
        torch.testing.assert_close(
            received, wanted, rtol=tolerance, atol=tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )


def exact_prompts(coefficients: Tensor, points: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Prompts whose labels are linear to the last bit: all numbers are multiples of 1/8, and small."""
    generator = torch.Generator().manual_seed(seed)
    batch, dim = coefficients.shape
    xs = torch.randint(-16, 17, (batch, points, dim), generator=generator).double() / 8
    rounded = (coefficients.double() * 8).round() / 8
    return xs, torch.einsum("btd,bd->bt", xs, rounded)


def within(samples: Tensor, expected: float, errors: float = 4.5) -> bool:
    """The mean of independent samples is what it should be, to so many standard errors."""
    allowed = errors * float(samples.std()) / len(samples) ** 0.5 + 1e-12
    return abs(float(samples.mean()) - expected) <= allowed


def assert_calibrated(prediction: Prediction, values: Tensor) -> None:
    """On prompts from the predictor's own prior, errors are as large as their variances say."""
    assert prediction.variance is not None
    error, variance = (values - prediction.mean).double(), prediction.variance.double()
    for t in range(values.shape[1]):
        # ratios with a tiny denominator have no variance that 4,000 samples could show
        uncertain = variance[:, t] > 0.02
        assert within(error[:, t].square() - variance[:, t], 0.0), f"squared error at point {t}"
        if uncertain.sum() > 500:
            standardised = error[uncertain, t].square() / variance[uncertain, t]
            assert within(standardised, 1.0), f"standardised error at point {t}"


def assert_not_beaten(error: Tensor, other_error: Tensor, name: str) -> None:
    """Another predictor's squared errors (B, T) are at no point smaller beyond chance."""
    for t in range(error.shape[1]):
        gap = (other_error[:, t] - error[:, t]).double()
        assert gap.mean() >= -4.5 * gap.std() / len(gap) ** 0.5 - 1e-9, f"{name} is better at point {t}"
