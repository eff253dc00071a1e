"""One step of pretraining: its batch, its gradient, its move."""

from typing import Any, Literal

import torch
from torch import Tensor

from priormix.devices import is_fast_in_bfloat16
from priormix.functions import LeadingInputs
from priormix.models import InContextNetwork
from priormix.prompts import Prompts
from priormix.recipe import Recipe
from priormix.training.objective import training_loss
from priormix.training.ranks import ALONE, Ranks
from priormix.training.strategies import fabric_for, is_sharded
from priormix.training.tensor_tree import Tree
from priormix.training.weights import build_network


def training_batch(recipe: Recipe, step: int, device: torch.device) -> Prompts:
    """The prompts of one step, the queries' points last; they depend on the recipe and the step alone."""
    inputs, n_points = recipe.inputs, recipe.n_points
    if recipe.curriculum is not None:
        inputs = LeadingInputs(base=inputs, active=recipe.curriculum.dims.at(step))
        n_points = recipe.curriculum.points.at(step)
    return recipe.mixture.sample(
        recipe.batch,
        n_points + recipe.queries,
        seed=recipe.seed,
        role="train",
        step=step,
        inputs=inputs,
        noise_std=recipe.noise_std,
        device=device,
    )


class Stepper:
    """The network and its optimisers, which take one step at a time.

    Of several ranks each takes its rows of every batch, and all take the same step.
    """

    def __init__(self, recipe: Recipe, device: torch.device, ranks: Ranks = ALONE) -> None:
        self.recipe = recipe
        self._rows = ranks.rows(recipe.batch)
        self._is_first = ranks.is_first
        self.sharded = is_sharded(recipe, device, ranks)
        self.network = build_network(recipe)
        self.precision = _precision(recipe, device)
        self._fabric = fabric_for(device, self.precision, ranks, self.sharded)
        self._model = self._fabric.setup_module(self.network)
        self._optimisers: list[Any] = [
            self._fabric.setup_optimizers(optimiser) for optimiser in recipe.optimiser.build(self.network)
        ]
        self._peaks = [[group["lr"] for group in optimiser.param_groups] for optimiser in self._optimisers]
        self.step_scale = 1.0
        self.device = self._fabric.device

    def factor(self, step: int) -> float:
        """What the step, counted from 0, multiplies every learning rate by."""
        return self.step_scale * self.recipe.schedule.factor(step, self.recipe.steps)

    @property
    def n_optimiser_states(self) -> int:
        """How many numbers the optimisers keep, once a step was taken."""
        states = (state for optimiser in self._optimisers for state in optimiser.state.values())
        return sum(part.numel() for state in states for part in state.values())

    def step(self, step: int) -> Tensor:
        """Take the step and return the loss on this rank's rows, a scalar; does not wait for the device."""
        factor = self.factor(step)
        for optimiser, peaks in zip(self._optimisers, self._peaks, strict=True):
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * factor
        for optimiser in self._optimisers:
            optimiser.zero_grad()
        prompts = training_batch(self.recipe, step, self.device)
        loss = training_loss(self._model, prompts.xs[self._rows], prompts.ys[self._rows], self.recipe.queries)
        self._fabric.backward(loss)
        if self.recipe.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.gradient_clip)
        for optimiser in self._optimisers:
            optimiser.step()
        return loss.detach()

    def own_state(self) -> Tree:
        """What this rank holds of all that the next step depends on: nested tensors and plain values."""
        if not self.sharded:
            return self._held()
        from priormix.training.sharding import own_part

        return own_part(self._held())

    def state(self) -> Tree:
        """All that the next step depends on, besides its number; whole on the first rank.

        All ranks must call it together.
        """
        if not self.sharded:
            return self._held()
        from priormix.training.sharding import gathered

        return gathered(self._held(), keep=self._is_first)

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a whole state; a misfit raises ValueError, KeyError, TypeError or RuntimeError."""
        network, optimisers = state["network"], state["optimisers"]
        if self.sharded:
            from priormix.training.sharding import spread_network, spread_optimiser

            network = spread_network(network, self.network)
            optimisers = [spread_optimiser(*pair) for pair in zip(optimisers, self._optimisers, strict=True)]
        self.network.load_state_dict(network)
        for optimiser, held in zip(self._optimisers, optimisers, strict=True):
            optimiser.load_state_dict(held)
        self.step_scale = state["step_scale"]

    def whole_network(self) -> InContextNetwork:
        """The network, with every weight in one place; all ranks must call it together."""
        if not self.sharded:
            return self.network
        from priormix.training.sharding import gathered

        whole = build_network(self.recipe)
        whole.load_state_dict(gathered(self.network.state_dict(), keep=True))
        return whole.to(self.device)

    def _held(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "step_scale": self.step_scale,
        }


def _precision(recipe: Recipe, device: torch.device) -> Literal["bf16-mixed", "32-true"]:
    wanted = recipe.precision
    if wanted == "auto":
        wanted = "bfloat16" if is_fast_in_bfloat16(device) else "float32"
    return "bf16-mixed" if wanted == "bfloat16" else "32-true"
