"""Keeps the latest posteriors: a mixture and its components are asked about the same prompts in turn."""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.posterior.base import Posterior


@dataclass(frozen=True)
class _Entry:
    model: Hashable
    xs: Tensor
    ys: Tensor
    found: Posterior

    def answers(self, model: Hashable, xs: Tensor, ys: Tensor) -> bool:
        same_place = self.xs.device == xs.device and self.xs.shape == xs.shape
        return self.model == model and same_place and torch.equal(self.xs, xs) and torch.equal(self.ys, ys)


class Recent:
    """The last `size` posteriors, whoever asked for them."""

    def __init__(self, size: int) -> None:
        self._entries: deque[_Entry] = deque(maxlen=size)

    def get(
        self,
        model: Hashable,
        xs: Float[Tensor, "B T D"],
        ys: Float[Tensor, "B T"],
        find: Callable[[], Posterior],
    ) -> Posterior:
        """The posterior of a model, which holds all that it depends on besides the prompts; else `find()`.

        What is returned is shared and must not be changed.
        """
        for entry in tuple(self._entries):
            if entry.answers(model, xs, ys):
                return entry.found
        found = find()
        # copies, since callers may write into their prompts
        self._entries.append(_Entry(model, xs.clone(), ys.clone(), found))
        return found
