"""Muon for many small matrices: those of one shape are orthogonalised together."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn, optim

# coefficients of the quintic that pushes every singular value towards 1 [jordan2024]
_QUINTIC = (3.4445, -4.7750, 2.0315)
_STEPS = 5
_TINY = 1e-7


class BatchedMuon(optim.Optimizer):
    """Momentum, orthogonalised, with the root mean square of an Adam step [jordan2024].

    It takes the steps of `torch.optim.Muon` with `adjust_lr_fn="match_rms_adamw"`, but works on all
    matrices of one shape at once, in float32 where the processor has no fast bfloat16.
    """

    def __init__(
        self, matrices: list[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        by_shape: dict[torch.Size, list[nn.Parameter]] = {}
        for matrix in matrices:
            by_shape.setdefault(matrix.shape, []).append(matrix)
        groups = [{"params": group} for group in by_shape.values()]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step along the gradients that are there."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            matrices: list[Tensor] = [matrix for matrix in group["params"] if matrix.grad is not None]
            if matrices:
                self._move(matrices, group)
        return loss

    def _move(self, matrices: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [matrix.grad for matrix in matrices if matrix.grad is not None]
        momenta = [self._momentum(matrix) for matrix in matrices]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, momenta, group["momentum"])
        directions = orthogonalised(torch.stack(ahead))
        rows, columns = matrices[0].shape
        # entries of an orthogonal matrix have this root mean square; Adam's steps have about 0.2
        scale = 0.2 * max(rows, columns) ** 0.5
        if group["weight_decay"] > 0:
            torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(matrices, list(directions.unbind()), alpha=-group["lr"] * scale)

    def _momentum(self, matrix: Tensor) -> Tensor:
        state = self.state[matrix]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(matrix)
        momentum: Tensor = state["momentum"]
        return momentum


def orthogonalised(matrices: Float[Tensor, "n r c"]) -> Float[Tensor, "n r c"]:
    """About the nearest matrices with orthonormal rows or columns: singular values between 0.7 and 1.2.

    Newton-Schulz steps are taken on the small Gram matrices, and their product meets each matrix once.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    wide = matrices.mT if tall else matrices
    wide = wide / (wide.norm(dim=(1, 2), keepdim=True) + _TINY)
    gram = wide @ wide.mT
    a, b, c = _QUINTIC
    product = None
    for _ in range(_STEPS):
        # I·a + b·G + c·G², which commutes with G
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=1, dim2=2).add_(a)
        product = factor if product is None else factor @ product
        gram = factor @ gram @ factor
    assert product is not None
    result: Tensor = product @ wide
    return result.mT if tall else result
