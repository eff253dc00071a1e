"""Decision trees that split on the signs of coordinates."""

from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from priormix.functions.base import Dim, FunctionClass, Functions, single_component


class TreeFunctions(Functions):
    """Full binary trees in heap order: coordinates (B, 2^depth − 1) to split on, leaves (B, 2^depth)."""

    def __init__(self, coordinates: Int[Tensor, "B N"], leaves: Float[Tensor, "B L"], depth: int) -> None:
        self.coordinates = coordinates
        self.leaves = leaves
        self.depth = depth
        self.component = single_component(leaves.shape[0], leaves.device)

    def __call__(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        node = torch.zeros(xs.shape[:2], dtype=torch.long, device=xs.device)
        for _ in range(self.depth):
            coordinate = self.coordinates.gather(1, node)
            positive = xs.gather(2, coordinate[..., None])[..., 0] > 0
            node = 2 * node + 1 + positive
        return self.leaves.gather(1, node - self.coordinates.shape[1])


class DecisionTree(FunctionClass):
    """A full binary tree that splits on the sign of a uniformly drawn coordinate at every inner node.

    The 2^depth leaves hold independent N(0, 1) values, so f(x) has unit variance [garg2022].
    """

    kind: Literal["decision_tree"] = "decision_tree"
    dim: Dim = 20
    depth: Annotated[int, Field(ge=1, le=12, description="number of splits on every path")] = 4

    def draw(self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> TreeFunctions:
        """Draw n trees with coordinates (n, 2^depth − 1) and leaves (n, 2^depth)."""
        device = generator.device
        n_leaves = 2**self.depth
        coordinates = torch.randint(self.dim, (n, n_leaves - 1), generator=generator, device=device)
        leaves = torch.randn(n, n_leaves, generator=generator, dtype=dtype, device=device)
        return TreeFunctions(coordinates, leaves, self.depth)
