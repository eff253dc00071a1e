"""Weights on disk: safetensors with the recipe inside, checked before they are trusted."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from priormix.errors import PriormixError
from priormix.files import write_atomically
from priormix.models import InContextNetwork
from priormix.recipe import Recipe, parse_recipe

FORMAT = "priormix-1"


def build_network(recipe: Recipe) -> InContextNetwork:
    """The freshly initialised network of a recipe."""
    return recipe.network.build(recipe.mixture.dim, recipe.n_points, recipe.seed)


def write_weights(path: Path, network: InContextNetwork, recipe: Recipe) -> None:
    """Write the weights with the recipe in the header; raises PriormixError where that cannot be done."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(path, save(tensors, metadata={"format": FORMAT, "recipe": recipe.to_json()}))


def read_weights(path: Path) -> tuple[InContextNetwork, Recipe]:
    """Read a network and its recipe.

    Raises PriormixError where the file is missing, truncated, not ours, of another version, or does
    not fit the recipe in its own header.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise PriormixError(f"{path}: no such weights file") from None
    except (SafetensorError, OSError) as error:
        raise PriormixError(f"{path}: damaged or not a safetensors file ({error})") from error
    recipe = _recipe_in(metadata, path)
    network = build_network(recipe)
    _check_shapes(network, tensors, path)
    network.load_state_dict(tensors)
    return network, recipe


def _recipe_in(metadata: dict[str, str], path: Path) -> Recipe:
    found = metadata.get("format", "no format mark")
    if found != FORMAT:
        raise PriormixError(f"{path}: written as {found!r}, this version of priormix reads {FORMAT!r}")
    try:
        fields = json.loads(metadata.get("recipe", ""))
    except ValueError:
        raise PriormixError(f"{path}: the header holds no recipe") from None
    return parse_recipe(fields, f"{path}: header")


def _check_shapes(network: InContextNetwork, tensors: dict[str, torch.Tensor], path: Path) -> None:
    expected = {name: (tuple(t.shape), t.dtype) for name, t in network.state_dict().items()}
    received = {name: (tuple(t.shape), t.dtype) for name, t in tensors.items()}
    for name in sorted(expected.keys() | received.keys()):
        if expected.get(name) != received.get(name):
            raise PriormixError(
                f"{path}: tensor {name!r} is {received.get(name, 'absent')}, "
                f"the recipe needs {expected.get(name, 'no such tensor')}"
            )
