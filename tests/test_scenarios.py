"""Shifts of scenarios: what they change, how they compose, and what closed forms say of the result."""

from dataclasses import replace
from math import pi, sqrt

import pytest
import torch
import yaml
from pydantic import ValidationError

from priormix.errors import PriormixError
from priormix.functions import (
    DenseLinear,
    FreshQuery,
    GaussianInputs,
    Mixture,
    OrthantInputs,
    OverlappingQuery,
    ScaledInputs,
    ShiftedInputs,
    Sinusoid,
    SparseLinear,
)
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
    evaluate,
    sweep,
)
from priormix.posterior import bayes
from priormix.predictors import Averaging, LeastSquares, Prediction, Predictor
from priormix.studies.single import read_scenario

DENSE = Scenario(name="dense", functions=DenseLinear(dim=5), n_points=9)
SPARSE = Scenario(name="sparse", functions=SparseLinear(dim=8, nonzeros=2), n_points=9)
WAVES = Scenario(name="waves", functions=Sinusoid(frequency=1.0), n_points=9)
# every shift at a usual severity, on a scenario that allows it, and a severity next to the harmless one
CASES = [
    (InputScale(severity=2.0), DENSE, 1 + 1e-10),
    (InputMean(severity=1.0), DENSE, 1e-10),
    (InputSkew(severity=2.0), DENSE, 1e-10),
    (InputSubspace(severity=0.5), DENSE, 1e-10),
    (RandomQuadrants(severity=1.0), DENSE, 1e-10),
    (OppositeQuadrants(severity=1.0), DENSE, 1e-10),
    (QueryOrthogonality(severity=1.0), DENSE, 1e-10),
    (QueryOverlap(severity=1.0), DENSE, 1e-10),
    (LabelNoise(severity=0.5), DENSE, 1e-10),
    (LabelScale(severity=3.0), DENSE, 1 + 1e-10),
    (PromptLength(severity=2.0), DENSE, 1 + 1e-10),
    (Sparsity(severity=3.0), SPARSE, None),
    (Frequency(severity=2.0), WAVES, 1 + 1e-10),
    (ConvexCombination(severity=0.5, other=SparseLinear(dim=5)), DENSE, 1e-10),
]


def by_kind(value):
    return value.kind if isinstance(value, Shift) else ""


def at(shift, severity):
    return type(shift).model_validate({**dict(shift), "severity": severity})


def assert_same_prompts(one, two, tolerance=0.0):
    for left, right in ((one.prompts(40), two.prompts(40)), (one.queries(40), two.queries(40))):
        for part in ("xs", "ys", "values", "component"):
            torch.testing.assert_close(getattr(left, part), getattr(right, part), rtol=0, atol=tolerance)


def within(estimate, expected, k):
    """The estimate after k examples lies within four standard errors of what is expected."""
    error = (estimate.high[k] - estimate.low[k]) / (2 * 1.96)
    return abs(float(estimate.mean[k]) - expected) <= 4 * float(error) + 1e-9


class Transcript(Predictor):
    """Predicts the last point's first coordinate plus the sum of the labels before it."""

    def predict(self, xs, ys):
        return Prediction(xs[:, :, 0] + ys.cumsum(1) - ys)


def test_every_shift_is_tested_here():
    assert set(Shift.family.members()) == {shift.kind for shift, _, _ in CASES}


@pytest.mark.parametrize(("shift", "scenario", "_"), CASES, ids=by_kind)
def test_a_harmless_shift_changes_nothing_at_all(shift, scenario, _):
    harmless = shift.harmless_on(scenario)
    assert harmless == (shift.harmless if shift.harmless is not None else harmless)
    assert at(shift, harmless).applied_to(scenario) == scenario


