"""What a run will cost, before it runs: parameters, operations, memory and time."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from priormix.models import InContextNetwork
from priormix.recipe import Recipe
from priormix.training.memory import BYTES_A_PARAMETER, memory_of_this_machine, outline_network
from priormix.training.objective import training_loss
from priormix.training.ranks import Ranks, Strategy
from priormix.training.stepper import Stepper
from priormix.training.strategies import COPIES, SHARE_FOR_COPIES, is_sharded

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
    backward pass keeps of one batch, on one device; `memory_bytes_a_device` is a device's part where
    `devices` share the run, `sharded` where each holds a part of the network. `seconds` is what the run
    takes on one device, by trial steps on it, validation left out, and None where it does not fit into this
    machine's memory; `h100_seconds` is an estimate from published figures, not a measurement, for as many
    such cards as there are devices, without the time in which they wait for each other.
    """

    parameters: int
    flops_per_prompt: int
    memory_bytes: int
    memory_bytes_a_device: int
    devices: int
    sharded: bool
    seconds: float | None
    h100_seconds: float

    def in_words(self) -> dict[str, str]:
        """Every number with its unit."""
        words = {
            "parameters": f"{self.parameters:,}",
            "matrix products a prompt": f"{self.flops_per_prompt / 1e9:.3g}·10⁹ operations, both ways",
            "memory": _memory(self.memory_bytes),
        }
        cards = "an H100"
        if self.devices > 1:
            held = "a part of the network" if self.sharded else "a copy of the network"
            cards = f"{self.devices} H100s"
            words["memory of each device"] = (
                f"{_memory(self.memory_bytes_a_device)}, {self.devices} with {held} each"
            )
        here = "it does not fit into the memory of this machine"
        if self.seconds is not None:
            here = f"{_duration(self.seconds)}, from trial steps"
        words["time on one device here"] = here
        words[f"time on {cards}"] = f"{_duration(self.h100_seconds)}, an estimate from its data sheet"
        return words


def plan(recipe: Recipe, device: torch.device, devices: int = 1, strategy: Strategy = "auto") -> Plan:
    """Work out what the run costs; takes a few trial steps on the device, which change nothing on disk.

    Raises PriormixError for a strategy that the recipe or the number of devices does not allow.
    """
    network = outline_network(recipe)
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    flops, kept = _of_one_prompt(network, recipe)
    # Adam's, until trial steps have shown what the optimiser keeps
    seconds, n_states = None, 2 * n_parameters
    if COPIES * BYTES_A_PARAMETER * n_parameters < SHARE_FOR_COPIES * memory_of_this_machine():
        seconds, n_states = _trial(recipe, device)
    held = BYTES_A_PARAMETER * (2 * n_parameters + n_states)
    sharded = is_sharded(recipe, device, Ranks(size=devices, strategy=strategy))
    return Plan(
        parameters=n_parameters,
        flops_per_prompt=flops,
        memory_bytes=held + kept * recipe.batch,
        memory_bytes_a_device=(held // devices if sharded else held) + kept * recipe.batch // devices,
        devices=devices,
        sharded=sharded,
        seconds=None if seconds is None else seconds * recipe.steps,
        h100_seconds=recipe.steps * _h100_step(flops * recipe.batch // devices, recipe),
    )


def training_flops(recipe: Recipe) -> int:
    """Floating-point operations of the matrix products for one prompt of full length, both ways."""
    return _of_one_prompt(outline_network(recipe), recipe)[0]


def _of_one_prompt(network: InContextNetwork, recipe: Recipe) -> tuple[int, int]:
    """Operations, and bytes that the backward pass keeps, of a network without numbers."""
    xs = torch.empty(1, recipe.n_points + recipe.queries, recipe.mixture.dim, device="meta")
    kept: dict[int, int] = {}
    weights = {_identity(parameter) for parameter in network.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        if _identity(tensor) not in weights:
            kept[_identity(tensor)] = tensor.untyped_storage().nbytes()
        return tensor

    with (
        FlopCounterMode(display=False) as counter,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        loss = training_loss(network, xs, torch.empty_like(xs[..., 0]), recipe.queries)
        torch.autograd.backward(loss)
    return counter.get_total_flops(), sum(kept.values())


def _identity(tensor: Tensor) -> int:
    """What tensors with the same storage share, even where they hold no numbers."""
    return int(tensor.untyped_storage()._cdata)


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


def _memory(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:,.0f} MiB" if n_bytes < 2**34 else f"{n_bytes / 2**30:,.0f} GiB"


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} seconds"
