"""Figures S2 and S4: whose fault an error is out of distribution, and how errors grow with a shift."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from priormix.functions import Combination, FunctionClass, Sinusoid
from priormix.measure import (
    GARG_SHIFTS,
    ConvexCombination,
    Frequency,
    InputMean,
    InputScale,
    InputSkew,
    InputSubspace,
    LabelNoise,
    LabelScale,
    OppositeQuadrants,
    PromptLength,
    QueryOrthogonality,
    QueryOverlap,
    RandomQuadrants,
    Scenario,
    Shift,
    Sparsity,
    attribute,
    sweep,
)
from priormix.posterior import bayes
from priormix.predictors import LeastSquares
from priormix.predictors.base import Predictor
from priormix.recipe import Recipe
from priormix.studies.catalogue import (
    curve_models,
    dense,
    half_and_half,
    line,
    linear_models,
    sparse,
)
from priormix.studies.figure import Bench, Figure, rows_at
from priormix.studies.names import (
    BAYES_OWN,
    BOTH,
    DENSE,
    LEAST_SQUARES,
    LINEAR,
    MIXTURE,
    SINUSOID,
    SPARSE,
    bayes_name,
)
from priormix.studies.preset import Preset
from priormix.studies.results import Row

_ATTRIBUTED_SHIFTS = (
    "skewed covariance",
    "half subspace",
    "random quadrants",
    "opposite quadrants",
    "orthogonal query",
    "overlapping query",
    "label noise",
    "x times 3",
    "y times 3",
)
_INPUT_SWEEPS: tuple[type[Shift], ...] = (InputScale, InputMean, LabelScale, LabelNoise, PromptLength)
_MANY_DIM_SWEEPS: tuple[type[Shift], ...] = (
    InputSkew,
    InputSubspace,
    RandomQuadrants,
    OppositeQuadrants,
    QueryOrthogonality,
    QueryOverlap,
)


@dataclass(frozen=True)
class Subject:
    """A model on two classes, and the prior that it was pretrained on."""

    model: str
    prior: FunctionClass
    n_points: int
    n_examples: int
    n_prompts: int

    def scenario(self, name: str, functions: FunctionClass) -> Scenario:
        return Scenario(name=name, functions=functions, n_points=self.n_points)

    @property
    def home(self) -> Scenario:
        """The model's own prior."""
        return self.scenario("its own prior", self.prior)


def _linear(preset: Preset) -> Subject:
    prior = half_and_half(dense(preset), sparse(preset))
    return Subject(MIXTURE, prior, preset.n_points, preset.bar_examples, preset.n_prompts)


def _curves(preset: Preset) -> Subject:
    prior = half_and_half(line(), Sinusoid())
    return Subject(BOTH, prior, preset.curve_points, preset.panel_examples, preset.n_curve_prompts)


def _attributions(bench: Bench) -> Iterator[Row]:
    """Figure S2: every scenario's error, split at exact Bayes under the pretraining prior."""
    preset = bench.preset
    linear, curves = _linear(preset), _curves(preset)
    between = min(preset.nonzeros + 1, preset.dim)
    classes = {DENSE: dense(preset), SPARSE: sparse(preset), f"nnz {between}": sparse(preset, between)}
    halfway = Combination(parts=(line(), Sinusoid()), weights=(0.5, 0.5))
    functions = {
        LINEAR: line(),
        SINUSOID: Sinusoid(),
        "half line + half sinusoid": halfway,
        "frequency 0.1": Sinusoid(frequency=0.1),
        "frequency 3": Sinusoid(frequency=3.0),
    }
    for subject, own, shifts in (
        (linear, classes, _ATTRIBUTED_SHIFTS),
        (curves, functions, ("label noise", "x times 3", "y times 3")),
    ):
        for name, function_class in own.items():
            yield from _attributed(bench, subject, subject.scenario(name, function_class))
        for name in shifts:
            shifted = subject.home.shifted(GARG_SHIFTS[name]).model_copy(update={"name": name})
            yield from _attributed(bench, subject, shifted)


