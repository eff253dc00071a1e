"""One step of pretraining: its batch, its gradient, its move."""

from typing import Any, Literal

import torch
from torch import Tensor

from priormix.devices import is_fast_in_bfloat16
from priormix.functions import LeadingInputs
from priormix.prompts import Prompts
from priormix.recipe import Recipe
from priormix.training.weights import build_network


def training_batch(recipe: Recipe, step: int, device: torch.device) -> Prompts:
    """The prompts of one step; they depend on the recipe and the step alone."""
    inputs, n_points = recipe.inputs, recipe.n_points
    if recipe.curriculum is not None:
        inputs = LeadingInputs(base=inputs, active=recipe.curriculum.dims.at(step))
        n_points = recipe.curriculum.points.at(step)
    return recipe.mixture.sample(
        recipe.batch,
        n_points,
        seed=recipe.seed,
        role="train",
        step=step,
        inputs=inputs,
        noise_std=recipe.noise_std,
        device=device,
    )


class Stepper:
    """The network and its optimisers, which take one step at a time."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe = recipe
        self.network = build_network(recipe)
        # here, as it takes longer to load than a network that is only asked
        from lightning_fabric import Fabric

        self.precision = _precision(recipe, device)
        self._fabric = Fabric(
            accelerator=device.type,
            devices=1 if device.index is None else [device.index],
            precision=self.precision,
        )
        self._model, *self._optimisers = self._fabric.setup(
            self.network, *recipe.optimiser.build(self.network)
        )
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
        """Take the step and return its loss, a scalar on the device; nothing here waits for the device."""
        factor = self.factor(step)
        for optimiser, peaks in zip(self._optimisers, self._peaks, strict=True):
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * factor
        for optimiser in self._optimisers:
            optimiser.zero_grad()
        prompts = training_batch(self.recipe, step, self.device)
        loss: Tensor = (self._model(prompts.xs, prompts.ys) - prompts.ys).square().mean()
        self._fabric.backward(loss)
        if self.recipe.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.gradient_clip)
        for optimiser in self._optimisers:
            optimiser.step()
        return loss.detach()

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, besides its number: nested tensors and plain values."""
        return {
            "network": self.network.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "step_scale": self.step_scale,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a state; a misfit raises ValueError, KeyError, TypeError or RuntimeError."""
        self.network.load_state_dict(state["network"])
        for optimiser, held in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(held)
        self.step_scale = state["step_scale"]


def _precision(recipe: Recipe, device: torch.device) -> Literal["bf16-mixed", "32-true"]:
    wanted = recipe.precision
    if wanted == "auto":
        wanted = "bfloat16" if is_fast_in_bfloat16(device) else "float32"
    return "bf16-mixed" if wanted == "bfloat16" else "32-true"
