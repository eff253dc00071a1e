"""What a run will cost, before it runs: parameters, operations, memory and time."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from priormix.models import InContextNetwork
from priormix.recipe import Recipe
from priormix.training.stepper import Stepper
from priormix.training.weights import build_network

# a trial step takes less than so long; larger batches are scaled up from a smaller one
_SECONDS_A_TRIAL = 20.0
_TRIALS = 5
# what an H100 is credited with: dense bfloat16 operations a second by its data sheet, the share of them
# that such networks reach, and the time to launch the kernels of a step, per layer
_H100_PEAK = 989e12
_H100_SHARE = 0.3
_H100_SECONDS_A_LAYER = 5e-4


@dataclass(frozen=True)
class Plan:
    """The cost of a run.

    `flops_per_prompt` counts the floating-point operations of the matrix products, forward and backward,
    of one prompt of full length. `memory_bytes` is that of weights, gradients, optimiser and what the
    backward pass keeps of one batch. `seconds` is what the run takes on the device, by trial steps on it,
    validation left out; `h100_seconds` is an estimate from published figures, not a measurement.
    """

    parameters: int
    flops_per_prompt: int
    memory_bytes: int
    seconds: float
    h100_seconds: float

    def in_words(self) -> dict[str, str]:
        """Every number with its unit."""
        return {
            "parameters": f"{self.parameters:,}",
            "matrix products a prompt": f"{self.flops_per_prompt / 1e9:.3g}·10⁹ operations, both ways",
            "memory": f"{self.memory_bytes / 2**20:,.0f} MiB",
            "time on this machine": f"{_duration(self.seconds)}, from trial steps",
            "time on an H100": f"{_duration(self.h100_seconds)}, an estimate from its data sheet",
        }


def plan(recipe: Recipe, device: torch.device) -> Plan:
    """Work out what the run costs; takes a few trial steps on the device, which change nothing on disk."""
    network = build_network(recipe)
    flops, kept = _of_one_prompt(network, recipe)
    seconds, n_states = _trial(recipe, device)
    return Plan(
        parameters=network.n_parameters,
        flops_per_prompt=flops,
        memory_bytes=4 * (2 * network.n_parameters + n_states) + kept * recipe.batch,
        seconds=seconds * recipe.steps,
        h100_seconds=recipe.steps * _h100_step(flops * recipe.batch, recipe),
    )


def training_flops(recipe: Recipe) -> int:
    """Floating-point operations of the matrix products for one prompt of full length, both ways."""
    return _of_one_prompt(build_network(recipe), recipe)[0]


def _of_one_prompt(network: InContextNetwork, recipe: Recipe) -> tuple[int, int]:
    """Operations, and bytes that the backward pass keeps."""
    prompt = recipe.mixture.sample(1, recipe.n_points)
    kept: dict[int, int] = {}
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with (
        FlopCounterMode(display=False) as counter,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        network(prompt.xs, prompt.ys).square().mean().backward()
    return counter.get_total_flops(), sum(kept.values())


def _trial(recipe: Recipe, device: torch.device) -> tuple[float, int]:
    """Seconds of a step, and how many numbers the optimisers keep."""
    batch = recipe.batch
    stepper = Stepper(recipe.model_copy(update={"batch": 1}), device)
    _seconds(stepper)
    while batch > 1 and _seconds(stepper) * batch > _SECONDS_A_TRIAL:
        batch //= 2
    stepper = Stepper(recipe.model_copy(update={"batch": batch}), device)
    # the first step also allocates
    _seconds(stepper)
    seconds = sorted(_seconds(stepper) for _ in range(_TRIALS))
    return seconds[_TRIALS // 2] * recipe.batch / batch, stepper.n_optimiser_states


def _seconds(stepper: Stepper) -> float:
    started = time.perf_counter()
    # reading the loss waits for the device
    float(stepper.step(0))
    return time.perf_counter() - started


def _h100_step(flops: int, recipe: Recipe) -> float:
    layers = getattr(recipe.network.backbone, "layers", 12)
    return max(flops / (_H100_PEAK * _H100_SHARE), layers * _H100_SECONDS_A_LAYER)


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} seconds"
