"""Muon for many small matrices: those of one shape are orthogonalised together."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn, optim

from priormix.devices import is_fast_in_bfloat16

# coefficients of the quintic that pushes every singular value towards 1 [jordan2024]
_QUINTIC = (3.4445, -4.7750, 2.0315)
_STEPS = 5
# the same in bfloat16, in parts between which rounding errors are mended
_STEPS_IN_PARTS = (2, 2, 1)
_TINY = 1e-7
# from so many rows on, products in bfloat16 are faster than in float32
_LARGE = 96


class BatchedMuon(optim.Optimizer):
    """Momentum, orthogonalised, with the root mean square of an Adam step [jordan2024].

    It takes the steps of `torch.optim.Muon` with `adjust_lr_fn="match_rms_adamw"`, but works on all
    matrices of one shape at once, and in float32 where bfloat16 would be slower.
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
    """About the nearest matrices with orthonormal rows or columns: singular values between 0.7 and 1.2."""
    tall = matrices.shape[1] > matrices.shape[2]
    wide = matrices.mT if tall else matrices
    wide = wide / (wide.norm(dim=(1, 2), keepdim=True) + _TINY)
    if wide.shape[1] >= _LARGE and is_fast_in_bfloat16(wide.device):
        rounded = wide.bfloat16()
        for n_steps in _STEPS_IN_PARTS:
            rounded = _newton_schulz(rounded, n_steps)
        wide = rounded.to(wide.dtype)
    else:
        wide = _newton_schulz(wide, _STEPS)
    return wide.mT if tall else wide


def _newton_schulz(wide: Float[Tensor, "n r c"], n_steps: int) -> Float[Tensor, "n r c"]:
    """The matrices after some steps, which are taken on the small Gram matrices.

    The product of all steps meets each matrix once. Rounding errors of the Gram matrices grow with the steps.
    """
    gram = wide @ wide.mT
    product = factor = _factor(gram)
    for _ in range(n_steps - 1):
        gram = factor @ gram @ factor
        factor = _factor(gram)
        product = factor @ product
    result: Tensor = product @ wide
    return result


def _factor(gram: Float[Tensor, "n r r"]) -> Float[Tensor, "n r r"]:
    """What a step multiplies the matrices by, I·a + b·G + c·G², which commutes with G."""
    a, b, c = _QUINTIC
    factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
    factor.diagonal(dim1=1, dim2=2).add_(a)
    return factor
