"""Wrapped inputs and queries: their distributions against closed forms."""

from math import sqrt

import pytest
import torch
from pydantic import ValidationError

from priormix.functions import (
    DenseLinear,
    FreshQuery,
    GaussianInputs,
    InputDistribution,
    LeadingInputs,
    OrthantInputs,
    OrthogonalQuery,
    OverlappingQuery,
    PairedQuery,
    Query,
    ScaledInputs,
    ShiftedInputs,
    SkewedInputs,
    SubspaceInputs,
    UniformInputs,
)
from priormix.measure import Scenario
from priormix.streams import generator

WRAPPERS = [
    LeadingInputs(active=2),
    ScaledInputs(factor=2.0),
    ShiftedInputs(mean=(1.0, 0.0, -1.0, 2.0, 0.5)),
    SkewedInputs(power=1.5),
    SubspaceInputs(share=0.4),
    OrthantInputs(share=0.7, opposite=True),
]
UNCHANGED = [
    LeadingInputs(active=5),
    ScaledInputs(factor=1.0),
    ShiftedInputs(mean=0.0),
    SkewedInputs(power=0.0),
    SubspaceInputs(share=1.0),
    OrthantInputs(share=0.0),
]
QUERIES = [
    OrthogonalQuery(share=0.5),
    OverlappingQuery(overlap=0.3),
    FreshQuery(inputs=UniformInputs()),
    PairedQuery(inputs=GaussianInputs()),
]


def drawn(inputs, batch=400, points=6, dim=5, seed=0):
    return inputs.draw((batch, points, dim), generator(seed, "test"), torch.float64)


def by_kind(member):
    return member.kind


def asked(query, batch=2000, dim=5, points=8, inputs=None, seed=0):
    """Contexts and queries of a scenario."""
    scenario = Scenario(
        name="test",
        functions=DenseLinear(dim=dim),
        n_points=points,
        inputs=inputs or GaussianInputs(),
        query=query,
    )
    return scenario.prompts(batch, seed=seed), scenario.queries(batch, seed=seed)


def assert_mean(samples, expected):
    """The mean of independent samples lies within five standard errors of the expected one."""
    error = 5 * samples.std(0) / sqrt(len(samples)) + 1e-12
    assert ((samples.mean(0) - expected).abs() < error).all(), (samples.mean(0), expected)


def test_every_distribution_and_query_is_tested_here():
    kinds = {inputs.kind for inputs in [*WRAPPERS, GaussianInputs(), UniformInputs()]}
    assert set(InputDistribution.family.members()) == kinds
    assert set(Query.family.members()) == {query.kind for query in QUERIES}


@pytest.mark.parametrize("member", [*WRAPPERS, *QUERIES], ids=by_kind)
def test_distributions_and_queries_survive_a_round_trip(member):
    again = type(member).parse(member.model_dump(mode="json"))
    assert again == member
    assert hash(again) == hash(member)


@pytest.mark.parametrize("inputs", WRAPPERS, ids=by_kind)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_same_generator_state_gives_the_same_inputs(inputs, dtype):
    one, two = (inputs.draw((3, 4, 5), generator(1, "test"), dtype) for _ in range(2))
    assert torch.equal(one, two)
    assert (one.shape, one.dtype) == ((3, 4, 5), dtype)
    state = generator(1, "test")
    inputs.draw((3, 4, 5), state, dtype)
    assert not torch.equal(inputs.draw((3, 4, 5), state, dtype), one)


@pytest.mark.parametrize("inputs", UNCHANGED, ids=by_kind)
@pytest.mark.parametrize("dim", [1, 5])
def test_wrappers_can_leave_every_bit_as_it_is(inputs, dim):
    assert torch.equal(drawn(inputs, dim=dim), drawn(GaussianInputs(), dim=dim))


@pytest.mark.parametrize(("inputs", "unchanged"), list(zip(WRAPPERS, UNCHANGED, strict=True)))
def test_wrappers_draw_as_much_whatever_their_settings(inputs, unchanged):
    """What is drawn afterwards is the same, so that an outer wrapper has the same pattern."""
    states = [generator(0, "test") for _ in range(2)]
    for wrapper, state in zip((inputs, unchanged), states, strict=True):
        wrapper.draw((3, 4, 5), state, torch.float64)
    assert torch.equal(*(torch.rand(9, generator=state) for state in states))


def test_scaled_and_shifted_inputs_are_the_base_times_and_plus_what_is_given():
    base = drawn(UniformInputs(low=0.0, high=2.0))
    assert torch.equal(drawn(ScaledInputs(base=UniformInputs(low=0.0, high=2.0), factor=3.0)), 3 * base)
    mean = (1.0, 0.0, -1.0, 2.0, 0.5)
    shifted = drawn(ShiftedInputs(base=UniformInputs(low=0.0, high=2.0), mean=mean))
    assert torch.equal(shifted - base, (base + torch.tensor(mean, dtype=torch.float64)) - base)
    assert_mean(shifted[:, 0], torch.tensor(mean, dtype=torch.float64) + 1)


