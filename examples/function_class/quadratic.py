"""Paraboloids f(x) = β (|x|²/dim − 1), β ~ N(0, 1): a function class that a package adds to priormix."""

from typing import Literal

import torch

from priormix.functions import FunctionClass, Functions


class QuadraticFunctions(Functions):
    def __init__(self, curvature):
        self.curvature = curvature
        self.component = torch.zeros_like(curvature, dtype=torch.long)

    def __call__(self, xs):
        return self.curvature[:, None] * (xs.square().mean(dim=2) - 1)


class Quadratic(FunctionClass):
    kind: Literal["quadratic"] = "quadratic"
    dim: int = 4

    def draw(self, n, generator, dtype=torch.float32):
        return QuadraticFunctions(torch.randn(n, generator=generator, dtype=dtype, device=generator.device))
