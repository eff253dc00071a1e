"""What to train, as one typed file that can be hashed."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, ValidationError, model_validator

from priormix.errors import PriormixError, describe_invalid
from priormix.functions import AnyFunctionClass, AnyInputs, GaussianInputs
from priormix.kinds import Frozen
from priormix.models import Network
from priormix.models.layouts import LAYOUTS
from priormix.optimisation import AnyOptimiser, AnySchedule, Curriculum, Divergence, Muon, WarmupDecay
from priormix.plain_data import check_bounds, read_yaml

Precision = Literal["auto", "float32", "bfloat16"]


class Recipe(Frozen):
    """One pretraining run, complete: the data, the network, and how it is trained.

    `n_points` is the number T of points in a prompt, `noise_std` is in units of y, and `gradient_clip`
    bounds the Euclidean norm of the gradient. With `queries` above 0 every prefix learns from all later
    points of its prompt and from so many further ones, instead of the next point alone, which has the same
    expectation and less noise; it needs a layout that can answer for many inputs. `precision` is that of
    the matrix products (weights and optimiser stay in float32); "auto" is bfloat16 where the device is fast
    at it, else float32.
    """

    mixture: AnyFunctionClass
    inputs: AnyInputs = GaussianInputs()
    noise_std: Annotated[float, Field(ge=0)] = 0.0
    n_points: PositiveInt = 41
    queries: NonNegativeInt = 0
    network: Network = Network()
    optimiser: AnyOptimiser = Muon()
    schedule: AnySchedule = WarmupDecay()
    curriculum: Curriculum | None = None
    steps: PositiveInt = 10_000
    batch: PositiveInt = 64
    precision: Precision = "auto"
    gradient_clip: PositiveFloat | None = 1.0
    divergence: Divergence = Divergence()
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _inputs_fit(self) -> "Recipe":
        self.inputs.check_dim(self.mixture.dim)
        return self

    @model_validator(mode="after")
    def _curriculum_fits(self) -> "Recipe":
        if self.curriculum and self.curriculum.dims.end > self.mixture.dim:
            raise ValueError(
                f"curriculum.dims.end must be at most the dim of the mixture "
                f"(end {self.curriculum.dims.end}, dim {self.mixture.dim})"
            )
        if self.curriculum and self.curriculum.points.end > self.n_points:
            raise ValueError(
                f"curriculum.points.end must be at most n_points "
                f"(end {self.curriculum.points.end}, n_points {self.n_points})"
            )
        return self

    @model_validator(mode="after")
    def _queries_fit(self) -> "Recipe":
        if self.queries and LAYOUTS[self.network.layout].holds_query:
            fitting = [name for name, layout in LAYOUTS.items() if not layout.holds_query]
            raise ValueError(
                f"queries needs a network.layout whose tokens do not hold x_t, {' or '.join(fitting)} "
                f"(queries {self.queries}, layout {self.network.layout})"
            )
        return self

    @property
    def run_id(self) -> str:
        """Twelve hexadecimal digits that depend on every field: the address of the run."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    def to_json(self) -> str:
        """The recipe with every default written out, in one canonical line."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    def to_yaml(self) -> str:
        """The recipe with every default written out, for people."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def parse_recipe(fields: Any, source: str) -> Recipe:
    """Build a recipe from plain data; raises PriormixError that names `source` and the field."""
    if not isinstance(fields, dict):
        raise PriormixError(f"{source}: expected a recipe with fields such as 'mixture'")
    check_bounds(fields, source)
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        raise describe_invalid(source, error) from error


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from YAML or JSON; raises PriormixError that names the file and what is wrong."""
    return parse_recipe(read_yaml(path, "recipe"), str(path))
