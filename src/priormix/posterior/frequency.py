"""Exact posterior of a wave of unknown frequency, alone or beside one known feature such as a line."""

from math import pi

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from priormix.posterior.base import Answers, Posterior, PosteriorPredictor
from priormix.posterior.evidence import Evidence, total_moments
from priormix.posterior.few_points import Repeats, few_points
from priormix.posterior.hypotheses import GammaFrequency, Hypotheses, Wave
from priormix.posterior.likelihood import NoisyLikelihood
from priormix.posterior.modes import from_modes
from priormix.posterior.quadrature import integrate, resolving_nodes
from priormix.posterior.recent import Recent
from priormix.posterior.table import Table
from priormix.posterior.waves import FreeWave, Points, Problem, Queries, Rows, refinement_factors
from priormix.predictors.base import one_prompt_a_query

# a call works through its prompts in parts, and all of them must still be there when a component asks
_RECENT = Recent(size=8)


class FrequencyPosterior(PosteriorPredictor):
    """f(x) = known(x) + u·φ(x) + A cos(2πωx) with ω ~ Gamma, given which f is a Gaussian regression.

    Frequencies are searched up to twice that which is exceeded with probability 1e-12, so that
    frequencies far out of the distribution are found too.

    With label noise every prefix is an integral over ω, by quadrature that splits its panels where the
    density needs it. Without noise the result is the limit of vanishing noise: an integral while there
    are no more points than unknown coefficients; then the posterior sits on single frequencies, those
    that interpolate the context, or the best fit where none does.

    `refinement` divides every step of the grids. They resolve the wave up to |x| = 4 and are made finer
    for prompts that reach further, up to 64 times; beyond |x| = 256 frequencies may be missed.
    """

    def __init__(self, group: Hypotheses, noise_std: float, refinement: int = 1) -> None:
        free, fixed = _parted(group.waves)
        assert isinstance(free.frequency, GammaFrequency)
        self.wave = FreeWave(free.mean, free.std, free.frequency.shape, free.frequency.scale)
        self.refinement = refinement
        super().__init__(1, noise_std, state_size=self.wave.panels(refinement))
        self._slope = float(group.mean[0, 0])
        self._known = [(wave.mean, _number(wave)) for wave in fixed if wave.mean != 0]
        unknown = [(wave.std, _number(wave)) for wave in fixed if wave.std > 0]
        self._slope_std = float(group.variance[0, 0].sqrt())
        self._unknown = unknown[0] if unknown else None
        if self._unknown is not None and self._slope_std > 0:
            raise ValueError("beside an unknown frequency at most one coefficient may be unknown")

    @property
    def has_feature(self) -> bool:
        """Whether the known feature φ has an unknown coefficient."""
        return self._slope_std > 0 or self._unknown is not None

    def posterior(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"], tolerance: float) -> Posterior:
        """The posterior for float64 prompts whose labels are exact to a relative `tolerance`."""
        model = (self.wave, self.refinement, self._slope, tuple(self._known), self._slope_std, self._unknown)
        key = (*model, self.noise_std, tolerance)
        return _RECENT.get(key, xs, ys, lambda: self._found(xs, ys, tolerance))

    def _found(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"], tolerance: float) -> Posterior:
        problem = self.problem(xs, ys, tolerance)
        if self.noise_std == 0:
            every = torch.ones(len(problem.points) + 1, len(xs), dtype=torch.bool, device=xs.device)
            return self._without_noise(problem, every)
        table = Table.empty(problem)
        likelihood = NoisyLikelihood(
            problem.points, Queries.after(problem.points), self.wave, self.noise_std, self.has_feature
        )
        for rows, n_panels in problem.rows():
            table.write(rows, *integrate(likelihood, rows, self.wave.highest, n_panels))
        return table.posterior()

    def _without_noise(self, problem: Problem, wanted: Bool[Tensor, "T_plus_1 B"]) -> Posterior:
        """The limit of vanishing noise; prefixes that are not wanted may be left at zero."""
        table, repeats = Table.empty(problem), Repeats.of(problem)
        few_points(problem, repeats, wanted, table)
        from_modes(problem, repeats, wanted, table)
        return table.posterior()

    def answers(
        self,
        xs: Float[Tensor, "B K D"],
        ys: Float[Tensor, "B K"],
        queries: Float[Tensor, "B Q D"],
        tolerance: float,
    ) -> Answers:
        """The posterior at many queries of float64 contexts; with noise each context is integrated once."""
        if self.noise_std == 0:
            problem = self.problem(*one_prompt_a_query(xs, ys, queries), tolerance)
            wanted = torch.zeros(xs.shape[1] + 2, problem.known.shape[1], dtype=torch.bool, device=xs.device)
            wanted[-2] = True
            return Answers.at_the_end(self._without_noise(problem, wanted), queries.shape[1])
        contexts = zip(*(torch.split(part, 1) for part in (xs, ys, queries)), strict=True)
        each = [self._answers(x, y, asked, tolerance) for x, y, asked in contexts]
        mean, variance, log_density = (torch.stack(part) for part in zip(*each, strict=True))
        zero = torch.zeros_like(log_density)
        return Answers(mean, variance, Evidence(zero, zero.long(), log_density), zero[:, None])

    def _answers(
        self,
        xs: Float[Tensor, "1 K D"],
        ys: Float[Tensor, "1 K"],
        queries: Float[Tensor, "1 Q D"],
        tolerance: float,
    ) -> tuple[Float[Tensor, " Q"], Float[Tensor, " Q"], Float[Tensor, ""]]:
        """Mean and variance at the queries of one context, and the log density of its labels."""
        points = self.problem(xs, ys, tolerance).points
        asked = self.problem(queries, torch.zeros_like(queries[..., 0]), tolerance)
        likelihood = NoisyLikelihood(
            points, Queries.after(points), self.wave, self.noise_std, self.has_feature
        )
        factor = int(refinement_factors(torch.cat([points.x, asked.points.x])).max())
        whole = Rows(torch.tensor([0], device=xs.device), torch.tensor([len(points)], device=xs.device))
        n_panels = self.wave.panels(factor * self.refinement)
        row, frequency, weight = resolving_nodes(likelihood, whole, self.wave.highest, n_panels)
        log_density, means, variances = likelihood.across(
            whole[row], frequency, asked.points.x[:, 0], asked.points.feature[:, 0]
        )
        log_mass = log_density + weight.log()
        total = log_mass.flatten().logsumexp(0)
        means, variances = means.flatten(0, 1), variances.flatten(0, 1)
        log_share = (log_mass - total).flatten()[:, None].expand_as(means)
        mean, variance = total_moments(log_share, means, variances)
        return mean + asked.known[:, 0], variance, total

    def problem(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"], tolerance: float) -> Problem:
        """The prompts, points first, with what is known taken from the labels."""
        x = xs[..., 0].T.contiguous()
        known = self._slope * x
        for amplitude, frequency in self._known:
            known = known + amplitude * torch.cos(2 * pi * frequency * x)
        feature = self._slope_std * x
        if self._unknown is not None:
            feature = self._unknown[0] * torch.cos(2 * pi * self._unknown[1] * x)
        points = Points(x, feature, ys.T - known)
        return Problem(points, known, self.wave, self.has_feature, self.refinement, tolerance)


def _parted(waves: tuple[Wave, ...]) -> tuple[Wave, list[Wave]]:
    """The wave whose frequency is unknown, and the others."""
    (free,) = [wave for wave in waves if isinstance(wave.frequency, GammaFrequency)]
    return free, [wave for wave in waves if wave is not free]


def _number(wave: Wave) -> float:
    assert not isinstance(wave.frequency, GammaFrequency)
    return wave.frequency