def _attributed(bench: Bench, subject: Subject, scenario: Scenario) -> Iterator[Row]:
    prior, k = bayes_name(subject.model), subject.n_examples
    references = {prior: bayes(subject.prior), BAYES_OWN: _own_bayes(scenario)}
    evaluation = bench.only(subject.model).evaluate(scenario, references, subject.n_prompts, n_examples=[k])
    found = attribute(evaluation, subject.model, prior, BAYES_OWN)
    for part in fields(found):
        yield from rows_at(evaluation, subject.model, part.name, getattr(found, part.name), range(k, k + 1))


def _sweeps(bench: Bench) -> Iterator[Row]:
    """Figure S4: the share of the mean square of f(x) that is left unexplained, over severities."""
    preset = bench.preset
    linear, curves = _linear(preset), _curves(preset)
    for shift in (*_INPUT_SWEEPS, *_MANY_DIM_SWEEPS):
        yield from _swept(bench, linear, linear.home, shift)
    nonzeros = [float(count) for count in range(1, preset.dim + 1)]
    yield from _swept(bench, linear, linear.scenario(SPARSE, sparse(preset)), Sparsity, nonzeros)
    for shift in _INPUT_SWEEPS:
        yield from _swept(bench, curves, curves.home, shift)
    yield from _swept(bench, curves, curves.scenario(SINUSOID, Sinusoid()), Frequency)
    towards = ConvexCombination(severity=0.0, other=Sinusoid())
    yield from _swept(bench, curves, curves.scenario(LINEAR, line()), towards)


def _swept(
    bench: Bench,
    subject: Subject,
    scenario: Scenario,
    shift: type[Shift] | Shift,
    severities: list[float] | None = None,
) -> Iterator[Row]:
    prior = bayes_name(subject.model)
    pretrained: dict[str, Predictor] = {
        subject.model: bench.models[subject.model],
        prior: bayes(subject.prior),
    }
    if subject.model == MIXTURE:
        pretrained[LEAST_SQUARES] = LeastSquares()
    measured = sweep(
        lambda shifted: pretrained if _is_home(shifted, subject) else {**pretrained, **_own(shifted)},
        scenario,
        shift,
        bench.preset.n_shift_prompts,
        # the longest prompts are asked at their end, which is another place for every length
        n_examples=None if shift is PromptLength else [subject.n_examples],
        severities=severities,
        device=bench.device,
    )
    for severity, evaluation in measured.items():
        k = evaluation.scenario.n_points - 1 if shift is PromptLength else subject.n_examples
        for name in evaluation.means:
            for metric, estimate in (
                ("mse", evaluation.mse(name)),
                ("unexplained_share", evaluation.unexplained(name)),
            ):
                for row in rows_at(evaluation, name, metric, estimate, range(k, k + 1), severity):
                    yield replace(row, scenario=f"{subject.model}: {shift.axis}")


def _is_home(scenario: Scenario, subject: Subject) -> bool:
    """Whether exact Bayes with the scenario's own prior is the one with the pretraining prior."""
    return (scenario.functions, scenario.noise_std) == (subject.prior, 0.0)


def _own(scenario: Scenario) -> dict[str, Predictor]:
    return {BAYES_OWN: _own_bayes(scenario)}


def _own_bayes(scenario: Scenario) -> Predictor:
    return bayes(scenario.functions, noise_std=scenario.noise_std)


def _subjects(preset: Preset, seed: int) -> dict[str, Recipe]:
    """The two models that were pretrained on two classes each."""
    return {**linear_models(preset, seed, (0.5,)), BOTH: curve_models(preset, seed)[BOTH]}


SHIFT_FIGURES = (Figure("S2", _subjects, _attributions), Figure("S4", _subjects, _sweeps))