@pytest.mark.parametrize(("shift", "scenario", "_"), CASES, ids=by_kind)
def test_what_a_harmless_shift_would_change_gives_the_same_prompts_to_the_bit(shift, scenario, _):
    """The short cut at the harmless severity hides no jump: the fields themselves change nothing."""
    changes = at(shift, shift.harmless_on(scenario)).changes(scenario)
    assert_same_prompts(scenario.model_copy(update=changes), scenario)


@pytest.mark.parametrize(("shift", "scenario", "near"), [c for c in CASES if c[2] is not None], ids=by_kind)
def test_next_to_the_harmless_severity_next_to_nothing_changes(shift, scenario, near):
    shifted = at(shift, near).applied_to(scenario)
    assert shifted.name != scenario.name
    assert_same_prompts(shifted, scenario, tolerance=1e-8)


@pytest.mark.parametrize(("shift", "scenario", "_"), CASES, ids=by_kind)
def test_at_a_usual_severity_the_prompts_differ_and_the_name_says_so(shift, scenario, _):
    shifted = scenario.shifted(shift)
    with pytest.raises(AssertionError):
        assert_same_prompts(shifted, scenario)
    assert shifted.name.startswith(f"{scenario.name}, ")
    assert shift.label.format(shift.severity) in shifted.name
    assert Scenario.model_validate(shifted.model_dump(mode="json")) == shifted
    assert Shift.parse(shift.model_dump(mode="json")) == shift
    assert shift.axis
    assert len(shift.severities) == len(set(shift.severities)) >= 4
    assert shift.harmless is None or shift.harmless in shift.severities


def test_shifts_apply_in_order():
    shift, scale = InputMean(severity=1.0), InputScale(severity=2.0)
    base = DENSE.prompts(30).xs
    assert torch.equal(DENSE.shifted(shift, scale).prompts(30).xs, 2 * (base + 1))
    assert torch.equal(DENSE.shifted(scale, shift).prompts(30).xs, 2 * base + 1)
    assert DENSE.shifted(shift, scale).name == "dense, x plus 1, x times 2"
    assert DENSE.shifted() == DENSE


def test_the_same_shift_twice_adds_up():
    assert DENSE.shifted(LabelNoise(severity=3.0), LabelNoise(severity=4.0)).noise_std == pytest.approx(5)
    twice = DENSE.shifted(InputScale(severity=2.0), InputScale(severity=2.0))
    assert torch.equal(twice.prompts(20).xs, 4 * DENSE.prompts(20).xs)


@pytest.mark.parametrize("wrap", [InputSubspace(severity=0.6), InputMean(severity=1.0)], ids=by_kind)
def test_shifts_of_the_inputs_take_a_paired_query_with_them(wrap):
    for quadrants in (RandomQuadrants(severity=1.0), OppositeQuadrants(severity=1.0)):
        shifted = DENSE.shifted(quadrants, wrap)
        both = torch.cat([shifted.prompts(50).xs, shifted.queries(50).xs], 1)
        if wrap.kind == "subspace":
            assert (torch.linalg.matrix_rank(both) == 2).all()
        else:
            plain = DENSE.shifted(quadrants)
            assert torch.equal(both, torch.cat([plain.prompts(50).xs, plain.queries(50).xs], 1) + 1)


def test_a_fresh_query_stays_where_it_is():
    fresh = DENSE.model_copy(update={"query": FreshQuery(inputs=GaussianInputs(mean=3.0))})
    moved = fresh.shifted(InputScale(severity=2.0))
    assert torch.equal(moved.queries(20).xs, fresh.queries(20).xs)
    assert torch.equal(moved.prompts(20).xs, 2 * fresh.prompts(20).xs)


def test_quadrants_are_what_their_names_say():
    free, opposite = (
        DENSE.shifted(RandomQuadrants(severity=1.0)),
        DENSE.shifted(OppositeQuadrants(severity=1.0)),
    )
    for scenario in (free, opposite):
        signs = scenario.prompts(100).xs.sign()
        assert (signs == signs[:, :1]).all()
    assert torch.equal(free.queries(100).xs, DENSE.prompts(100).xs)
    assert torch.equal(opposite.queries(100).xs.sign(), -opposite.prompts(100).xs.sign())


