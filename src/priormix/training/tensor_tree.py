"""Nested state as named tensors beside JSON, so that nothing has to be pickled."""

from collections.abc import Callable
from math import inf
from typing import Any

import torch
from torch import Tensor

Tree = Any
"""Tensors and plain values (None, bool, int, float, str) in dicts, lists and tuples."""


def flatten(tree: Tree) -> tuple[dict[str, Tensor], Any]:
    """The tensors of a tree by their paths, and the rest as JSON data that refers to them.

    Raises TypeError for a value that is neither a tensor nor plain.
    """
    tensors: dict[str, Tensor] = {}
    return tensors, _outline(tree, "", tensors)


def unflatten(tensors: dict[str, Tensor], outline: Any) -> Tree:
    """The tree that `flatten` took apart; raises ValueError where the outline is not one of its making."""
    match outline:
        case {"tensor": str(path)} if path in tensors:
            return tensors[path]
        case {"dict": list(pairs)}:
            return {key: unflatten(tensors, value) for key, value in pairs}
        case {"list": list(items)}:
            return [unflatten(tensors, item) for item in items]
        case {"tuple": list(items)}:
            return tuple(unflatten(tensors, item) for item in items)
        case None | bool() | int() | float() | str():
            return outline
    raise ValueError(f"not the outline of a state: {outline!r}")


def copied(tree: Tree) -> Tree:
    """The same tree with tensors of its own, in the memory of the host."""
    return mapped(tree, lambda tensor: tensor.to("cpu", copy=True))


def mapped(tree: Tree, change: Callable[[Tensor], Tensor]) -> Tree:
    """The same tree with every tensor changed, one after the other in the tree's order."""
    tensors, outline = flatten(tree)
    return unflatten({path: change(tensor) for path, tensor in tensors.items()}, outline)


def first_not_finite(tree: Tree) -> str | None:
    """The path of a tensor that holds NaN or infinity; waits for the device once."""
    tensors = {path: t for path, t in flatten(tree)[0].items() if t.is_floating_point() and t.numel()}
    if not tensors:
        return None
    # the largest absolute value: NaN and infinity show in it, large finite numbers do not overflow
    largest = torch._foreach_norm(list(tensors.values()), inf)
    finite = torch.stack([each.isfinite() for each in largest])
    return None if bool(finite.all()) else list(tensors)[finite.tolist().index(False)]


def _outline(tree: Tree, path: str, tensors: dict[str, Tensor]) -> Any:
    match tree:
        case Tensor():
            tensors[path] = tree.detach()
            return {"tensor": path}
        case dict():
            return {
                "dict": [[key, _outline(value, _below(path, key), tensors)] for key, value in tree.items()]
            }
        case list() | tuple():
            items = [_outline(value, _below(path, index), tensors) for index, value in enumerate(tree)]
            return {"list" if isinstance(tree, list) else "tuple": items}
        case None | bool() | int() | float() | str():
            return tree
    raise TypeError(f"{path}: a state cannot hold a {type(tree).__name__}")


def _below(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)
