"""Integrals over one unknown for many contexts at a time, on panels that split where the density needs it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from priormix.posterior.waves import Rows

_NODES = 8
_CHECKS = 16
_CHILDREN = 4
_MOST_ROUNDS = 14
# a panel whose error is a smaller share of the whole stays; one so many nats below the top has no part
_ERROR = 1e-9
_BELOW = 25.0
# what an interpolated log density may exceed those at the nodes by, and how far a drop is followed
_DEPTH = 60.0
# so many nats below the top no panel of 2**19 counts
_NOTHING = 45.0
_CHUNK = 2048


# numbers of contexts, and a place for each
Probes = tuple[Int[Tensor, " m"], Float[Tensor, " m"]]


class Integrand(ABC):
    """A density over the unknown and what it predicts, for each of R contexts."""

    # whether densities drop to nothing where no polynomial can follow; how far down is then not asked
    drops = False

    @abstractmethod
    def __call__(
        self, rows: Rows, unknown: Float[Tensor, "n q"]
    ) -> tuple[Float[Tensor, "n q"], Float[Tensor, "n q"], Float[Tensor, "n q"]]:
        """Log density, predictive mean and variance; `rows` hold n contexts, most points first."""

    def over(
        self, rows: Rows, grid: Float[Tensor, " G"]
    ) -> Iterator[tuple[Int[Tensor, " k"], tuple[Tensor, Tensor, Tensor], Probes]]:
        """The same on one grid for all contexts, group by group: their numbers, and three parts (k, G).

        Probes are further places of these contexts, where the density may peak unseen by the grid.
        """
        numbers = torch.arange(len(rows), device=grid.device)
        for index in torch.split(numbers, max(1, _CHUNK * _NODES // len(grid))):
            yield index, self(rows[index], grid.expand(len(index), -1)), (index[:0], grid[:0])

    def rounding(self, rows: Rows) -> Float[Tensor, " n"]:
        """How far rounding puts log densities off; panels are not split over less."""
        return torch.zeros_like(rows.count, dtype=torch.float64)


class _Panels(NamedTuple):
    """Panels of the contexts `row`, and on each of them the integrals over exp(log density − scale)."""

    row: Int[Tensor, " n"]
    low: Float[Tensor, " n"]
    width: Float[Tensor, " n"]
    scale: Float[Tensor, " n"]
    # where the density is `scale`
    place: Float[Tensor, " n"]
    mass: Float[Tensor, " n"]
    first: Float[Tensor, " n"]
    second: Float[Tensor, " n"]
    # how far another rule is off, and how high the density may be between the nodes
    error: Float[Tensor, " n"]
    peak: Float[Tensor, " n"]
    slack: Float[Tensor, " n"]

    def chosen(self, index: Tensor) -> "_Panels":
        return _Panels(*(field[index] for field in tuple(self)))

    @classmethod
    def joined(cls, *parts: "_Panels") -> "_Panels":
        return cls(*(torch.cat(fields) for fields in zip(*(tuple(part) for part in parts), strict=True)))


def integrate(
    integrand: Integrand, rows: Rows, highest: float, n_panels: int
) -> tuple[Float[Tensor, " R"], Float[Tensor, " R"], Float[Tensor, " R"]]:
    """Log of the integral over (0, highest), and mean and total variance of the prediction.

    Every panel holds a Gauss-Legendre rule. It is split in four while a finer rule on the interpolated
    log density differs, or while the density may peak between its nodes, as narrow peaks do.
    """
    return _moments(_resolved(integrand, rows, highest, n_panels), len(rows))


class Nodes(NamedTuple):
    """Nodes where the density is not nothing, panel by panel, and the weights of the rule at them.

    Attributes:
        row: the context of each panel, most points first.
        unknown: the nodes.
        weight: what a value at each node counts in an integral.
    """

    row: Int[Tensor, " n"]
    unknown: Float[Tensor, "n q"]
    weight: Float[Tensor, "n q"]


def resolving_nodes(integrand: Integrand, rows: Rows, highest: float, n_panels: int) -> Nodes:
    """The nodes that `integrate` ends with, for integrals over the same density of other things."""
    panels = _resolved(integrand, rows, highest, n_panels)
    lowest = torch.full((len(rows),), -torch.inf, dtype=panels.scale.dtype, device=panels.scale.device)
    top = lowest.scatter_reduce(0, panels.row, panels.scale, "amax")
    there = (panels.scale > top[panels.row] - _NOTHING).nonzero()[:, 0]
    there = there[panels.row[there].argsort(stable=True)]
    nodes, weights = (part.to(panels.low) for part in _RULE[:2])
    low, width = panels.low[there, None], panels.width[there, None]
    return Nodes(panels.row[there], low + width * nodes, width * weights)


def _resolved(integrand: Integrand, rows: Rows, highest: float, n_panels: int) -> _Panels:
    """The panels that need no more splitting."""
    device, n_rows = rows.prompt.device, len(rows)
    top = torch.full((n_rows,), -torch.inf, dtype=torch.float64, device=device)
    total = torch.zeros_like(top)
    width = highest / n_panels
    low = torch.arange(n_panels, device=device, dtype=torch.float64) * width
    rounding = 10 * integrand.rounding(rows)
    panels, seen, place = _everywhere(integrand, rows, low, width)
    kept = []
    for number in range(_MOST_ROUNDS + 1):
        row = panels.row
        higher = top.scatter_reduce(0, row, panels.scale, "amax")
        total = total * (top - higher).exp().nan_to_num()
        top = higher
        share = (panels.scale - top[row]).exp()
        whole = total.index_add(0, row, share * panels.mass)
        split = _unfinished(panels, top[row], share, whole[row], rounding[row])
        # nor does a panel rest whose nodes miss what a node met before the split
        split = split | ((seen > panels.scale + 1 + rounding[row]) & (seen > top[row] - _BELOW))
        split = split & (number < _MOST_ROUNDS)
        done = ~split & (panels.scale > top[row] - 2 * _BELOW - rounding[row])
        total = total.index_add(0, row[done], (share * panels.mass)[done])
        kept.append(panels.chosen(done.nonzero()[:, 0]))
        parents = split.nonzero()[:, 0]
        if len(parents) == 0:
            break
        # contexts stand in the order that the integrand asks for
        parents = parents[row[parents].argsort(stable=True)]
        width = width / _CHILDREN
        steps = torch.arange(_CHILDREN, device=device) * width
        children = (panels.low[parents][:, None] + steps).flatten()
        seen, place = (part[parents].repeat_interleave(_CHILDREN) for part in (seen, place))
        seen = seen.where((place >= children) & (place < children + width), -torch.inf)
        panels = _at(integrand, rows, row[parents].repeat_interleave(_CHILDREN), children, width)
        seen, place = seen.maximum(panels.scale), place.where(seen > panels.scale, panels.place)
    return _Panels.joined(*kept)


def _everywhere(
    integrand: Integrand, rows: Rows, low: Float[Tensor, " P"], width: float
) -> tuple[_Panels, Float[Tensor, " n"], Float[Tensor, " n"]]:
    """The same panels for every context; the highest density that was seen on each, probes included."""
    grid = (low[:, None] + width * _RULE[0].to(low)).flatten()
    parts: list[_Panels] = []
    probes: list[Probes] = []
    for index, values, more in integrand.over(rows, grid):
        probes.append(more)
        per_panel = [part.reshape(-1, _NODES) for part in values]
        row = index.repeat_interleave(len(low))
        parts.append(_integrals(integrand, rows, row, low.repeat(len(index)), width, *per_panel))
    panels = _Panels.joined(*parts)
    row, place = (torch.cat(fields) for fields in zip(*probes, strict=True))
    return panels, *_probed(integrand, rows, panels, row, place, len(low), width)


def _probed(
    integrand: Integrand,
    rows: Rows,
    panels: _Panels,
    row: Int[Tensor, " m"],
    place: Float[Tensor, " m"],
    n_panels: int,
    width: float,
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """The highest log density on each panel, be it at a node or at a probe, and where it is."""
    if len(row) == 0:
        return panels.scale, panels.place
    order = row.argsort(stable=True)
    row, place = row[order], place[order]
    log_density = torch.cat(
        [
            integrand(rows[row_], place_[:, None])[0][:, 0]
            for row_, place_ in zip(torch.split(row, _CHUNK), torch.split(place, _CHUNK), strict=True)
        ]
    )
    # panels come by context, though contexts in any order
    start = torch.empty(len(rows), dtype=torch.long, device=row.device)
    start[panels.row[::n_panels]] = torch.arange(0, len(panels.row), n_panels, device=row.device)
    panel = start[row] + (place / width).long().clamp(0, n_panels - 1)
    seen = panels.scale.scatter_reduce(0, panel, log_density.nan_to_num(-torch.inf), "amax")
    is_best = (log_density == seen[panel]) & (log_density > panels.scale[panel])
    places = panels.place.clone()
    places[panel[is_best]] = place[is_best]
    return seen, places


def _at(
    integrand: Integrand, rows: Rows, row: Int[Tensor, " n"], low: Float[Tensor, " n"], width: float
) -> _Panels:
    """Panels that begin at `low`, each for one context."""
    nodes = width * _RULE[0].to(low)
    parts: list[_Panels] = []
    for rows_, low_ in zip(torch.split(row, _CHUNK), torch.split(low, _CHUNK), strict=True):
        values = integrand(rows[rows_], low_[:, None] + nodes)
        parts.append(_integrals(integrand, rows, rows_, low_, width, *values))
    return _Panels.joined(*parts)


def _integrals(
    integrand: Integrand,
    rows: Rows,
    row: Int[Tensor, " n"],
    low: Float[Tensor, " n"],
    width: float,
    log_density: Float[Tensor, "n q"],
    mean: Float[Tensor, "n q"],
    variance: Float[Tensor, "n q"],
) -> _Panels:
    nodes, weights, finer_weights, interpolation, highest = (part.to(low) for part in _RULE)
    scale, best = log_density.max(1)
    relative = (log_density - scale[:, None]).nan_to_num(neginf=-1e300)
    mass = relative.exp() * (weights * width)
    weighted, whole = mass * mean, mass.sum(1)
    followed = relative
    if integrand.drops:
        followed = relative.maximum(-(_DEPTH + 4 * scale.abs())[:, None])
    finer = followed @ interpolation
    # where a polynomial does not follow, its highest terms are large; the rule squares their error
    unresolved = whole * (followed @ highest).square().sum(1).clamp(max=1)
    finer_mass = (finer.clamp(max=_DEPTH).exp() * finer_weights).sum(1) * width
    return _Panels(
        row,
        low,
        torch.full_like(low, width),
        scale,
        low + width * nodes[best],
        whole,
        weighted.sum(1),
        (weighted * mean + mass * variance).sum(1),
        (finer_mass - whole).abs() + unresolved,
        scale + finer.amax(1).clamp(min=0),
        finer.diff(dim=1).abs().amax(1) / 4,
    )


def _unfinished(
    panels: _Panels,
    top: Float[Tensor, " n"],
    share: Float[Tensor, " n"],
    whole: Float[Tensor, " n"],
    rounding: Float[Tensor, " n"],
) -> Bool[Tensor, " n"]:
    """Whether panels are to be split; top, share and whole are those of their contexts."""
    hidden = (panels.slack > 1 + rounding) & (panels.peak + panels.slack > top - _BELOW)
    return hidden | ((panels.error - rounding * panels.mass) * share > _ERROR * whole)


def _moments(
    panels: _Panels, n_rows: int
) -> tuple[Float[Tensor, " R"], Float[Tensor, " R"], Float[Tensor, " R"]]:
    # one context after the other, each from left to right within a round: its sum has one order
    order = panels.row.argsort(stable=True)
    lowest = torch.full((n_rows,), -torch.inf, dtype=panels.scale.dtype, device=order.device)
    top = lowest.scatter_reduce(0, panels.row, panels.scale, "amax")
    row, share = panels.row[order], (panels.scale - top[panels.row]).exp()[order]
    lengths = torch.bincount(row, minlength=n_rows)
    mass, first, second = (
        torch.segment_reduce(share * part[order], "sum", lengths=lengths, unsafe=True)
        for part in (panels.mass, panels.first, panels.second)
    )
    mean = first / mass
    return top + mass.log(), mean, (second / mass - mean.square()).clamp(min=0)


def _rule() -> tuple[Tensor, ...]:
    """Nodes and weights on (0, 1), weights of the finer rule, and two matrices that take values at the nodes.

    They give the interpolating polynomial at the finer rule's nodes, and its two highest coefficients.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    finer, finer_weights = np.polynomial.legendre.leggauss(_CHECKS)
    powers = np.polynomial.legendre.legvander
    coefficients = np.linalg.inv(powers(nodes, _NODES - 1))
    interpolation = powers(finer, _NODES - 1) @ coefficients
    matrices = (interpolation.T.copy(), coefficients[-2:].T.copy())
    parts = ((nodes + 1) / 2, weights / 2, finer_weights / 2, *matrices)
    return tuple(torch.tensor(part) for part in parts)


_RULE = _rule()
