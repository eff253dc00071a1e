"""Labels without noise at no more points than unknown coefficients: a proper density over frequencies."""

from dataclasses import dataclass
from math import sqrt

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from priormix.posterior.likelihood import VanishingNoise
from priormix.posterior.quadrature import integrate
from priormix.posterior.table import Table
from priormix.posterior.waves import LOG_2PI, Points, Problem, Queries, Rows

# noise that stands for none, as a share of the prior's standard deviation
_TINY = 1e-8


@dataclass(frozen=True)
class Repeats:
    """Which points tell the same, whatever the frequency is.

    Attributes:
        same: whether points i and j do, (T, T, B).
        is_new: whether no earlier point tells the same, (T, B).
        n_informative: number of different points among the first 0 … T, (T + 1, B).
    """

    same: Bool[Tensor, "T T B"]
    is_new: Bool[Tensor, "T B"]
    n_informative: Int[Tensor, "T_plus_1 B"]

    def first(self, number: int) -> Int[Tensor, " B"]:
        """Which point is the `number`-th different one, counted from 0; point 0 where there is none."""
        return (self.is_new & (self.n_informative[:-1] == number)).long().argmax(0)

    @classmethod
    def of(cls, problem: Problem) -> "Repeats":
        """Points are told apart by x and φ(x); where φ is even in x, −x is x."""
        x, feature = problem.points.x.abs(), problem.points.feature
        same = (x[:, None] == x) & (feature[:, None] == feature)
        earlier = torch.ones_like(same[..., 0]).tril(-1)[..., None]
        is_new = ~(same & earlier).any(1)
        counts = is_new.long().cumsum(0)
        return cls(same, is_new, torch.cat([torch.zeros_like(counts[:1]), counts]))


def few_points(problem: Problem, repeats: Repeats, wanted: Bool[Tensor, "T_plus_1 B"], table: Table) -> None:
    """Fill in the wanted contexts of no more informative points than unknown coefficients.

    A repeated point counts once, with the mean of its labels; it is one point mass, and what its
    labels differ by is misfit.
    """
    few = wanted & (repeats.n_informative <= problem.n_coefficients)
    queries = Queries.after(problem.points)
    n_numbers = max(1, problem.n_coefficients)
    wave = problem.wave
    size = sqrt(wave.amplitude_std**2 + wave.amplitude_mean**2)
    for rows, n_panels in problem.rows(few):
        n_informative = repeats.n_informative[rows.count, rows.prompt]
        groups = [_group(problem, repeats, rows, number) for number in range(n_numbers)]
        points = Points(*(torch.stack([getattr(group, name) for group in groups]) for name in _FIELDS))
        order = n_informative.argsort(descending=True, stable=True)
        own = Rows(torch.arange(len(rows), device=order.device), n_informative)
        asked = (part[rows.count, rows.prompt] for part in (queries.x, queries.feature))
        repeated = (part.expand(n_numbers + 1, -1) for part in asked)
        likelihood = VanishingNoise(points, Queries(*repeated), wave, _TINY * size)
        found = integrate(likelihood, own[order], wave.highest, n_panels)
        misfit, log_density = torch.zeros_like(points.y[0]), torch.zeros_like(points.y[0])
        for group in groups:
            misfit, log_density = misfit + group.misfit, log_density + group.log_density
        masses = rows.count - n_informative
        log_density = found[0] + log_density[order]
        table.write(rows[order], log_density, found[1], found[2], misfit[order], masses[order])


_FIELDS = ("x", "feature", "y")


@dataclass(frozen=True)
class _Group:
    """The points of each context that tell the same, as one; all fields (R,).

    `log_density` is what stays of the density of m labels at one value beside that of their mean.
    """

    x: Float[Tensor, " R"]
    feature: Float[Tensor, " R"]
    y: Float[Tensor, " R"]
    misfit: Float[Tensor, " R"]
    log_density: Float[Tensor, " R"]


def _group(problem: Problem, repeats: Repeats, rows: Rows, number: int) -> _Group:
    """The points that tell what the `number`-th different point tells, counted from 0."""
    points, prompt = problem.points, rows.prompt
    first = repeats.first(number)[prompt]
    there = repeats.n_informative[rows.count, prompt] > number
    index = torch.arange(len(points), device=prompt.device)[:, None]
    members = (index < rows.count) & repeats.same[:, first, prompt] & there
    count = members.sum(0).clamp(min=1).to(points.y)
    labels = points.y[:, prompt].masked_fill(~members, 0)
    y = labels.cumsum(0)[-1] / count
    bound = problem.tolerance * (labels.abs() + problem.known[:, prompt].abs())
    missed = (labels - y).square().masked_fill(~members, 0).cumsum(0)[-1]
    allowed = bound.square().masked_fill(~members, 0).cumsum(0)[-1]
    misfit = missed.masked_fill(missed <= allowed, 0)
    log_density = -(count.log() + (count - 1) * LOG_2PI) / 2
    return _Group(points.x[first, prompt], points.feature[first, prompt], y, misfit, log_density)
