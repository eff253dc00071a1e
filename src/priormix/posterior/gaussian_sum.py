"""Exact posterior of finitely many Gaussian hypotheses: sums of linear functions and known waves."""

from math import pi

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.posterior.base import Posterior, PosteriorPredictor
from priormix.posterior.evidence import Evidence, total_moments
from priormix.posterior.hypotheses import GammaFrequency, Hypotheses
from priormix.posterior.regression import regression


class GaussianSumPosterior(PosteriorPredictor):
    """Averages the Gaussian posteriors of H hypotheses by their evidence.

    Every coefficient with a prior variance, and every wave whose amplitude has one, is a feature scaled
    to a unit prior; what is known is subtracted from the labels. One prompt takes O(T · H · S²) for S
    such features. Without label noise the average is the limit of vanishing noise.
    """

    def __init__(self, group: Hypotheses, noise_std: float) -> None:
        waves = [(wave, _number(wave.frequency)) for wave in group.waves]
        free = [(wave.std, frequency) for wave, frequency in waves if wave.std > 0]
        n_linear = int((group.variance > 0).sum(1).max())
        # a regression needs a feature, which may be zero
        n_features = max(1, n_linear + len(free))
        super().__init__(group.mean.shape[1], noise_std, state_size=len(group) * n_features**2)
        self.log_prior = group.log_prior
        self._mean = group.mean
        self._known = [(wave.mean, frequency) for wave, frequency in waves if wave.mean != 0]
        self._free = free
        # which coordinates have a prior variance, those that have none last, coordinates first: (S, H)
        order = group.variance.argsort(dim=1, descending=True, stable=True)[:, :n_linear]
        self._coordinates = order.T.contiguous()
        self._scales = group.variance.gather(1, order).sqrt().T.contiguous()

    def posterior(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"], tolerance: float) -> Posterior:
        """The posterior for float64 prompts whose labels are exact to a relative `tolerance`."""
        device = xs.device
        log_prior, coordinates = self.log_prior.to(device), self._coordinates.to(device)
        mean, scales = self._mean.to(device), self._scales.to(device)[..., None]
        n_features = max(1, len(scales) + len(self._free))
        state = regression(xs.new_zeros(n_features, len(mean), len(xs)), 1.0, self.noise_std, tolerance)
        total, log_weights = state.evidence().average(log_prior)
        means, variances, evidence = [], [], [total]
        for x, y in zip(xs.permute(1, 2, 0).contiguous(), ys.T, strict=True):
            known = (mean[..., None] * x).sum(1)
            size = mean.square().sum(1)[:, None] * x.square().sum(0)
            for amplitude, frequency in self._known:
                known = known + amplitude * _wave(frequency, x)
                size = size + amplitude**2
            parts = [x[coordinates] * scales]
            parts += [(std * _wave(frequency, x)).expand(1, *known.shape) for std, frequency in self._free]
            features = torch.cat(parts) if len(scales) or self._free else torch.zeros_like(known)[None]
            unknown, variance = state.step(features, y - known, size)
            moments = total_moments(log_weights, known + unknown, variance)
            total, log_weights = state.evidence().average(log_prior)
            means.append(moments[0])
            variances.append(moments[1])
            evidence.append(total)
        alone = torch.zeros_like(ys)[..., None]
        return Posterior(
            torch.stack(means, 1), torch.stack(variances, 1), Evidence.stack(*evidence, dim=1), alone
        )


def _number(frequency: float | GammaFrequency) -> float:
    assert not isinstance(frequency, GammaFrequency)
    return frequency


def _wave(frequency: float, x: Float[Tensor, "D B"]) -> Float[Tensor, " B"]:
    return torch.cos(2 * pi * frequency * x[0])
