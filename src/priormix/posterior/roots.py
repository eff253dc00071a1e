"""All frequencies that interpolate labels without noise: found once, then checked against every new point."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import pi

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from priormix.posterior.few_points import Repeats
from priormix.posterior.laplace import Candidates, distinct, fits, polished, write
from priormix.posterior.table import Table
from priormix.posterior.waves import Problem, Rows

# nodes a panel of the grid, on which two roots next to each other are told apart
_NODES = 32
_STEPS = 10
_CHUNK = 2**16


def follow_roots(problem: Problem, repeats: Repeats, table: Table) -> Bool[Tensor, "T_plus_1 B"]:
    """Fill in the contexts that some frequency interpolates; True for those.

    With one informative point more than there are unknown coefficients the labels leave the roots of one
    function of the frequency, about a hundred. What interpolates more points is among them.
    """
    n_first = problem.n_coefficients + 1
    found = torch.zeros_like(repeats.n_informative, dtype=torch.bool)
    for rows, n_panels in problem.rows(_starts(repeats, n_first)):
        for start in torch.unique(rows.count).tolist():
            prompts = rows.prompt[rows.count == start]
            for count, fitted in _follow(problem, repeats, prompts, start, n_panels * _NODES, table):
                found[count, fitted] = True
    return found


def _follow(
    problem: Problem, repeats: Repeats, prompts: Int[Tensor, " b"], start: int, n_nodes: int, table: Table
) -> Iterator[tuple[int, Int[Tensor, " n"]]]:
    """Fill in the contexts of `start` points and more; yields how many, and the prompts interpolated."""
    candidates = _roots(problem, repeats, prompts, n_nodes)
    reach = 4 * problem.wave.highest / n_nodes
    for count in range(start, len(problem.points) + 1):
        if len(candidates) == 0:
            return
        now = Rows(candidates.rows.prompt, torch.full_like(candidates.rows.count, count))
        # the first point more moves a root that was ill determined, later ones hardly
        steps = 1 if count == start else 4 if count == start + 1 else 2
        candidates = distinct(polished(problem, Candidates(now, candidates.frequency), reach, steps))
        fit = fits(problem, candidates)
        chosen = (fit.misfit == 0).nonzero()[:, 0]
        candidates = candidates[chosen]
        if len(chosen) > 0:
            masses = torch.full_like(chosen, count - problem.n_coefficients - 1)
            write(problem, candidates, fit[chosen], masses, table)
            yield count, candidates.rows.prompt


def _starts(repeats: Repeats, n_first: int) -> Bool[Tensor, "T_plus_1 B"]:
    """Marks the context of every prompt whose last point is the `n_first`-th different one."""
    is_last = repeats.is_new & (repeats.n_informative[1:] == n_first)
    return torch.cat([torch.zeros_like(is_last[:1]), is_last])


@dataclass(frozen=True)
class _Curves:
    """offset + Σ_i weight_i cos(rate_i ω), which vanishes where n_first points are interpolated; (k, n)."""

    offset: Float[Tensor, " n"]
    weight: Float[Tensor, "k n"]
    rate: Float[Tensor, "k n"]

    @classmethod
    def through(cls, problem: Problem, repeats: Repeats, prompt: Int[Tensor, " n"]) -> "_Curves":
        """The determinant of the features and the labels at the first different points."""
        n_first = problem.n_coefficients + 1
        points, mean = problem.points, problem.wave.amplitude_mean
        first = torch.stack([repeats.first(number)[prompt] for number in range(n_first)])
        x, f, y = (part[first, prompt] for part in (points.x, points.feature, points.y))
        nothing = torch.zeros_like(y[0])
        if n_first == 3:
            weight = [f[2] * y[1] - f[1] * y[2], f[0] * y[2] - f[2] * y[0], f[1] * y[0] - f[0] * y[1]]
        elif n_first == 1:
            nothing, weight = y[0], [-mean * torch.ones_like(y[0])]
        elif problem.has_feature:
            nothing, weight = y[0] * f[1] - y[1] * f[0], [-mean * f[1], mean * f[0]]
        else:
            weight = [-y[1], y[0]]
        return cls(nothing, torch.stack(weight), 2 * pi * x)

    def __getitem__(self, index: Tensor) -> "_Curves":
        return _Curves(self.offset[index], self.weight[:, index], self.rate[:, index])

    def at(self, frequency: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """One value a curve."""
        value = self.offset
        for weight, rate in zip(self.weight, self.rate, strict=True):
            value = value + weight * (rate * frequency).cos()
        return value

    def slope_at(self, frequency: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """One derivative a curve."""
        value = torch.zeros_like(frequency)
        for weight, rate in zip(self.weight, self.rate, strict=True):
            value = value - weight * rate * (rate * frequency).sin()
        return value

    def on(self, grid: Float[Tensor, " G"]) -> Float[Tensor, "n G"]:
        """All curves on the whole grid."""
        value = self.offset[:, None].repeat(1, len(grid))
        for weight, rate in zip(self.weight, self.rate, strict=True):
            value += (rate[:, None] * grid).cos_().mul_(weight[:, None])
        return value


def _roots(problem: Problem, repeats: Repeats, prompts: Int[Tensor, " b"], n_nodes: int) -> Candidates:
    """All roots for these prompts, in brackets that a grid finds."""
    grid = torch.linspace(0, problem.wave.highest, n_nodes + 1, dtype=torch.float64, device=prompts.device)
    owners, frequencies = [], []
    for prompt in torch.split(prompts, max(1, _CHUNK // n_nodes)):
        curves = _Curves.through(problem, repeats, prompt)
        values = curves.on(grid)
        row, node = (values[:, :-1] * values[:, 1:] < 0).nonzero(as_tuple=True)
        hidden = _hidden_pairs(curves, values, grid)
        row, low, high = (
            torch.cat(parts) for parts in zip((row, grid[node], grid[node + 1]), *hidden, strict=True)
        )
        frequency = _narrowed(curves[row], low, high)
        order = frequency.argsort(stable=True)
        order = order[row[order].argsort(stable=True)]
        owners.append(prompt[row[order]])
        frequencies.append(frequency[order])
    owner = torch.cat(owners)
    return Candidates(Rows(owner, torch.zeros_like(owner)), torch.cat(frequencies))


_Brackets = tuple[Int[Tensor, " m"], Float[Tensor, " m"], Float[Tensor, " m"]]


def _hidden_pairs(
    curves: _Curves, values: Float[Tensor, "n G"], grid: Float[Tensor, " G"]
) -> tuple[_Brackets, _Brackets]:
    """Two brackets each where a parabola through three nodes of one sign crosses zero, and the curve does."""
    sign = values[:, 1:-1].sign()
    left, middle, right = (sign * part for part in (values[:, :-2], values[:, 1:-1], values[:, 2:]))
    row, node = ((left >= middle) & (right > middle) & (middle > 0)).nonzero(as_tuple=True)
    left, middle, right, sign = (part[row, node] for part in (left, middle, right, sign))
    offset = (left - right) / (2 * (left - 2 * middle + right))
    vertex = grid[node + 1] + offset * (grid[1] - grid[0])
    # the parabola's error is allowed for, as the curve itself is asked next
    near = ((middle - (left - right) * offset / 4) < 0.3 * middle).nonzero()[:, 0]
    row, node, vertex, sign = row[near], node[near], vertex[near], sign[near]
    crossed = (sign * curves[row].at(vertex) < 0).nonzero()[:, 0]
    row, node, vertex = row[crossed], node[crossed], vertex[crossed]
    return (row, grid[node], vertex), (row, vertex, grid[node + 2])


def _narrowed(curves: _Curves, low: Float[Tensor, " n"], high: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The root between low and high: Newton's method, with a bisection where it would leave the bracket."""
    at_low, at_high = curves.at(low), curves.at(high)
    frequency = low + (high - low) * (at_low / (at_low - at_high))
    for _ in range(_STEPS):
        value = curves.at(frequency)
        same = value * at_low > 0
        low, high = frequency.where(same, low), high.where(same, frequency)
        moved = frequency - value / curves.slope_at(frequency)
        frequency = moved.where((moved >= low) & (moved <= high), (low + high) / 2)
    return frequency