def test_the_published_shifts_are_all_here_at_their_severities():
    assert {shift.kind for shift in GARG_SHIFTS.values()} == {
        *("skewed_covariance", "subspace", "random_quadrants", "opposite_quadrants"),
        *("orthogonal_query", "overlapping_query", "label_noise", "scaled_inputs", "scaled_labels"),
    }
    dense = Scenario(name="dense", functions=DenseLinear(dim=20), n_points=3)
    for shift in GARG_SHIFTS.values():
        assert dense.shifted(shift).queries(2).xs.shape == (2, 3, 20)
    # signal to noise 20 to 1, as noise of variance 1 beside functions of variance 20
    assert GARG_SHIFTS["label noise"].severity ** -2 == pytest.approx(20)


def test_least_squares_predicts_zero_for_orthogonal_queries_and_is_exact_for_overlapping_ones():
    orthogonal = evaluate({"a": LeastSquares()}, DENSE.shifted(QueryOrthogonality(severity=1.0)), 200)
    assert (orthogonal.means["a"][:, :5].abs() < 1e-8).all()
    assert (orthogonal.squared_errors("a")[:, 5:] < 1e-8).all()
    overlapping = evaluate({"a": LeastSquares()}, DENSE.shifted(QueryOverlap(severity=1.0)), 200)
    assert (overlapping.squared_errors("a")[:, 1:] < 1e-12).all()
    assert overlapping.mse("a").mean[0] > 0.5


def test_exact_bayes_has_its_closed_form_risk_under_scaled_inputs_and_labels():
    """For x from N(0, c² I) and w from N(0, s² I/d) it is s² c² (1 − k/d), and 0 from k = d on."""
    exact = {"a": bayes(DenseLinear(dim=5))}
    for c, s in ((2.0, 1.0), (1 / 3, 1.0), (1.0, 3.0), (2.0, 0.5)):
        shifted = DENSE.shifted(InputScale(severity=c), LabelScale(severity=s))
        curve = evaluate(exact, shifted, 3000).mse("a")
        for k in range(9):
            assert within(curve, (s * c) ** 2 * max(0, 1 - k / 5), k), (c, s, k)


def test_exact_bayes_in_a_subspace_needs_only_as_many_examples_as_it_has_dimensions():
    """For m of d dimensions and E|x|² = d the error is 1 − k/m."""
    shifted = Scenario(name="dense", functions=DenseLinear(dim=6), n_points=6).shifted(
        InputSubspace(severity=0.5)
    )
    curve = evaluate({"a": bayes(DenseLinear(dim=6))}, shifted, 4000).mse("a")
    assert all(within(curve, max(0, 1 - k / 3), k) for k in range(6))


def test_the_error_for_a_correlated_query_is_that_of_the_part_that_is_new():
    """The part along the context is known: overlap ρ leaves the error 1 − ρ² of a fresh query's."""
    shifted = DENSE.shifted(QueryOverlap(severity=0.6))
    curve = evaluate({"a": bayes(DenseLinear(dim=5))}, shifted, 4000).mse("a")
    assert within(curve, 1, 0)
    assert all(within(curve, 0.64 * max(0, 1 - k / 5), k) for k in range(1, 9))


def test_a_query_from_the_contexts_own_distribution_gives_the_plain_curve():
    predictors = {"a": LeastSquares(), "b": bayes(DenseLinear(dim=5), noise_std=0.5), "c": Averaging()}
    noisy = DENSE.model_copy(update={"noise_std": 0.5})
    plain = evaluate(predictors, noisy, 2000)
    paired = evaluate(predictors, noisy.model_copy(update={"query": OverlappingQuery(overlap=0.0)}), 2000)
    assert torch.equal(paired.values, plain.values)
    fresh = evaluate(
        predictors, noisy.model_copy(update={"query": FreshQuery(inputs=GaussianInputs())}), 2000
    )
    for name in predictors:
        torch.testing.assert_close(paired.means[name], plain.means[name], rtol=1e-9, atol=1e-9)
        # least squares has no variance at k = d − 1 to d + 1, and so no interval
        for k in (0, 1, 2, 8) if name == "a" else range(9):
            gap = fresh.mse(name).mean[k] - plain.mse(name).mean[k]
            spread = (fresh.mse(name).high[k] - fresh.mse(name).mean[k]) / 1.96
            assert abs(gap) < 5 * sqrt(2) * spread


