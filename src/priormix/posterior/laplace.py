"""Single frequencies that labels without noise leave: polish them, and weigh them by Laplace's method."""

from dataclasses import dataclass
from math import pi

import torch
from jaxtyping import Float, Int
from torch import Tensor

from priormix.posterior.evidence import _TIE
from priormix.posterior.table import Table
from priormix.posterior.waves import LOG_2PI, Problem, Rows

_TINIEST = 1e-290
# coefficients that count for rounding, in units of their prior standard deviation
_LARGEST = 10.0
_CHUNK = 1024


@dataclass(frozen=True)
class Candidates:
    """n frequencies, each for a context: the first `count` points of a `prompt`. Sorted by context."""

    rows: Rows
    frequency: Float[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.frequency)

    def __getitem__(self, index: Tensor) -> "Candidates":
        return Candidates(self.rows[index], self.frequency[index])


@dataclass(frozen=True)
class Fits:
    """The best fit at each candidate's frequency, and how the sum of squares bends there.

    Attributes:
        u: coefficient of the known feature, in units of its prior standard deviation.
        z: amplitude less its prior mean, likewise.
        misfit: sum of squares, exactly 0 where it is rounding.
        slope: half the derivative of the sum of squares by the frequency.
        curvature: half its second derivative.
        stretch: what the curvature would be if all residuals were 0.
        log_volume: log determinant of the features' products.
    """

    u: Float[Tensor, " n"]
    z: Float[Tensor, " n"]
    misfit: Float[Tensor, " n"]
    slope: Float[Tensor, " n"]
    curvature: Float[Tensor, " n"]
    stretch: Float[Tensor, " n"]
    log_volume: Float[Tensor, " n"]

    def __getitem__(self, index: Tensor) -> "Fits":
        return Fits(*(part[index] for part in vars(self).values()))


def fits(problem: Problem, candidates: Candidates) -> Fits:
    """Least squares at each candidate's frequency."""
    wave, frequency = problem.wave, candidates.frequency[:, None]
    x, feature, y, known = _points(problem, candidates.rows)
    there = torch.arange(x.shape[1], device=x.device) < candidates.rows.count[:, None]
    phase = 2 * pi * x * frequency
    rate = 2 * pi * x * there
    c, turned = phase.cos() * there, -rate * phase.sin()
    # the wave less its part along the feature, so that determinants do not cancel
    xx = _over_points(feature * feature, problem.has_feature)
    along = (feature * c).sum(1) / xx
    across = c - along[:, None] * feature
    cc = _over_points(across * across, wave.amplitude_std > 0)
    target = y - wave.amplitude_mean * c
    amplitude = (across * target).sum(1) / cc if wave.amplitude_std > 0 else torch.zeros_like(cc)
    u = (feature * (target - amplitude[:, None] * c)).sum(1) / xx
    residual = target - amplitude[:, None] * c - u[:, None] * feature
    total = wave.amplitude_mean + amplitude
    change = total[:, None] * turned
    bend = -(rate * rate) * total[:, None] * c
    slope = -(residual * change).sum(1)
    by_u = (feature * change).sum(1)
    stretch = (change * change).sum(1) - by_u.square() / xx
    curvature = stretch - (residual * bend).sum(1)
    log_volume = xx.log() * problem.has_feature
    if wave.amplitude_std > 0:
        by_amplitude = (across * change).sum(1)
        stretch = stretch - by_amplitude.square() / cc
        curvature = curvature - (by_amplitude - (residual * turned).sum(1)).square() / cc
        log_volume = log_volume + (cc * wave.amplitude_std**2).log()
    z = amplitude / wave.amplitude_std if wave.amplitude_std > 0 else amplitude
    square = (residual * residual).sum(1)
    largest = abs(wave.amplitude_mean) + _LARGEST * wave.amplitude_std
    sizes = known.abs() + (u.clamp(-_LARGEST, _LARGEST)[:, None] * feature).abs()
    sizes = sizes + total.abs().clamp(max=largest)[:, None] * (1 + rate.abs() * frequency)
    allowed = ((problem.tolerance * sizes).square() * there).sum(1)
    return Fits(u, z, square.masked_fill(square <= allowed, 0), slope, curvature, stretch, log_volume)


