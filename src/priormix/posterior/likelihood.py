"""The likelihood of a frequency: Gaussian regression on a known feature and a wave of that frequency.

The feature is taken out first, once for all frequencies: what is left of the labels, and of the wave, are
their innovations, each from the points before it. Nothing cancels, however alike wave and feature are.
"""

from collections.abc import Iterator
from math import log, pi
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from priormix.posterior.faint import faint_nodes, valleys
from priormix.posterior.quadrature import Integrand, Probes
from priormix.posterior.waves import LOG_2PI, FreeWave, Points, Queries, Rows

# rounding of a sum of squares, relatively, with some to spare
_EPSILON = 1e-14
# numbers in one array, a few of which a processor's cache holds
_NUMBERS = 2**14


class Likelihood(Integrand):
    """Prior density of the frequency times the density of the labels, and the prediction at a query."""

    def __init__(self, points: Points, queries: Queries, wave: FreeWave, noise_std: float) -> None:
        self.points = points
        self.queries = queries
        self.wave = wave
        self.noise_std = noise_std

    def _finished(
        self, rows: Rows, frequency: Float[Tensor, "#n q"], fit: "_Fit"
    ) -> tuple[Float[Tensor, "n q"], Float[Tensor, "n q"], Float[Tensor, "n q"]]:
        x, feature = (
            part[rows.count, rows.prompt][:, None] for part in (self.queries.x, self.queries.feature)
        )
        return self._log_density(rows, frequency, fit), *self._prediction(frequency, fit, x, feature)

    def _log_density(self, rows: Rows, frequency: Float[Tensor, "#n q"], fit: "_Fit") -> Float[Tensor, "n q"]:
        count = rows.count[:, None].to(frequency)
        constant = (count - 2) * log(self.noise_std) + count * (LOG_2PI / 2)
        determinant = fit.feature_precision * fit.precision
        return self.wave.log_density(frequency) - (fit.square + determinant.log()) / 2 - constant

    def _prediction(
        self, frequency: Tensor, fit: "_Fit", x: Tensor, feature: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean and variance at queries, which the frequencies and fits are broadcast with."""
        left = (frequency * (2 * pi * x)).cos_() - fit.along * feature
        mean = fit.coefficient * feature + fit.amplitude * left
        by_feature = feature.square() / fit.feature_precision
        by_wave = self.wave.amplitude_std**2 * left.square() / fit.precision
        return mean, self.noise_std**2 * (by_feature + by_wave)


class _Fit(NamedTuple):
    """The posterior given the frequency; precisions are in units of 1 / noise_std².

    Attributes:
        coefficient: mean coefficient of the feature if there were no wave.
        feature_precision: its precision.
        along: coefficient of the wave on the feature.
        amplitude: mean amplitude of the wave.
        precision: that of its standard normal part.
        square: yᵀ cov(y)⁻¹ y.
    """

    coefficient: Float[Tensor, "n 1"]
    feature_precision: Float[Tensor, "n 1"]
    along: Float[Tensor, "n q"]
    amplitude: Float[Tensor, "n q"]
    precision: Float[Tensor, "n q"]
    square: Float[Tensor, "n q"]


class NoisyLikelihood(Likelihood):
    """Labels with noise, in O(count) a frequency.

    The square is a difference of sums of squares, so a noise below 1e-7 of the labels is lost in rounding.
    """

    def __init__(
        self, points: Points, queries: Queries, wave: FreeWave, noise_std: float, has_feature: bool
    ) -> None:
        super().__init__(points, queries, wave, noise_std)
        self._has_feature = has_feature
        noise, zero = noise_std**2, torch.zeros_like(queries.x[:1])
        feature, y = points.feature, points.y
        # sums over the first 0 … T points
        precision = noise + torch.cat([zero, (feature * feature).cumsum(0)])
        products = torch.cat([zero, (feature * y).cumsum(0)])
        weight = (precision[:-1] / precision[1:]).sqrt()
        innovation = weight * (y - feature * products[:-1] / precision[:-1])
        self._precision = precision
        self._coefficient = products / precision
        self._square = torch.cat([zero, (innovation * innovation).cumsum(0)])
        gain = weight * feature / precision[:-1]
        self._data = torch.stack([2 * pi * points.x, innovation, weight, gain, feature])

    def __call__(
        self, rows: Rows, unknown: Float[Tensor, "n q"]
    ) -> tuple[Float[Tensor, "n q"], Float[Tensor, "n q"], Float[Tensor, "n q"]]:
        """Log density, predictive mean and variance; `rows` hold n contexts, most points first."""
        return self._finished(rows, unknown, self._fit(rows, self._sums(rows, unknown)))

    def across(
        self,
        rows: Rows,
        unknown: Float[Tensor, "n q"],
        x: Float[Tensor, " Q"],
        feature: Float[Tensor, " Q"],
    ) -> tuple[Float[Tensor, "n q"], Float[Tensor, "n q Q"], Float[Tensor, "n q Q"]]:
        """Log density, and predictive mean and variance at Q queries that all contexts share."""
        fit = self._fit(rows, self._sums(rows, unknown))
        wide = _Fit(*(part[..., None] for part in fit))
        moments = self._prediction(unknown[..., None], wide, x, feature)
        return self._log_density(rows, unknown, fit), *moments

    def over(
        self, rows: Rows, grid: Float[Tensor, " G"]
    ) -> Iterator[tuple[Int[Tensor, " k"], tuple[Tensor, Tensor, Tensor], Probes]]:
        """The same on one grid for all contexts, whose sums grow point by point for all of a prompt."""
        place = torch.full_like(self._precision, -1, dtype=torch.long)
        place[rows.count, rows.prompt] = torch.arange(len(rows), device=grid.device)
        for prompts in torch.split(torch.unique(rows.prompt), max(1, _NUMBERS // len(grid))):
            sums = _Sums.none(grid.expand(len(prompts), -1))
            for count in range(int(rows.count[0]) + 1):
                chosen = (place[count, prompts] >= 0).nonzero()[:, 0]
                if len(chosen) > 0:
                    index = place[count, prompts[chosen]]
                    these = sums.at(chosen)
                    probes = self._probes(rows, index, grid, these)
                    fit = self._fit(rows[index], these)
                    yield index, self._finished(rows[index], grid[None], fit), probes
                if count < len(self.points):
                    sums.add(grid[None], self._data[:, count, prompts, None], self._has_feature)

    def _probes(
        self, rows: Rows, index: Int[Tensor, " k"], grid: Float[Tensor, " G"], sums: "_Sums"
    ) -> Probes:
        """Peaks where the wave nearly vanishes at all points."""
        if self.wave.amplitude_std == 0:
            return index[:0], grid[:0]
        which, node = faint_nodes(sums.square, rows.count[index][:, None]).nonzero(as_tuple=True)
        if len(which) == 0:
            return index[:0], grid[:0]
        row = index[which]
        ridge = (self.noise_std / self.wave.amplitude_std) ** 2
        reach = float((grid[-1] - grid[0]) / len(grid)) * 2
        return row, valleys(self.points, rows[row], grid[node], ridge, reach)

    def rounding(self, rows: Rows) -> Float[Tensor, " n"]:
        """How far rounding puts log densities off."""
        return _EPSILON * self._square[rows.count, rows.prompt] / self.noise_std**2

    def _fit(self, rows: Rows, sums: "_Sums") -> _Fit:
        offset, std, noise = self.wave.amplitude_mean, self.wave.amplitude_std, self.noise_std**2
        coefficient, feature_precision, square = (
            part[rows.count, rows.prompt][:, None]
            for part in (self._coefficient, self._precision, self._square)
        )
        product, total = sums.product, square
        if offset != 0:
            total = total - 2 * offset * product + offset**2 * sums.square
            product = product - offset * sums.square
        precision = noise + std**2 * sums.square
        amplitude = std**2 * product / precision
        return _Fit(
            coefficient,
            feature_precision,
            sums.along / feature_precision,
            offset + amplitude,
            precision,
            (total - amplitude * product) / noise,
        )

    def _sums(self, rows: Rows, frequency: Float[Tensor, "n q"]) -> "_Sums":
        sums = _Sums.none(frequency)
        numbers = torch.arange(int(rows.count[0]), device=frequency.device)
        # contexts come with most points first, so those that a point takes part in are the first ones
        ends = len(rows) - torch.searchsorted(rows.count.flip(0), numbers, right=True)
        data = self._data[:, : len(numbers), rows.prompt, None]
        for i, end in enumerate(ends.tolist()):
            sums.first(end).add(frequency[:end], data[:, i, :end], self._has_feature)
        return sums


class _Sums(NamedTuple):
    """Sums over the points: of the wave's innovations squared, times the labels', and of φ times the wave."""

    square: Float[Tensor, "n q"]
    product: Float[Tensor, "n q"]
    along: Float[Tensor, "n q"]

    @classmethod
    def none(cls, like: Float[Tensor, "n q"]) -> "_Sums":
        return cls(*torch.zeros(3, *like.shape, dtype=like.dtype, device=like.device))

    def first(self, end: int) -> "_Sums":
        """Views of the first contexts."""
        return _Sums(*(part[:end] for part in tuple(self)))

    def at(self, chosen: Int[Tensor, " k"]) -> "_Sums":
        """Those of the chosen contexts."""
        return self if len(chosen) == len(self.square) else _Sums(*(part[chosen] for part in tuple(self)))

    def add(self, frequency: Tensor, data: Float[Tensor, "5 m 1"], has_feature: bool) -> None:
        """Take one more point, in place."""
        rate, innovation, weight, gain, feature = data
        wave = (frequency * rate).cos_()
        if has_feature:
            along = wave * feature
            wave = wave.mul_(weight).sub_(self.along * gain)
            self.along.add_(along)
        self.product.add_(wave * innovation)
        self.square.add_(wave.square_())


class VanishingNoise(Likelihood):
    """Labels without noise at no more points than unknown coefficients, so at most two.

    The label noise is a given tiny one, and determinants are taken of the two points themselves, so
    that nothing cancels where they nearly vanish.
    """

    drops = True

    def __call__(
        self, rows: Rows, unknown: Float[Tensor, "n q"]
    ) -> tuple[Float[Tensor, "n q"], Float[Tensor, "n q"], Float[Tensor, "n q"]]:
        """Log density, predictive mean and variance; `rows` hold n contexts, most points first."""
        (x0, c0, y0), (x1, c1, y1) = (self._point(rows, unknown, i) for i in range(2))
        noise, offset, std = self.noise_std**2, self.wave.amplitude_mean, self.wave.amplitude_std
        feature_precision = noise + x0.square() + x1.square()
        coefficient = (x0 * y0 + x1 * y1) / feature_precision
        along = (x0 * c0 + x1 * c1) / feature_precision
        # from here on the labels without the mean wave, and the wave with the amplitude's standard deviation
        y0, y1, c0, c1 = y0 - offset * c0, y1 - offset * c1, std * c0, std * c1
        of_xc, of_cy, of_xy = x0 * c1 - x1 * c0, c0 * y1 - c1 * y0, x0 * y1 - x1 * y0
        determinant = noise * (feature_precision + c0.square() + c1.square()) + of_xc.square()
        z = (noise * (c0 * y0 + c1 * y1) + of_xc * of_xy) / determinant
        square = (noise * (y0.square() + y1.square()) + of_xy.square() + of_cy.square()) / determinant
        fit = _Fit(
            coefficient,
            feature_precision,
            along,
            offset + std * z,
            determinant / feature_precision,
            square,
        )
        return self._finished(rows, unknown, fit)

    def _point(
        self, rows: Rows, frequency: Float[Tensor, "n q"], i: int
    ) -> tuple[Float[Tensor, "n q"], Float[Tensor, "n q"], Float[Tensor, "n q"]]:
        """φ, the wave and the label at point i; all 0 where it is not there."""
        if i >= len(self.points):
            nothing = torch.zeros_like(frequency)
            return nothing, nothing, nothing
        x, feature, y = (
            part[i][rows.prompt][:, None] for part in (self.points.x, self.points.feature, self.points.y)
        )
        c = (frequency * (2 * pi * x)).cos_()
        absent = (rows.count <= i)[:, None]
        feature, c, y = (part.expand_as(c).masked_fill(absent, 0) for part in (feature, c, y))
        return feature, c, y