def test_every_query_meets_the_examples_before_it_and_nothing_else():
    scenario = DENSE.model_copy(update={"query": FreshQuery(inputs=GaussianInputs()), "noise_std": 1.0})
    measured = evaluate({"a": Transcript()}, scenario, 30)
    prompts, queries = scenario.prompts(30), scenario.queries(30)
    for k in range(9):
        expected = queries.xs[:, k, 0] + prompts.ys[:, :k].sum(1)
        torch.testing.assert_close(measured.means["a"][:, k], expected)
    assert torch.equal(measured.values, queries.values)


@pytest.mark.parametrize("shifts", [(), (QueryOverlap(severity=0.5),)], ids=["plain", "with a query"])
def test_some_numbers_of_examples_are_measured_and_the_others_are_nan(shifts):
    mixture = Mixture(components=(DenseLinear(dim=3), SparseLinear(dim=3, nonzeros=1)))
    scenario = Scenario(name="mixed", functions=mixture, n_points=6).shifted(*shifts)
    predictors = {"a": LeastSquares(), "b": bayes(mixture)}
    everything = evaluate(predictors, scenario, 20)
    some = evaluate(predictors, scenario, 20, n_examples=[4, 1])
    for name in predictors:
        assert torch.equal(some.means[name][:, [1, 4]], everything.means[name][:, [1, 4]])
        assert some.means[name][:, [0, 2, 3, 5]].isnan().all()
        assert not everything.means[name].isnan().any()
    assert set(some.log_component) == {"b"}
    assert torch.equal(some.log_component["b"][:, [1, 4]], everything.log_component["b"][:, [1, 4]])
    assert some.log_component["b"][:, [0, 2, 3, 5]].isnan().all()
    assert everything.log_component["b"].shape == (20, 6, 2)
    torch.testing.assert_close(
        everything.log_component["b"].exp().sum(-1), torch.ones(20, 6, dtype=torch.float64)
    )
    with pytest.raises(ValueError, match=r"0 to 5 examples, asked for \[6, -1\]"):
        evaluate(predictors, scenario, 20, n_examples=[6, 1, -1])


def test_the_posterior_after_a_query_scenarios_examples_is_that_of_the_examples():
    """What is asked for next says nothing of the class: log_component is that of the plain prompts."""
    mixture = Mixture(components=(DenseLinear(dim=3), SparseLinear(dim=3, nonzeros=1)))
    plain = Scenario(name="mixed", functions=mixture, n_points=6, noise_std=0.3)
    exact = {"b": bayes(mixture, noise_std=0.3)}
    queried = evaluate(exact, plain.shifted(QueryOverlap(severity=1.0)), 30)
    torch.testing.assert_close(queried.log_component["b"], evaluate(exact, plain, 30).log_component["b"])


def test_replacing_the_means_keeps_the_log_posterior():
    mixture = Mixture(components=(DenseLinear(dim=3), SparseLinear(dim=3, nonzeros=1)))
    scenario = Scenario(name="mixed", functions=mixture, n_points=4)
    measured = evaluate({"a": LeastSquares(), "b": bayes(mixture)}, scenario, 10)
    without = replace(measured, means={"b": measured.means["b"]})
    assert without.log_component == measured.log_component