@pytest.mark.parametrize("power", [0.5, 2.0])
def test_skewed_covariances_have_the_published_eigenvalues(power):
    """One prompt of many points shows its own covariance, eigenvalue by eigenvalue."""
    xs = drawn(SkewedInputs(power=power), batch=4, points=40_000)
    expected = torch.arange(1, 6, dtype=torch.float64) ** -power
    expected = expected * 5 / expected.sum()
    bases = []
    for prompt in xs:
        eigenvalues, basis = torch.linalg.eigh(prompt.T @ prompt / len(prompt))
        torch.testing.assert_close(eigenvalues.flip(0), expected, rtol=0.05, atol=0)
        bases.append(basis[:, -1].abs())
    assert len(torch.unique(torch.stack(bases), dim=0)) == 4


def test_skewed_inputs_have_the_length_of_the_base_and_no_preferred_axis():
    xs = drawn(SkewedInputs(power=2.0), batch=20_000, points=1)[:, 0]
    assert_mean(xs.square().sum(1), 5)
    assert_mean(xs.square(), 1)


@pytest.mark.parametrize(("share", "dim", "kept"), [(0.5, 6, 3), (0.5, 7, 3), (0.01, 5, 1), (1 - 0.8, 20, 4)])
def test_subspace_inputs_have_their_rank_and_the_length_of_the_base(share, dim, kept):
    xs = drawn(SubspaceInputs(share=share), batch=4000, points=dim + 2, dim=dim)
    assert (torch.linalg.matrix_rank(xs) == kept).all()
    assert_mean(xs[:, 0].square().sum(1), dim)
    together = torch.linalg.matrix_rank(xs.reshape(-1, dim))
    assert together == dim, "prompts share a subspace"


def test_orthants_hold_all_points_of_a_prompt_and_are_equally_likely():
    xs = drawn(OrthantInputs(), batch=4000, dim=3)
    signs = xs.sign()
    assert (signs == signs[:, :1]).all()
    assert torch.equal(xs.abs(), drawn(GaussianInputs(), batch=4000, dim=3).abs())
    codes = ((signs[:, 0] > 0) * torch.tensor([1, 2, 4])).sum(1)
    counts = torch.bincount(codes, minlength=8)
    # 500 are expected in each of the 8, with a standard deviation of 21
    assert ((counts - 500).abs() < 105).all()


def test_a_share_of_an_orthant_is_the_probability_of_each_coordinate():
    xs = drawn(OrthantInputs(share=0.3), batch=4000, points=40)
    fixed = (xs.sign() == xs.sign()[:, :1]).all(1).double()
    assert_mean(fixed, 0.3)
    free = drawn(GaussianInputs(), batch=4000, points=40)
    assert torch.equal(torch.where(fixed.bool()[:, None], free, xs), free)


def test_opposite_orthants_have_all_signs_turned_round():
    assert torch.equal(drawn(OrthantInputs(opposite=True)), -drawn(OrthantInputs()))
    half, opposite = (
        drawn(OrthantInputs(share=0.5), points=40),
        drawn(OrthantInputs(share=0.5, opposite=True), points=40),
    )
    turned = (half != opposite).any(1, keepdim=True)
    assert torch.equal(opposite, torch.where(turned, -half, half))
    assert_mean(turned.double()[:, 0], 0.5)


def test_orthogonal_queries_are_orthogonal_and_keep_their_length():
    prompts, queries = asked(OrthogonalQuery())
    for k in range(5):
        along = torch.einsum("btd,bd->bt", prompts.xs[:, :k], queries.xs[:, k])
        assert (along.abs() < 1e-9 * 25).all()
    torch.testing.assert_close(queries.xs.norm(dim=2), prompts.xs.norm(dim=2))
    # from k = d on nothing orthogonal is left
    assert torch.equal(queries.xs[:, 5:], prompts.xs[:, 5:])
    assert torch.equal(queries.xs[:, 0], prompts.xs[:, 0])


def test_orthogonal_queries_know_the_rank_of_the_context():
    prompts, queries = asked(OrthogonalQuery(), inputs=SubspaceInputs(share=0.4), batch=50)
    assert torch.equal(queries.xs[:, 2:], prompts.xs[:, 2:])
    along = torch.einsum("bd,bd->b", prompts.xs[:, 0], queries.xs[:, 1])
    assert (along.abs() < 1e-9).all()
    assert (torch.linalg.matrix_rank(torch.cat([prompts.xs, queries.xs], 1)) == 2).all()


def test_an_orthogonal_query_loses_nothing_but_its_shadow():
    """Where the context is one point three times, one direction is removed and not three."""
    point, candidate = torch.randn(2, 7, 5, dtype=torch.float64)
    query = OrthogonalQuery().draw(point[:, None].repeat(1, 3, 1), candidate, generator(0, "test"))
    along = (candidate * point).sum(1, keepdim=True) / point.square().sum(1, keepdim=True)
    rest = candidate - along * point
    expected = rest * candidate.norm(dim=1, keepdim=True) / rest.norm(dim=1, keepdim=True)
    torch.testing.assert_close(query, expected)


