"""How the processes of a run share its work: whole copies of the network, or a part of it each."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from priormix.errors import PriormixError
from priormix.optimisation import Optimiser
from priormix.recipe import Recipe
from priormix.training.memory import BYTES_A_PARAMETER, outline_network
from priormix.training.ranks import Ranks

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch.distributed.device_mesh import DeviceMesh

# weights, gradients and two numbers of an optimiser
COPIES = 4
# of a memory, which activations need too
SHARE_FOR_COPIES = 0.6


def is_sharded(recipe: Recipe, device: torch.device, ranks: Ranks) -> bool:
    """Whether the network is sharded over the processes; "auto" shards what does not fit on one card.

    Raises PriormixError for one process, and for an optimiser that needs whole matrices.
    """
    if ranks.strategy == "fsdp" and ranks.size == 1:
        raise PriormixError(
            "strategy: fsdp spreads a network over devices and needs at least 2, see --devices"
        )
    if ranks.size == 1 or ranks.strategy == "ddp":
        return False
    if ranks.strategy == "auto" and _fits(recipe, device):
        return False
    if not recipe.optimiser.elementwise:
        known = Optimiser.family.members()
        allowed = [kind for kind, member in known.items() if getattr(member, "elementwise", False)]
        raise PriormixError(
            f"optimiser: {recipe.optimiser.kind!r} needs whole matrices, which a network spread over devices "
            f"(fsdp) does not have; allowed: {', '.join(allowed)}, or --strategy ddp"
        )
    return True


def fabric_for(device: torch.device, precision: Any, ranks: Ranks, sharded: bool) -> "Fabric":
    """What sets the network up on this process's device."""
    # here, as it takes longer to load than a network that is only asked
    from lightning_fabric import Fabric

    if ranks.size == 1:
        devices: Any = 1 if device.index is None else [device.index]
        with _quietly():
            return Fabric(accelerator=device.type, devices=devices, precision=precision)

    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
    from lightning_fabric.strategies.ddp import DDPStrategy
    from lightning_fabric.strategies.model_parallel import ModelParallelStrategy

    with _quietly():
        fabric = Fabric(
            accelerator=device.type,
            devices=ranks.local_size,
            num_nodes=ranks.size // ranks.local_size,
            strategy=ModelParallelStrategy(_shard, ranks.size, 1) if sharded else DDPStrategy(),
            precision=precision,
            plugins=[TorchElasticEnvironment()],
        )
        fabric.launch()
    return fabric


@contextmanager
def _quietly() -> Iterator[None]:
    """Fabric would announce the precision and the processes, which recipe and command have said already."""
    log = logging.getLogger("lightning_fabric")
    before = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(before)


def _shard(network: torch.nn.Module, mesh: "DeviceMesh") -> torch.nn.Module:
    from priormix.training.sharding import shard

    return shard(network, mesh["data_parallel"])


def _fits(recipe: Recipe, device: torch.device) -> bool:
    if device.type != "cuda":
        return True
    parameters = sum(parameter.numel() for parameter in outline_network(recipe).parameters())
    present = torch.cuda.get_device_properties(device).total_memory
    return BYTES_A_PARAMETER * COPIES * parameters < SHARE_FOR_COPIES * present
