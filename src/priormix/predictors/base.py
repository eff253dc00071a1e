"""The contract of everything that predicts in context."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.kinds import Family, Kind, OfKind

# coordinates in the prompts worked on together; bounds the memory for any number of queries
_NUMBERS = 2**22


@dataclass(frozen=True)
class Prediction:
    """What a predictor says of every point of B prompts with T points, given the points before it.

    Attributes:
        mean: prediction of f(x_t) from the t examples before it, (B, T), in units of y.
        variance: predictive variance of f(x_t), (B, T), where the predictor knows it.
        log_density: log predictive density of y_t, (B, T), where the predictor knows it.
        log_component: log probability of each of C components before y_t is seen, (B, T, C).
    """

    mean: Float[Tensor, "B T"]
    variance: Float[Tensor, "B T"] | None = None
    log_density: Float[Tensor, "B T"] | None = None
    log_component: Float[Tensor, "B T C"] | None = None


class Predictor(ABC):
    """Predicts every point of every prompt from the points before it.

    Causality: `mean[:, t]` depends on `xs[:, :t+1]` and `ys[:, :t]` only, bit for bit.
    """

    @abstractmethod
    def predict(self, xs: Float[Tensor, "B T D"], ys: Float[Tensor, "B T"]) -> Prediction:
        """Predict all prefixes of all prompts; the result has the device and dtype of `ys`."""

    def predict_at(
        self, xs: Float[Tensor, "B K D"], ys: Float[Tensor, "B K"], queries: Float[Tensor, "B Q D"]
    ) -> Prediction:
        """Predict f at Q queries of every context of K points, each as if it alone came next.

        Every part is (B, Q), log_component (B, Q, C), and there is no log_density. It is what `predict`
        says of the last of K + 1 points, up to rounding; a predictor that works a context out once for all
        of its queries is faster.
        """
        width = max(1, _NUMBERS // (len(xs) * (xs.shape[1] + 1) * xs.shape[2]))
        found = [self._last_of_each(xs, ys, piece) for piece in torch.split(queries, width, dim=1)]
        return Prediction(
            mean=torch.cat([part.mean for part in found], 1),
            variance=_joined([part.variance for part in found]),
            log_component=_joined([part.log_component for part in found]),
        )

    def _last_of_each(
        self, xs: Float[Tensor, "B K D"], ys: Float[Tensor, "B K"], queries: Float[Tensor, "B Q D"]
    ) -> Prediction:
        shape = queries.shape[:2]
        found = self.predict(*one_prompt_a_query(xs, ys, queries))
        mean, variance, log_component = (
            None if part is None else part[:, -1].reshape(*shape, *part.shape[2:])
            for part in (found.mean, found.variance, found.log_component)
        )
        assert mean is not None
        return Prediction(mean, variance, None, log_component)


def one_prompt_a_query(
    xs: Float[Tensor, "B K D"], ys: Float[Tensor, "B K"], queries: Float[Tensor, "B Q D"]
) -> tuple[Float[Tensor, "N T D"], Float[Tensor, "N T"]]:
    """B · Q prompts of K + 1 points: each query after its context, with a label of 0 that nobody reads."""
    batch, n_queries, dim = queries.shape
    longer = torch.cat([xs.repeat_interleave(n_queries, 0), queries.reshape(-1, 1, dim)], 1)
    labels = torch.cat([ys.repeat_interleave(n_queries, 0), ys.new_zeros(batch * n_queries, 1)], 1)
    return longer, labels


def _joined(parts: list[Tensor | None]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.cat(known, 1) if known else None


class ClassicalPredictor(Kind, Predictor, ABC):
    """A predictor that learns nothing beforehand and is its own configuration."""

    family: ClassVar[Family] = Family("predictor", "priormix.predictors")


AnyPredictor = Annotated[ClassicalPredictor, OfKind()]
