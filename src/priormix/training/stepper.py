"""One step of pretraining: its batch, its gradient, its move."""

from typing import Literal

import torch
from lightning_fabric import Fabric
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
        self._fabric = Fabric(
            accelerator=device.type,
            devices=1 if device.index is None else [device.index],
            precision=_precision(recipe, device),
        )
        self._model, *self._optimisers = self._fabric.setup(
            self.network, *recipe.optimiser.build(self.network)
        )
        groups = [group for optimiser in self._optimisers for group in optimiser.param_groups]
        self._peaks = [(group, group["lr"]) for group in groups]
        self.device = self._fabric.device

    @property
    def n_optimiser_states(self) -> int:
        """How many numbers the optimisers keep, once a step was taken."""
        states = (state for optimiser in self._optimisers for state in optimiser.state.values())
        return sum(part.numel() for state in states for part in state.values())

    def step(self, step: int) -> Tensor:
        """Take the step and return its loss, a scalar on the device; nothing here waits for the device."""
        factor = self.recipe.schedule.factor(step, self.recipe.steps)
        for group, peak in self._peaks:
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


def _precision(recipe: Recipe, device: torch.device) -> Literal["bf16-mixed", "32-true"]:
    wanted = recipe.precision
    if wanted == "auto":
        wanted = "bfloat16" if is_fast_in_bfloat16(device) else "float32"
    return "bf16-mixed" if wanted == "bfloat16" else "32-true"
