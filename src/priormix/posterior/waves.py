"""A wave of unknown frequency, beside at most one known feature: the algebra given the frequency.

Labels are y = u·φ(x) + (amplitude_mean + amplitude_std·z)·c(x) + noise, where φ is a known feature,
c(x) = cos(2πωx), and u, z ~ N(0, 1). All sums over points are taken one point after the other, so that
no bit of a prompt depends on what is worked on beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, lgamma, log, pi

import torch
from jaxtyping import Bool, Float, Int
from scipy.special import gammainccinv
from torch import Tensor

LOG_2PI = log(2 * pi)
_TAIL = 1e-12
# width of a panel: eight nodes on it resolve a squared cosine up to |x| = 4
_PANEL = 0.125
_FEWEST_PANELS = 64
_REACH = 4.0
_FINEST = 64
_MOST_PANELS = 2**19


@dataclass(frozen=True)
class FreeWave:
    """A wave with amplitude N(amplitude_mean, amplitude_std²) and frequency Gamma(shape, scale)."""

    amplitude_mean: float
    amplitude_std: float
    shape: float
    scale: float

    @property
    def highest(self) -> float:
        """Where the search ends: twice the frequency that is exceeded with probability 1e-12."""
        return 2 * self.scale * float(gammainccinv(self.shape, _TAIL))

    def panels(self, refinement: int) -> int:
        """Number of equal panels up to `highest` before any is split."""
        return refinement * max(_FEWEST_PANELS, ceil(self.highest / _PANEL))

    def log_density(self, frequency: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """Log density of the frequency."""
        constant = lgamma(self.shape) + self.shape * log(self.scale)
        return (self.shape - 1) * frequency.log() - frequency / self.scale - constant


@dataclass(frozen=True)
class Points:
    """The points of B prompts: x, the known feature φ(x) scaled to a unit prior, and labels, all (T, B)."""

    x: Float[Tensor, "T B"]
    feature: Float[Tensor, "T B"]
    y: Float[Tensor, "T B"]

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Queries:
    """x and φ(x) of the point that follows the first 0 … T ones, 0 where there is none; each (T + 1, B)."""

    x: Float[Tensor, "T_plus_1 B"]
    feature: Float[Tensor, "T_plus_1 B"]

    @classmethod
    def after(cls, points: Points) -> "Queries":
        """Every point is asked for once those before it are known."""
        parts = (points.x, points.feature)
        return cls(*(torch.cat([part, part.new_zeros(1, part.shape[1])]) for part in parts))


@dataclass(frozen=True)
class Rows:
    """R contexts, each the first `count` points of a `prompt`."""

    prompt: Int[Tensor, " R"]
    count: Int[Tensor, " R"]

    def __len__(self) -> int:
        return len(self.prompt)

    def __getitem__(self, index: Tensor | slice) -> "Rows":
        return Rows(self.prompt[index], self.count[index])


@dataclass(frozen=True)
class Problem:
    """The prompts, and what is asked of them.

    Attributes:
        points: the points; their labels have `known` subtracted.
        known: the part of f that is known, (T, B).
        wave: the wave whose frequency is unknown.
        has_feature: whether the known feature has an unknown coefficient; else it is 0.
        refinement: by what every step of the grids is divided.
        tolerance: how far labels without noise are off, relatively.
    """

    points: Points
    known: Float[Tensor, "T B"]
    wave: FreeWave
    has_feature: bool
    refinement: int
    tolerance: float

    @property
    def n_coefficients(self) -> int:
        """Number S of unknown coefficients, given the frequency."""
        return self.has_feature + (self.wave.amplitude_std > 0)

    def rows(self, wanted: Bool[Tensor, "T_plus_1 B"] | None = None) -> Iterator[tuple[Rows, int]]:
        """The wanted contexts, most points first, and the number of panels that their points ask for.

        They come in pieces of whole prompts, which bounds the memory.
        """
        x = self.points.x
        factors = refinement_factors(torch.cat([x, torch.zeros_like(x[:1])]))
        for factor in torch.unique(factors).tolist():
            chosen = factors == factor
            chosen = chosen if wanted is None else chosen & wanted
            n_panels = self.wave.panels(factor * self.refinement)
            prompts = chosen.any(0).nonzero()[:, 0]
            for piece in torch.split(prompts, max(1, _MOST_PANELS // (n_panels * len(chosen)))):
                missing, place = chosen[:, piece].flip(0).nonzero(as_tuple=True)
                if len(place) > 0:
                    yield Rows(piece[place], len(x) - missing), n_panels


def refinement_factors(x: Float[Tensor, "T B"]) -> Int[Tensor, "T B"]:
    """By how much the grid is to be finer because of the points up to each: 1, 2, 4 … 64.

    It is 1 up to |x| = 4, and 64 from |x| = 128 on; beyond 256 the grid no longer resolves the wave.
    """
    reach = x.abs().cummax(0).values.nan_to_num()
    return (2 ** (reach / _REACH).clamp(1, _FINEST).log2().ceil()).long()
