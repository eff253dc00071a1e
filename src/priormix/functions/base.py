"""What a function class is: a distribution over functions, drawn from and evaluated anywhere."""

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from priormix.functions.inputs import GaussianInputs, InputDistribution
from priormix.kinds import Family, Kind, OfKind
from priormix.prompts import Prompts
from priormix.streams import generator as stream

Dim = Annotated[int, Field(ge=1, description="number of input dimensions d")]


class Functions(ABC):
    """B drawn functions, one a prompt."""

    component: Int[Tensor, " B"]

    @abstractmethod
    def __call__(self, xs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        """Evaluate function b at the points xs[b]; any number of points, anywhere."""


class FunctionClass(Kind, ABC):
    """A distribution D(F) over functions from R^dim to R.

    A class of your own needs one file: subclass, give `kind` a default, declare the fields, and write
    `draw`. Everything else (YAML, hashing, mixtures, evaluation) follows.
    """

    family: ClassVar[Family] = Family("function class", "priormix.function_classes")
    dim: int

    @abstractmethod
    def draw(self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Functions:
        """Draw n independent functions on the generator's device."""

    @property
    def n_components(self) -> int:
        """Number C of components that `Prompts.component` can name; 1 unless this is a mixture."""
        return 1

    def sample(
        self,
        n_prompts: int,
        n_points: int,
        *,
        seed: int = 0,
        inputs: InputDistribution | None = None,
        noise_std: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        role: str = "sample",
        step: int = 0,
    ) -> Prompts:
        """Draw prompts, each with a function of its own.

        The functions, inputs and noise come from separate streams keyed by (seed, role, step): the
        same key gives the same functions whatever the inputs and the noise are.

        Args:
            n_prompts: number of prompts B.
            n_points: points T in each prompt.
            seed: with `role` and `step` the key of the random streams.
            inputs: distribution of x; standard normal where it is None.
            noise_std: standard deviation of the Gaussian label noise, in units of y.
            device: where to draw, the CPU where it is None.
            dtype: floating-point precision, float32 where it is None.
            role: what the prompts are for; another role gives other prompts.
            step: which batch of that role.

        Returns:
            Prompts with xs (B, T, dim), ys and values (B, T), component (B,).

        Raises:
            ValueError: n_prompts or n_points below 1, a negative noise_std.
        """
        if n_prompts < 1 or n_points < 1:
            raise ValueError(f"need at least one prompt and one point, got {n_prompts} and {n_points}")
        if noise_std < 0:
            raise ValueError(f"noise_std must be at least 0, got {noise_std}")
        dtype = dtype or torch.float32
        inputs = inputs or GaussianInputs()
        functions = self.draw(n_prompts, stream(seed, f"{role}/functions", step, device), dtype)
        shape = (n_prompts, n_points, self.dim)
        xs = inputs.draw(shape, stream(seed, f"{role}/inputs", step, device), dtype)
        values = functions(xs)
        ys = values
        if noise_std > 0:
            noise = stream(seed, f"{role}/noise", step, device)
            ys = values + noise_std * torch.randn(
                values.shape, generator=noise, dtype=dtype, device=values.device
            )
        return Prompts(xs, ys, values, functions.component)


AnyFunctionClass = Annotated[FunctionClass, OfKind()]


def single_component(n: int, device: torch.device) -> Int[Tensor, " n"]:
    """The component index of a class that is no mixture: zero for each of its n functions."""
    return torch.zeros(n, dtype=torch.long, device=device)
