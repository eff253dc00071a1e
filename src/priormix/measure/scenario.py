"""What predictors are tested on, and what makes one such thing of another."""

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field, PositiveInt, ValidationError, model_validator

from priormix.errors import describe_invalid
from priormix.functions import AnyFunctionClass, AnyInputs, AnyQuery, GaussianInputs
from priormix.kinds import Family, Frozen, Kind, OfKind
from priormix.prompts import Prompts
from priormix.streams import generator as stream


class Scenario(Frozen):
    """Functions, inputs, noise and prompt length to test on; `name` is how tables and figures call it.

    `n_points` is the number T of points in a prompt: predictions are made after 0, ..., T − 1 examples.
    `noise_std` is in units of y. Without a `query` the point asked for after k examples is the next one of
    the prompt; with one it is a point of its own for every k.
    """

    name: str
    functions: AnyFunctionClass
    n_points: PositiveInt = 41
    inputs: AnyInputs = GaussianInputs()
    noise_std: Annotated[float, Field(ge=0)] = 0.0
    query: AnyQuery | None = None

    @model_validator(mode="after")
    def _inputs_fit(self) -> "Scenario":
        self.inputs.check_dim(self.functions.dim)
        if self.query is not None:
            self.query.check(self.inputs, self.functions.dim)
        return self

    def shifted(self, *shifts: "Shift") -> "Scenario":
        """The scenario with the shifts applied to it one after the other, the first one first."""
        scenario = self
        for shift in shifts:
            scenario = shift.applied_to(scenario)
        return scenario

    def prompts(self, n_prompts: int, *, seed: int = 0, device: torch.device | str | None = None) -> Prompts:
        """Draw the scenario's prompts; every predictor meets the same ones for the same seed.

        They have double precision where the device has it: exact predictors tell by the last digits
        whether a hypothesis interpolates the examples. Where the scenario has a query these are the
        contexts, and `queries` draws what is asked for.
        """
        return self.functions.sample(
            n_prompts,
            self.n_points,
            seed=seed,
            role="evaluation",
            inputs=self.inputs,
            noise_std=self.noise_std,
            device=device,
            dtype=_precision(device),
        )

    def queries(self, n_prompts: int, *, seed: int = 0, device: torch.device | str | None = None) -> Prompts:
        """The points that are asked for, with the functions of `prompts`; point k is for k examples.

        Their labels carry no noise. Without a query they are the points of the prompts themselves.
        """
        prompts, query = self.prompts(n_prompts, seed=seed, device=device), self.query
        xs = prompts.xs
        if query is not None:
            numbers = stream(seed, f"evaluation/{query.stream}", 0, device)
            shape = (n_prompts, self.n_points, self.functions.dim)
            candidates = query.candidates(self.inputs).draw(shape, numbers, xs.dtype)
            chosen = [
                query.draw(xs[:, :k], candidates[:, k], stream(seed, "evaluation/query", k, device))
                for k in range(self.n_points)
            ]
            xs = torch.stack(chosen, 1)
        functions = self.functions.draw(n_prompts, stream(seed, "evaluation/functions", 0, device), xs.dtype)
        # a sampled path remembers where it was asked first
        functions(prompts.xs)
        values = functions(xs)
        return Prompts(xs, values, values, functions.component)


class Shift(Kind, ABC):
    """One way in which a scenario departs from another, with its `severity` as the only number.

    `severities` are the usual ones for a sweep, `axis` names the severity and its unit in figures, and
    `label` names the shift in a scenario's name. At the `harmless` severity nothing changes, to the bit;
    None where that depends on the scenario.
    """

    family: ClassVar[Family] = Family("shift", "priormix.shifts")
    severities: ClassVar[tuple[float, ...]]
    harmless: ClassVar[float | None]
    axis: ClassVar[str]
    label: ClassVar[str]
    severity: float

    def applied_to(self, scenario: Scenario) -> Scenario:
        """The shifted scenario, whose name tells of the shift.

        Raises PriormixError where the scenario does not allow the shift.
        """
        changes = self.changes(scenario)
        if self.severity == self.harmless_on(scenario):
            return scenario
        name = f"{scenario.name}, {self.label.format(self.severity)}"
        fields = {field: getattr(scenario, field) for field in Scenario.model_fields}
        try:
            return Scenario.model_validate({**fields, **changes, "name": name})
        except ValidationError as error:
            raise describe_invalid(name, error) from error

    def harmless_on(self, scenario: Scenario) -> float | None:
        """The severity at which this scenario stays what it is; None where there is none."""
        return self.harmless

    @abstractmethod
    def changes(self, scenario: Scenario) -> dict[str, Any]:
        """The fields of the scenario that change; raises PriormixError where it does not allow the shift."""


AnyShift = Annotated[Shift, OfKind()]


def _precision(device: torch.device | str | None) -> torch.dtype:
    single = device is not None and torch.device(device).type == "mps"
    return torch.float32 if single else torch.float64
