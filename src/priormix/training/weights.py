"""Weights on disk: safetensors with the recipe inside, checked before they are trusted."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from priormix.errors import PriormixError
from priormix.files import write_atomically
from priormix.models import InContextNetwork, Transformer
from priormix.recipe import Recipe, parse_recipe
from priormix.training.memory import check_fits, outline_network
from priormix.training.tensor_tree import first_not_finite

FORMAT = "priormix-2"
# its header held format and recipe as entries of their own, and no checksum; its transformers had all
# queries first, then all keys and all values
FIRST_FORMAT = "priormix-1"


def build_network(recipe: Recipe) -> InContextNetwork:
    """The freshly initialised network of a recipe; raises PriormixError where no memory holds it."""
    check_fits(recipe)
    return recipe.network.build(recipe.mixture.dim, recipe.n_points, recipe.seed)


def write_weights(path: Path, network: InContextNetwork, recipe: Recipe) -> None:
    """Write the weights with the recipe and a checksum in the header; the same ones give the same file.

    Raises PriormixError where that cannot be done, and for weights that are not finite; what was there
    before stays.
    """
    tensors = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    where = first_not_finite(tensors)
    if where is not None:
        raise PriormixError(f"{path}: not written, the weights are not finite (tensor {where!r})")
    header = {
        "format": FORMAT,
        "recipe": recipe.model_dump(mode="json"),
        "sha256": _checksum(tensors),
    }
    # a single entry: safetensors writes several in an order that changes from run to run
    write_atomically(path, save(tensors, metadata={"priormix": json.dumps(header, sort_keys=True)}))


def read_weights(path: Path) -> tuple[InContextNetwork, Recipe]:
    """Read a network and its recipe.

    Raises PriormixError where the file is missing, truncated, changed, not ours, of an unknown version, or
    does not fit the recipe in its own header.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise PriormixError(f"{path}: no such weights file") from None
    except (SafetensorError, OSError) as error:
        raise PriormixError(f"{path}: damaged or not a safetensors file ({error})") from error
    header = _header(metadata, path)
    if header["format"] != FIRST_FORMAT and header.get("sha256") != _checksum(tensors):
        raise PriormixError(f"{path}: damaged, its tensors do not match the checksum in its header")
    recipe = parse_recipe(_with_head(header.get("recipe")), f"{path}: header")
    # before anything is allocated: the file alone says how large the network may be
    _check_shapes(outline_network(recipe), tensors, path)
    if header["format"] == FIRST_FORMAT:
        tensors = _head_by_head(tensors, recipe)
    network = build_network(recipe)
    network.load_state_dict(tensors)
    return network, recipe


def _with_head(fields: Any) -> Any:
    """The fields of a recipe; those from before there was a choice of heads had the linear one."""
    if isinstance(fields, dict) and isinstance(fields.get("network"), dict):
        return {**fields, "network": {"head": "linear", **fields["network"]}}
    return fields


def _head_by_head(tensors: dict[str, torch.Tensor], recipe: Recipe) -> dict[str, torch.Tensor]:
    """The tensors of the first format with queries, keys and values of a head side by side."""
    backbone = recipe.network.backbone
    if not isinstance(backbone, Transformer):
        return tensors
    split = (3, backbone.heads, backbone.width // backbone.heads)
    return {
        name: tensor.reshape(*split, *tensor.shape[1:]).transpose(0, 1).reshape(tensor.shape)
        if ".attention_in." in name
        else tensor
        for name, tensor in tensors.items()
    }


def _header(metadata: dict[str, str], path: Path) -> dict[str, Any]:
    """What the file says of itself, whichever known format it has."""
    try:
        if "priormix" in metadata:
            header = json.loads(metadata["priormix"])
        else:
            header = {**metadata, "recipe": json.loads(metadata.get("recipe", "null"))}
    except (ValueError, RecursionError):
        raise PriormixError(f"{path}: the header holds no recipe") from None
    found = header.get("format", "no format mark") if isinstance(header, dict) else "no format mark"
    if found not in (FORMAT, FIRST_FORMAT):
        raise PriormixError(
            f"{path}: written as {found!r}, this version of priormix reads {FIRST_FORMAT!r} and {FORMAT!r}; "
            f"load it with the version of priormix that wrote it"
        )
    assert isinstance(header, dict)
    return header


def _checksum(tensors: dict[str, torch.Tensor]) -> str:
    """A hash of names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _check_shapes(network: nn.Module, tensors: dict[str, torch.Tensor], path: Path) -> None:
    expected = {name: (tuple(t.shape), t.dtype) for name, t in network.state_dict().items()}
    received = {name: (tuple(t.shape), t.dtype) for name, t in tensors.items()}
    for name in sorted(expected.keys() | received.keys()):
        if expected.get(name) != received.get(name):
            raise PriormixError(
                f"{path}: tensor {name!r} is {received.get(name, 'absent')}, "
                f"the recipe needs {expected.get(name, 'no such tensor')}"
            )
