"""What a step of pretraining makes smaller."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def training_loss(
    network: Callable[..., Tensor], xs: Float[Tensor, "B N D"], ys: Float[Tensor, "B N"], queries: int
) -> Float[Tensor, ""]:
    """Mean squared error over the prompts and their prefixes, in squared units of y.

    The last `queries` points are no part of the prompts. Where there are any, the error of a prefix is the
    mean over them and over all later points of its prompt; else it is that of the next point.
    """
    if not queries:
        return (network(xs, ys) - ys).square().mean()
    n_points = xs.shape[1] - queries
    errors = (network(xs[:, :n_points], ys[:, :n_points], xs) - ys[:, None]).square()
    later = torch.ones(n_points, n_points + queries, device=xs.device).triu()
    return (errors * (later / later.sum(1, keepdim=True))).sum((1, 2)).mean() / n_points
