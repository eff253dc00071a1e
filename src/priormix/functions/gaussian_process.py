"""Functions drawn from a Gaussian process."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from priormix.errors import PriormixError
from priormix.functions.base import Dim, FunctionClass, Functions, single_component
from priormix.functions.kernels import AnyKernel, Kernel, SquaredExponential

# relative to the variance: what float64 needs to factorise the covariance of smooth functions
NUGGET = 1e-10


def nugget(kernel: Kernel, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
    """The variance that stands on the diagonal beside k(x, x): 1e-10 · k(x, x).

    Near points where k(x, x) vanishes it is 1e-10 · k at |x|² = dim, which is a kernel's usual scale.
    """
    usual = kernel.diagonal(torch.ones_like(xs[:1, :1]))
    return NUGGET * kernel.diagonal(xs).maximum(usual)


class GaussianPaths(Functions):
    """n sample paths that are drawn where they are asked for, and remember it.

    Values at new points are drawn given all the values before, in float64, from the exact conditional
    of the kernel plus the `nugget`, an independent jitter of 1e-5 standard deviations at every distinct
    point. A point that was met before has the value that it had. M points so far make T new ones cost
    O(T (M + T)²) a path, and 8 (M + T)² bytes.

    The points in their order determine the values, and calls may split them in any way. Asking for other
    points reveals another path: unlike functions with coefficients, these cannot be the same whatever
    the inputs are.

    Raises:
        PriormixError: more points, or wilder ones, than float64 can tell apart.
    """

    def __init__(self, kernel: Kernel, dim: int, component: Int[Tensor, " n"], seed: int) -> None:
        self.kernel = kernel
        self.component = component
        # MPS has no float64
        device = torch.device("cpu") if component.device.type == "mps" else component.device
        self._generator = torch.Generator(device=device).manual_seed(seed)
        n = len(component)
        self._points = torch.zeros(n, 0, dim, dtype=torch.float64, device=device)
        self._root = self._points.new_zeros(n, 0, 0)
        self._values = self._white = self._points[..., 0]

    def __call__(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        """Evaluate path b at the points xs[b]; the result has the precision and device of xs."""
        known = self._points.shape[1]
        points = torch.cat([self._points, xs.to(self._points)], 1)
        first = _first_equal(points, known)
        rows = self._root_rows(points)
        white = torch.cat([self._white, self._draw_white(xs.shape[1])], 1)
        drawn = (rows @ white[..., None])[..., 0]
        # what was drawn for a point met before is not used, as if its label had been hidden
        values = torch.cat([self._values, drawn], 1).gather(1, first)
        self._root = torch.cat([torch.nn.functional.pad(self._root, (0, xs.shape[1])), rows], 1)
        self._points, self._white = points, white
        self._values = torch.cat([self._values, values], 1)
        return values.to(xs)

    def _root_rows(self, points: Float[Tensor, "B M D"]) -> Float[Tensor, "B T M"]:
        """The rows that new points add to the Cholesky root of the covariance."""
        known = self._points.shape[1]
        new = points[:, known:]
        covariance = self.kernel(new, points)
        within = covariance[..., known:] + torch.diag_embed(nugget(self.kernel, new))
        outer = torch.linalg.solve_triangular(self._root, covariance[..., :known].mT, upper=False).mT
        inner, info = torch.linalg.cholesky_ex(within - outer @ outer.mT)
        if info.any():
            raise PriormixError(
                f"a Gaussian process with the kernel {self.kernel.kind!r} cannot be drawn at these "
                f"{points.shape[1]} points: x is not finite, or float64 cannot tell the values apart"
            )
        return torch.cat([outer, inner], 2)

    def _draw_white(self, n_points: int) -> Float[Tensor, "B T"]:
        """Standard normals, one call a point, so that it does not matter how calls split the points."""
        like = self._points
        draws = [
            torch.randn(len(like), generator=self._generator, dtype=like.dtype, device=like.device)
            for _ in range(n_points)
        ]
        return torch.stack(draws, 1)


class GaussianProcess(FunctionClass):
    """f ~ GP(0, kernel): the values at any points are jointly normal [rasmussen2006].

    Length scales count in units of x, so for standard normal x in many dimensions they should grow like
    √dim. Draws are exact up to the `nugget` of 1e-5 standard deviations; see `GaussianPaths`.
    """

    kind: Literal["gaussian_process"] = "gaussian_process"
    dim: Dim = 1
    kernel: AnyKernel = SquaredExponential()

    def draw(self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> GaussianPaths:
        """Draw n paths, with a generator of their own that is seeded from this one."""
        device = generator.device
        seed = int(torch.randint(2**62, (1,), generator=generator, device=device))
        return GaussianPaths(self.kernel, self.dim, single_component(n, device), seed)


def _first_equal(points: Float[Tensor, "B M D"], known: int) -> Int[Tensor, "B T"]:
    """For every point from number `known` on the number of the first point that equals it."""
    # the largest difference of any coordinate is 0
    equal = torch.cdist(points[:, known:], points, p=torch.inf) == 0
    # NaN differs from itself, and shall not pass for point 0
    equal.diagonal(offset=known, dim1=1, dim2=2).fill_(True)
    return equal.byte().argmax(2)
