"""Networks whose weights, gradients and optimiser are spread over the processes of a run."""

import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn, optim
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from priormix.training.tensor_tree import Tree, mapped

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh


def shard(network: nn.Module, mesh: "DeviceMesh") -> nn.Module:
    """Spread the network over the mesh, so that one layer at a time is whole while it computes.

    The members of every ModuleList are layers; the rest of the network is one more.
    """
    # it warns of operations in place on a network's output, of which there are none here
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module")
    for layer in layers_of(network):
        fully_shard(layer, mesh=mesh)
    fully_shard(network, mesh=mesh, reshard_after_forward=True)
    return network


def layers_of(network: nn.Module) -> list[nn.Module]:
    """The parts of a network that are made whole one at a time."""
    lists = [module for module in network.modules() if isinstance(module, nn.ModuleList)]
    return [layer for found in lists for layer in found]


def own_part(tree: Tree) -> Tree:
    """The same tree with the parts that this process holds."""
    return mapped(tree, lambda tensor: tensor.to_local() if isinstance(tensor, DTensor) else tensor)


def gathered(tree: Tree, keep: bool) -> Tree:
    """The same tree with whole tensors in the memory of the host, or with empty ones where not kept.

    All processes must call it; tensors are made whole one at a time.
    """

    def gather(tensor: Tensor) -> Tensor:
        whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        return whole.cpu() if keep else torch.empty(0)

    return mapped(tree, gather)


def spread_network(whole: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """A state dict of whole tensors as one that the sharded network can load."""
    parts = network.state_dict()
    return {name: _spread(tensor, parts.get(name)) for name, tensor in whole.items()}


def spread_optimiser(whole: dict[str, Any], optimiser: optim.Optimizer) -> dict[str, Any]:
    """A state dict of whole tensors as one that the optimiser of sharded parameters can load."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    spread = {
        index: {name: _spread(value, parameters[index]) for name, value in state.items()}
        for index, state in whole["state"].items()
    }
    return {**whole, "state": spread}


def _spread(whole: Any, like: Tensor | None) -> Any:
    """This process's part of a whole tensor that belongs to a sharded one; others as they are."""
    if not isinstance(like, DTensor) or not isinstance(whole, Tensor) or whole.shape != like.shape:
        return whole
    on_device = whole.to(like.device)
    # every process has the whole tensor already
    return distribute_tensor(on_device, like.device_mesh, like.placements, src_data_rank=None)