def polished(problem: Problem, candidates: Candidates, reach: Tensor | float, steps: int) -> Candidates:
    """The local minima of the sum of squares next to the candidates, at most `reach` away from them."""
    if len(candidates) > _CHUNK:
        # pieces that a processor's cache holds
        numbers = torch.arange(len(candidates), device=candidates.frequency.device)
        pieces = torch.split(numbers, _CHUNK)
        found = [polished(problem, candidates[piece], reach, steps).frequency for piece in pieces]
        return Candidates(candidates.rows, torch.cat(found))
    low = (candidates.frequency - reach).clamp(min=1e-6 * problem.wave.scale)
    high = (candidates.frequency + reach).clamp(max=problem.wave.highest)
    for _ in range(steps):
        fit = fits(problem, candidates)
        bend = fit.curvature.where(fit.curvature > 0.1 * fit.stretch, fit.stretch)
        step = (fit.slope / bend.clamp(min=_TINIEST)).nan_to_num()
        moved = (candidates.frequency - step).clamp(low, high)
        candidates = Candidates(candidates.rows, moved)
    return candidates


def distinct(candidates: Candidates) -> Candidates:
    """Without those that lie on the one before; a context's candidates come by frequency."""
    rows, frequency = candidates.rows, candidates.frequency
    same = (rows.prompt.diff() == 0) & (rows.count.diff() == 0)
    close = frequency.diff().abs() <= 1e-9 * frequency[1:]
    kept = torch.cat([same.new_ones(1), ~(same & close)])
    return candidates[kept.nonzero()[:, 0]]


def write(
    problem: Problem, candidates: Candidates, fit: Fits, masses: Int[Tensor, " n"], table: Table
) -> None:
    """Average the candidates of each context by their evidence, and enter the result."""
    rows = candidates.rows
    n_prompts = problem.known.shape[1]
    context, lengths = torch.unique_consecutive(rows.count * n_prompts + rows.prompt, return_counts=True)
    which = torch.arange(len(context), device=context.device).repeat_interleave(lengths)

    def reduced(values: Tensor, how: str) -> Tensor:
        return torch.segment_reduce(values, how, lengths=lengths, unsafe=True)

    misfit = reduced(fit.misfit, "min")
    leads = fit.misfit <= misfit[which] * (1 + _TIE)
    log_density = _log_evidence(problem, candidates, fit).masked_fill(~leads, -torch.inf)
    top = reduced(log_density, "max")
    weights = (log_density - top[which]).exp()
    whole = reduced(weights, "sum")
    value = _values(problem, candidates, fit)
    mean = reduced(weights * value, "sum") / whole
    variance = reduced(weights * (value - mean[which]).square(), "sum") / whole
    first = lengths.cumsum(0) - lengths
    table.write(rows[first], top + whole.log(), mean, variance, misfit, masses[first])


def _log_evidence(problem: Problem, candidates: Candidates, fit: Fits) -> Float[Tensor, " n"]:
    s = problem.n_coefficients
    left = candidates.rows.count.to(candidates.frequency) - s - 1
    curvature = fit.curvature.clamp(min=_TINIEST)
    square = fit.u.square() + fit.z.square()
    prior = problem.wave.log_density(candidates.frequency) - square / 2
    return prior - (fit.log_volume + curvature.log() + (s + left) * LOG_2PI) / 2


def _values(problem: Problem, candidates: Candidates, fit: Fits) -> Float[Tensor, " n"]:
    """F at each context's next point, less what is known."""
    wave, rows = problem.wave, candidates.rows
    last = rows.count.clamp(max=len(problem.points) - 1)
    x, feature = (part[last, rows.prompt] for part in (problem.points.x, problem.points.feature))
    c = (2 * pi * x * candidates.frequency).cos()
    return fit.u * feature + (wave.amplitude_mean + wave.amplitude_std * fit.z) * c


def _points(problem: Problem, rows: Rows) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, φ, y and the known part of the points of each context, 0 beyond them."""
    longest = int(rows.count.max())
    points = problem.points
    beyond = torch.arange(longest, device=rows.count.device) >= rows.count[:, None]
    fields = (points.x, points.feature, points.y, problem.known)
    x, feature, y, known = (part[:longest].T[rows.prompt].masked_fill(beyond, 0) for part in fields)
    return x, feature, y, known


def _over_points(products: Float[Tensor, "n T"], is_there: bool) -> Float[Tensor, " n"]:
    """Sums over the points, never quite 0; 1 for a feature that is not there."""
    return products.sum(1).clamp(min=_TINIEST) if is_there else torch.ones_like(products[:, 0])
