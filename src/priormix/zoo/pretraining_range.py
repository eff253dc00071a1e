"""How far the prompts of pretraining reach, and what of given data lies beyond."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.recipe import Recipe

N_DRAWS = 100_000


class OutsidePretraining(UserWarning):
    """A pretrained network is asked about inputs, labels or lengths that it has not met in pretraining."""


@dataclass(frozen=True)
class PretrainingRange:
    """What at least 100,000 points, drawn as in pretraining, reach.

    Attributes:
        centre: mean of the inputs, (D,).
        whitening: takes an offset from the centre to coordinates of variance 1, (D, D).
        farthest: largest Mahalanobis distance of an input from the centre.
        largest_label: largest |y|.
        most_examples: examples before the last point of a prompt.
    """

    centre: Float[Tensor, " D"]
    whitening: Float[Tensor, "D D"]
    farthest: float
    largest_label: float
    most_examples: int

    def distances(self, xs: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """Mahalanobis distances of inputs from the centre of the inputs in pretraining."""
        return _lengths((xs.double() - self.centre) @ self.whitening)

    def beyond_in_inputs(self, xs: Float[Tensor, "N D"]) -> Iterator[str]:
        """A sentence where an input is farther from the centre than every one of pretraining."""
        distances = self.distances(xs)
        count = int((distances > self.farthest).sum())
        if count:
            yield (
                f"{count} of {len(xs)} rows of X lie outside the inputs of pretraining (Mahalanobis distance "
                f"up to {float(distances.max()):.3g}, in pretraining {self.farthest:.3g} at most); scale X"
            )

    def beyond_in_context(self, xs: Float[Tensor, "N D"], ys: Float[Tensor, " N"]) -> Iterator[str]:
        """Sentences on the inputs, the labels and the number of the examples of a context."""
        yield from self.beyond_in_inputs(xs)
        largest = float(ys.abs().max())
        if largest > self.largest_label:
            limit = self.largest_label
            yield f"labels reach {largest:.3g} in size, in pretraining {limit:.3g} at most; scale y"
        if len(ys) > self.most_examples:
            yield f"{len(ys)} examples, in pretraining {self.most_examples} at most; give fewer"


@lru_cache(maxsize=32)
def pretraining_range(recipe: Recipe) -> PretrainingRange:
    """The range of a recipe's prompts, by drawing some; the same for the same recipe."""
    prompts = recipe.mixture.sample(
        -(-N_DRAWS // recipe.n_points),
        recipe.n_points,
        role="pretraining range",
        inputs=recipe.inputs,
        noise_std=recipe.noise_std,
        dtype=torch.float64,
    )
    xs = prompts.xs.flatten(0, 1)
    centre, whitening = xs.mean(0), _whitening(xs)
    return PretrainingRange(
        centre=centre,
        whitening=whitening,
        farthest=float(_lengths((xs - centre) @ whitening).max()),
        largest_label=float(prompts.ys.abs().max()),
        most_examples=recipe.n_points - 1,
    )


def _whitening(xs: Float[Tensor, "N D"]) -> Float[Tensor, "D D"]:
    """Columns are directions divided by their standard deviations.

    Directions in which the inputs never vary get a tiny one in place of zero, so that every departure in
    them counts as far away.
    """
    spread = torch.linalg.eigh(torch.cov(xs.T).reshape(xs.shape[1], xs.shape[1]))
    least = max(float(spread.eigenvalues.max()) * 1e-12, 1e-24)
    columns: Tensor = spread.eigenvectors / spread.eigenvalues.clamp(min=least).sqrt()
    return columns


def _lengths(rows: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
    return rows.square().sum(1).sqrt()