def test_a_partly_orthogonal_query_keeps_that_part_of_its_shadow():
    context, point = (
        torch.zeros(1, 1, 2, dtype=torch.float64),
        torch.tensor([[3.0, 4.0]], dtype=torch.float64),
    )
    context[..., 0] = 2.0
    query = OrthogonalQuery(share=0.5).draw(context, point, generator(0, "test"))
    expected = torch.tensor([[1.5, 4.0]], dtype=torch.float64) * 5 / sqrt(1.5**2 + 16)
    torch.testing.assert_close(query, expected)


def test_overlapping_queries_are_points_of_the_context_each_as_often():
    prompts, queries = asked(OverlappingQuery(), batch=3000, points=4)
    assert torch.equal(queries.xs[:, 0], prompts.xs[:, 0])
    for k in (1, 2, 3):
        equal = (prompts.xs[:, :k] == queries.xs[:, k, None]).all(2)
        assert (equal.sum(1) == 1).all()
        assert_mean(equal.double(), 1 / k)
    assert torch.equal(queries.values[:, 1], prompts.values[:, 0])


def test_which_point_is_overlapped_is_chosen_anew_for_every_number_of_examples():
    prompts, queries = asked(OverlappingQuery(), batch=4000, points=5)
    first = [(prompts.xs[:, 0] == queries.xs[:, k]).all(1).double() for k in (2, 4)]
    assert_mean(first[0] * first[1], 1 / 8)


def test_overlap_is_a_correlation_and_keeps_the_distribution():
    prompts, queries = asked(OverlappingQuery(overlap=0.6), batch=20_000, points=2)
    assert_mean(queries.xs[:, 1] * prompts.xs[:, 0], 0.6)
    assert_mean(queries.xs[:, 1].square(), 1)
    assert_mean(queries.xs[:, 1] * prompts.xs[:, 1], 0.8)


def test_fresh_queries_have_their_own_distribution_and_nothing_in_common_with_the_context():
    prompts, queries = asked(FreshQuery(inputs=UniformInputs()), dim=1, batch=20_000, points=12)
    assert (queries.xs.abs() <= 1).all()
    assert_mean(queries.xs.square()[:, :, 0], 1 / 3)
    for t in range(12):
        for feature in (prompts.xs[:, t], prompts.xs[:, t].square()):
            joint = (feature - feature.mean(0)) * (queries.xs - queries.xs.mean(0))[:, :, 0]
            assert_mean(joint, 0)


def test_paired_queries_share_the_pattern_of_the_prompt_but_not_its_points():
    inputs = SubspaceInputs(base=OrthantInputs(), share=0.4)
    query = PairedQuery(inputs=SubspaceInputs(base=OrthantInputs(share=0.0), share=0.4))
    prompts, queries = asked(query, inputs=inputs, batch=100)
    both = torch.cat([prompts.xs, queries.xs], 1)
    assert (torch.linalg.matrix_rank(both) == 2).all()
    same = (prompts.xs[:, :, None] == queries.xs[:, None]).all(3)
    assert not same.triu(1).any(), "a query is a point of its context"


def test_queries_ask_for_the_function_of_the_context_without_noise():
    scenario = Scenario(
        name="noisy", functions=DenseLinear(dim=3), n_points=5, noise_std=1.0, query=OverlappingQuery()
    )
    prompts, queries = scenario.prompts(50), scenario.queries(50)
    assert torch.equal(queries.values[:, 1], prompts.values[:, 0])
    assert torch.equal(queries.ys, queries.values)
    assert not torch.equal(prompts.ys, prompts.values)


def test_without_a_query_the_points_of_the_prompt_are_asked_for():
    prompts, queries = asked(None)
    assert torch.equal(prompts.xs, queries.xs)
    assert torch.equal(prompts.values, queries.values)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"inputs": ShiftedInputs(mean=(1.0, 2.0))}, "inputs.mean has 2 entries, but x has 3"),
        ({"inputs": ScaledInputs(base=GaussianInputs(mean=(1.0, 2.0)), factor=2.0)}, "has 2 entries"),
        ({"query": FreshQuery(inputs=GaussianInputs(spectrum=(1.0,)))}, "inputs.spectrum has 1 entries"),
        ({"query": PairedQuery(inputs=UniformInputs())}, "got uniform for the context's gaussian"),
        (
            {"inputs": OrthantInputs(), "query": PairedQuery(inputs=SkewedInputs())},
            r"got skewed\(gaussian\) for the context's orthant\(gaussian\)",
        ),
    ],
)
def test_inputs_and_queries_that_do_not_fit_are_refused(fields, complaint):
    with pytest.raises(ValidationError, match=complaint):
        Scenario(name="test", functions=DenseLinear(dim=3), **fields)
