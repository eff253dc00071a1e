"""What predictors are tested on."""

from typing import Annotated

import torch
from pydantic import Field, PositiveInt, model_validator

from priormix.functions import AnyFunctionClass, AnyInputs, GaussianInputs
from priormix.kinds import Frozen
from priormix.prompts import Prompts


class Scenario(Frozen):
    """Functions, inputs, noise and prompt length to test on; `name` is how tables and figures call it.

    `n_points` is the number T of points in a prompt: predictions are made after 0, ..., T − 1 examples.
    `noise_std` is in units of y.
    """

    name: str
    functions: AnyFunctionClass
    n_points: PositiveInt = 41
    inputs: AnyInputs = GaussianInputs()
    noise_std: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _inputs_fit(self) -> "Scenario":
        self.inputs.check_dim(self.functions.dim)
        return self

    def prompts(self, n_prompts: int, *, seed: int = 0, device: torch.device | str | None = None) -> Prompts:
        """Draw the scenario's prompts; every predictor meets the same ones for the same seed.

        They have double precision where the device has it: exact predictors tell by the last digits
        whether a hypothesis interpolates the examples.
        """
        single = device is not None and torch.device(device).type == "mps"
        return self.functions.sample(
            n_prompts,
            self.n_points,
            seed=seed,
            role="evaluation",
            inputs=self.inputs,
            noise_std=self.noise_std,
            device=device,
            dtype=torch.float32 if single else torch.float64,
        )
