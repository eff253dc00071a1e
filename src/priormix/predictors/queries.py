"""Predictions at any number of queries from one context."""

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.predictors.base import Prediction, Predictor

# coordinates in the prompts worked on together; bounds the memory for any number of queries
_NUMBERS = 2**22


def predict_at(
    predictor: Predictor,
    xs: Float[Tensor, "N D"],
    ys: Float[Tensor, " N"],
    queries: Float[Tensor, "M D"],
) -> Prediction:
    """What a predictor says of each of M queries, given the N examples and nothing of the other queries.

    Every query becomes the last point of a prompt of its own. Of the result T is 1: `mean` is (M, 1), and
    so are `variance` and `log_component` (M, 1, C) where the predictor knows them; it has no log_density,
    since the label of a query is not known.
    """
    n_examples, dim = xs.shape
    rows = max(1, _NUMBERS // ((n_examples + 1) * dim))
    answers = [_last(predictor, xs, ys, part) for part in torch.split(queries, rows)]
    return Prediction(
        mean=torch.cat([answer.mean for answer in answers]),
        variance=_joined([answer.variance for answer in answers]),
        log_component=_joined([answer.log_component for answer in answers]),
    )


def _last(predictor: Predictor, xs: Tensor, ys: Tensor, queries: Tensor) -> Prediction:
    n_queries = len(queries)
    points = torch.cat([xs.expand(n_queries, -1, -1), queries[:, None]], 1)
    # a predictor's answer does not depend on the label of the point that is asked for
    labels = torch.cat([ys.expand(n_queries, -1), ys.new_zeros(n_queries, 1)], 1)
    answer = predictor.predict(points, labels)
    variance, log_component = answer.variance, answer.log_component
    return Prediction(
        mean=answer.mean[:, -1:],
        variance=None if variance is None else variance[:, -1:],
        log_component=None if log_component is None else log_component[:, -1:],
    )


def _joined(parts: list[Tensor | None]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.cat(known) if known else None
