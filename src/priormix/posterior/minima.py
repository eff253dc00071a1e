"""Best frequencies for labels without noise that none interpolates: minima of the sum of squares."""

from math import pi

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from priormix.posterior.faint import faint_nodes, valleys
from priormix.posterior.few_points import Repeats
from priormix.posterior.laplace import Candidates, distinct, fits, polished, write
from priormix.posterior.table import Table
from priormix.posterior.waves import Problem, Rows

_NODES = 8
_STEPS = 6
_CHUNK = 2**15
# kept minima: many where several may be the best by far, few once points tell them apart
_MOST, _LEAST = 64, 6


def search_minima(
    problem: Problem, repeats: Repeats, wanted: Bool[Tensor, "T_plus_1 B"], table: Table
) -> None:
    """Fill in the wanted contexts, each searched afresh on the whole grid."""
    for rows, n_panels in problem.rows(wanted):
        n_nodes = n_panels * _NODES
        spacing = problem.wave.highest / n_nodes
        chosen = torch.zeros_like(wanted)
        chosen[rows.count, rows.prompt] = True
        prompts = chosen.any(0).nonzero()[:, 0]
        for prompt in torch.split(prompts, max(1, _CHUNK // n_nodes)):
            candidates = _lowest(problem, repeats, prompt, chosen[:, prompt], n_nodes)
            if len(candidates) == 0:
                continue
            candidates = distinct(_in_order(polished(problem, candidates, spacing, _STEPS)))
            fit = fits(problem, candidates)
            at = (candidates.rows.count, candidates.rows.prompt)
            masses = candidates.rows.count - repeats.n_informative[at].clamp(max=problem.n_coefficients + 1)
            write(problem, candidates, fit, masses, table)


def _lowest(
    problem: Problem,
    repeats: Repeats,
    prompt: Int[Tensor, " b"],
    wanted: Bool[Tensor, "T_plus_1 b"],
    n_nodes: int,
) -> Candidates:
    """The lowest local minima of the sum of squares on the grid, of every wanted context."""
    spacing = problem.wave.highest / n_nodes
    grid = (torch.arange(n_nodes, device=prompt.device, dtype=torch.float64) + 0.5) * spacing
    sums = _Sums(problem, len(prompt), n_nodes)
    found: list[Candidates] = []
    asked = wanted.any(1).tolist()
    for count, is_asked in enumerate(asked):
        if is_asked:
            chosen = wanted[count].nonzero()[:, 0]
            extra = repeats.n_informative[count, prompt[chosen]] - problem.n_coefficients
            depth, offset = _valleys(sums.squares(chosen))
            kept = (_MOST >> (extra - 1).clamp(0, 8)).clamp(min=_LEAST)
            most = min(int(kept.max()), n_nodes)
            lowest, node = depth.topk(most, dim=1, largest=False)
            valid = lowest.isfinite() & (torch.arange(most, device=kept.device) < kept[:, None])
            frequency = grid[node] + spacing * offset.gather(1, node)
            context = prompt[chosen][:, None].expand_as(node)[valid]
            found.append(Candidates(Rows(context, torch.full_like(context, count)), frequency[valid]))
            found.append(_faint(problem, sums.beside_feature(chosen), prompt[chosen], count, grid))
        if count < len(problem.points):
            sums.add(count, prompt, grid)
    rows = Rows(
        torch.cat([each.rows.prompt for each in found]), torch.cat([each.rows.count for each in found])
    )
    return Candidates(rows, torch.cat([each.frequency for each in found]))


def _faint(
    problem: Problem,
    squares: Float[Tensor, "b G"],
    prompt: Int[Tensor, " b"],
    count: int,
    grid: Float[Tensor, " G"],
) -> Candidates:
    """Valleys that the grid may have missed."""
    counts = torch.full_like(prompt, count)
    row, node = faint_nodes(squares, counts[:, None]).nonzero(as_tuple=True)
    if problem.wave.amplitude_std == 0 or len(row) == 0:
        row, node = row[:0], node[:0]
    rows = Rows(prompt[row], counts[row])
    if len(row) == 0:
        return Candidates(rows, grid[node])
    return Candidates(rows, valleys(problem.points, rows, grid[node], 0.0, float(grid[1] - grid[0])))


def _in_order(candidates: Candidates) -> Candidates:
    """By context, and within each by frequency."""
    order = candidates.frequency.argsort(stable=True)
    order = order[candidates.rows.prompt[order].argsort(stable=True)]
    order = order[candidates.rows.count[order].argsort(stable=True)]
    return candidates[order]


class _Sums:
    """Sums over the points so far, of which the sum of squares follows at every node; each (b, G)."""

    def __init__(self, problem: Problem, n_prompts: int, n_nodes: int) -> None:
        self._problem = problem
        self._cc, self._xc, self._cy = problem.known.new_zeros(3, n_prompts, n_nodes)
        self._xx, self._xy, self._yy = problem.known.new_zeros(3, n_prompts, 1)

    def add(self, i: int, prompt: Int[Tensor, " b"], grid: Float[Tensor, " G"]) -> None:
        """Take point i."""
        points = self._problem.points
        x, feature, y = (part[i][prompt][:, None] for part in (points.x, points.feature, points.y))
        c = (2 * pi * x * grid).cos_()
        self._xx += feature * feature
        self._xy += feature * y
        self._yy += y * y
        if self._problem.has_feature:
            self._xc += c * feature
        self._cy += c * y
        self._cc += c.square_()

    def beside_feature(self, chosen: Int[Tensor, " c"]) -> Float[Tensor, "c G"]:
        """The wave's sum of squares less its part along the feature."""
        squares: Tensor = self._cc[chosen]
        if self._problem.has_feature:
            squares = squares - self._xc[chosen].square() / self._xx[chosen].clamp(min=1e-290)
        return squares

    def squares(self, chosen: Int[Tensor, " c"]) -> Float[Tensor, "c G"]:
        """The residual sum of squares."""
        cc, xc, cy, xx, xy, yy = (
            part[chosen] for part in (self._cc, self._xc, self._cy, self._xx, self._xy, self._yy)
        )
        mean = self._problem.wave.amplitude_mean
        if mean != 0:
            yy = yy - 2 * mean * cy + mean**2 * cc
            xy, cy = xy - mean * xc, cy - mean * cc
        left: Tensor = yy
        if self._problem.has_feature:
            xx = xx.clamp(min=1e-290)
            left = yy - xy.square() / xx
            cy = cy - xc * xy / xx
            across = cc - xc.square() / xx
        else:
            across = cc
        if self._problem.wave.amplitude_std == 0:
            return left.expand_as(cc)
        explained = cy.square() / across
        squares: Tensor = left - explained.masked_fill(across <= 1e-10 * cc, 0)
        return squares


def _valleys(squares: Float[Tensor, "b G"]) -> tuple[Float[Tensor, "b G"], Float[Tensor, "b G"]]:
    """How deep the local minima are (infinite elsewhere), and how far off the node, by a parabola.

    The sum of squares is even in the frequency, and on a grid without a valley the least node counts.
    """
    before = torch.cat([squares[:, :1], squares[:, :-1]], 1)
    after = torch.cat([squares[:, 1:], squares[:, -1:]], 1)
    bend = before - 2 * squares + after
    offset = ((before - after) / (2 * bend)).nan_to_num(0, 0, 0).clamp(-0.5, 0.5)
    depth = squares - (before - after) * offset / 4
    is_valley = (squares <= before) & (squares <= after) & (bend > 0)
    least = torch.zeros_like(is_valley).scatter_(1, squares.argmin(1, keepdim=True), True)
    return depth.masked_fill(~(is_valley | least), torch.inf), offset