def test_a_sweep_shares_functions_and_inputs_and_measures_every_severity():
    measured = sweep({"a": LeastSquares()}, DENSE, InputScale, 50, seed=3)
    assert list(measured) == list(InputScale.severities)
    for severity, evaluation in measured.items():
        assert evaluation.scenario == DENSE.shifted(InputScale(severity=severity))
        torch.testing.assert_close(evaluation.values, severity * measured[1.0].values)
        again = evaluate({"a": LeastSquares()}, evaluation.scenario, 50, seed=3)
        assert torch.equal(evaluation.means["a"], again.means["a"])


def test_a_sweep_can_make_predictors_for_every_scenario():
    """Exact Bayes that knows the number of nonzeros loses to nobody, whatever that number is."""

    def predictors(scenario):
        return {"own": bayes(scenario.functions), "fixed": bayes(SPARSE.functions), "a": LeastSquares()}

    measured = sweep(predictors, SPARSE, Sparsity, 300, severities=(1.0, 2.0, 4.0))
    assert [one.scenario.functions.nonzeros for one in measured.values()] == [1, 2, 4]
    assert torch.equal(measured[2.0].means["own"], measured[2.0].means["fixed"])
    for severity in (1.0, 4.0):
        cost = measured[severity].mse_difference_over_prefixes("fixed", "own")
        assert cost.low > 0


def test_a_sweep_takes_one_shift_for_its_fields_and_several_as_they_are():
    other = SparseLinear(dim=5, nonzeros=1)
    one = sweep(
        {"a": Averaging()}, DENSE, ConvexCombination(severity=0.3, other=other), 10, severities=(0.0, 1.0)
    )
    several = sweep(
        {"a": Averaging()}, DENSE, [ConvexCombination(severity=s, other=other) for s in (1.0, 0.5)], 10
    )
    assert list(one) == [0.0, 1.0]
    assert list(several) == [1.0, 0.5]
    assert torch.equal(one[1.0].values, several[1.0].values)
    half = several[0.5].values
    torch.testing.assert_close(half, (one[0.0].values + one[1.0].values) / 2)
    some = sweep({"a": Averaging()}, DENSE, QueryOverlap, 10, severities=(1.0,), n_examples=[2])
    assert some[1.0].means["a"].isnan().any(0).tolist() == [True] * 2 + [False] + [True] * 6


def test_sweeps_that_are_none_are_refused():
    noise, scale = LabelNoise(severity=0.5), InputScale(severity=2.0)
    for shift, severities, complaint in (
        ([noise, scale], None, r"one kind, got \['label_noise', 'scaled_inputs'\]"),
        ([noise, noise], None, r"may be given once, got \[0.5, 0.5\]"),
        ([noise], (0.1,), "not with several"),
        ([], None, "one kind"),
    ):
        with pytest.raises(ValueError, match=complaint):
            sweep({}, DENSE, shift, 10, severities=severities)


def test_label_scale_keeps_the_components_of_a_mixture():
    mixture = Mixture(components=(DenseLinear(dim=5), SparseLinear(dim=5)), weights=(0.3, 0.7))
    base = Scenario(name="mixed", functions=mixture, n_points=3)
    scaled = base.shifted(LabelScale(severity=-2.0))
    assert torch.equal(scaled.prompts(50).component, base.prompts(50).component)
    torch.testing.assert_close(scaled.prompts(50).values, -2 * base.prompts(50).values)


def test_label_noise_is_added_to_what_there_is():
    shifted = DENSE.model_copy(update={"noise_std": 0.3}).shifted(LabelNoise(severity=0.4))
    prompts = shifted.prompts(4000)
    residual = (prompts.ys - prompts.values).square().mean(1)
    assert abs(residual.mean() - 0.25) < 5 * residual.std() / sqrt(4000)


def test_a_convex_combination_has_the_variance_of_its_weights():
    shifted = DENSE.shifted(ConvexCombination(severity=0.25, other=SparseLinear(dim=5)))
    squares = shifted.prompts(20_000).values[:, 0].square()
    assert abs(squares.mean() - (0.75**2 + 0.25**2)) < 5 * squares.std() / sqrt(20_000)


def test_frequencies_are_given_and_amplitudes_stay():
    prompts, base = WAVES.shifted(Frequency(severity=2.0)).prompts(30), WAVES.prompts(30)
    amplitude = base.values / torch.cos(2 * pi * base.xs[..., 0])
    torch.testing.assert_close(prompts.values, amplitude * torch.cos(4 * pi * prompts.xs[..., 0]))
    random = Scenario(name="waves", functions=Sinusoid())
    assert Frequency(severity=2.0).harmless_on(random) is None
    assert random.shifted(Frequency(severity=2.0)).functions.frequency == 2


def test_longer_prompts_are_longer_and_have_the_same_functions():
    longer = Scenario(name="given", functions=DenseLinear(dim=2), n_points=5).shifted(
        PromptLength(severity=1.5)
    )
    assert longer.n_points == 8
    assert longer.shifted(PromptLength(severity=0.01)).n_points == 1


@pytest.mark.parametrize(
    ("shifts", "complaint"),
    [
        ([QueryOverlap(severity=1.0), RandomQuadrants(severity=1.0)], r"has a query already \(overlapping\)"),
        (
            [Sparsity(severity=2.0)],
            "sparsity: applies to sparse_linear functions, scenario 'dense' has dense",
        ),
        ([Frequency(severity=2.0)], "frequency: applies to sinusoid functions"),
        (
            [ConvexCombination(severity=0.5, other=Sinusoid())],
            "other class has dim 1, scenario 'dense' has 5",
        ),
    ],
)
def test_shifts_that_a_scenario_does_not_allow_are_refused(shifts, complaint):
    with pytest.raises(PriormixError, match=complaint):
        DENSE.shifted(*shifts)


def test_too_many_nonzeros_are_refused():
    with pytest.raises(PriormixError, match="9 nonzeros do not fit functions of dim 8"):
        SPARSE.shifted(Sparsity(severity=9.0))


@pytest.mark.parametrize(
    ("shift", "severity"),
    [
        *[(InputScale, 0.0), (InputSkew, -1.0), (InputSubspace, 1.0), (InputSubspace, -0.1)],
        *[(RandomQuadrants, 1.1), (OppositeQuadrants, -0.1), (QueryOrthogonality, 2.0), (QueryOverlap, -1.0)],
        *[(LabelNoise, -0.1), (PromptLength, 0.0), (Sparsity, 1.5), (Sparsity, 0.0), (Frequency, -1.0)],
        *[(InputMean, float("inf")), (LabelScale, float("nan"))],
    ],
)
def test_severities_out_of_range_are_refused(shift, severity):
    with pytest.raises(ValidationError, match="severity"):
        shift(severity=severity)


def test_a_scenario_file_has_a_query_and_shifts(tmp_path):
    path = tmp_path / "scenario.yaml"
    described = {
        "name": "dense",
        "functions": {"kind": "dense_linear", "dim": 5},
        "n_points": 9,
        "inputs": {"kind": "orthant"},
        "query": {"kind": "paired", "inputs": {"kind": "orthant", "opposite": True}},
        "shifts": [{"kind": "shifted_inputs", "severity": 1}, {"kind": "scaled_inputs", "severity": 2}],
    }
    path.write_text(yaml.safe_dump(described))
    read = read_scenario(path)
    by_hand = DENSE.shifted(
        OppositeQuadrants(severity=1.0), InputMean(severity=1.0), InputScale(severity=2.0)
    )
    assert type(read) is Scenario
    assert read == by_hand.model_copy(update={"name": "dense, x plus 1, x times 2"})
    assert read.inputs == ScaledInputs(base=ShiftedInputs(base=OrthantInputs(), mean=1.0), factor=2.0)
    path.write_text(yaml.safe_dump(read.model_dump(mode="json")))
    assert read_scenario(path) == read
