"""Function classes: definitions, scales, and one function a prompt."""

from math import comb, cos, pi, sqrt

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import stats

from priormix.functions import (
    Combination,
    DecisionTree,
    DenseLinear,
    FunctionClass,
    GaussianInputs,
    GaussianProcess,
    GivenLinear,
    LeadingInputs,
    Mixture,
    ReluNetwork,
    Sinusoid,
    SparseLinear,
    UniformInputs,
)
from priormix.streams import generator

EVERY_CLASS = [
    DenseLinear(dim=5),
    SparseLinear(dim=5, nonzeros=2),
    ReluNetwork(dim=5, width=30),
    Sinusoid(),
    DecisionTree(dim=5),
    GaussianProcess(dim=5),
    GivenLinear(dim=2, coefficients=(1.0, -2.0)),
    Mixture(components=(DenseLinear(dim=5), DecisionTree(dim=5)), weights=(0.3, 0.7)),
    Combination(parts=(DenseLinear(dim=1), Sinusoid()), weights=(0.5, 0.5)),
]
UNIT_VARIANCE = [DenseLinear(), SparseLinear(), ReluNetwork(), DecisionTree()]


def by_kind(functions):
    return functions.kind


def test_every_registered_class_is_tested_here():
    assert set(FunctionClass.family.members()) == {functions.kind for functions in EVERY_CLASS}


@pytest.mark.parametrize("functions", EVERY_CLASS, ids=by_kind)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_prompts_have_the_promised_shapes_and_precision(functions, dtype):
    prompts = functions.sample(7, 6, dtype=dtype)
    assert prompts.xs.shape == (7, 6, functions.dim)
    assert prompts.ys.shape == prompts.values.shape == (7, 6)
    assert prompts.xs.dtype == prompts.ys.dtype == dtype
    assert torch.equal(prompts.ys, prompts.values)


@pytest.mark.parametrize("functions", EVERY_CLASS, ids=by_kind)
def test_drawn_functions_are_functions(functions):
    """The same x gives the same y, whatever points stand around it."""
    drawn = functions.draw(4, generator(0, "test"), torch.float64)
    xs = torch.randn(4, 9, functions.dim, dtype=torch.float64)
    assert torch.allclose(drawn(xs)[:, 3:5], drawn(xs[:, 3:5]), atol=1e-12)


@pytest.mark.parametrize("functions", [f for f in EVERY_CLASS if f.kind != "given_linear"], ids=by_kind)
def test_every_prompt_of_a_batch_has_a_function_of_its_own(functions):
    drawn = functions.draw(50, generator(0, "test"))
    same_points = torch.randn(1, 12, functions.dim).expand(50, -1, -1)
    values = drawn(same_points)
    assert len(torch.unique(values, dim=0)) == 50


@pytest.mark.parametrize("functions", UNIT_VARIANCE, ids=by_kind)
def test_linear_relu_and_tree_functions_have_unit_variance(functions):
    values = functions.sample(20_000, 2, dtype=torch.float64).values[:, 0]
    assert abs(values.mean()) < 5 * values.std() / sqrt(20_000)
    squares = values.square()
    assert abs(squares.mean() - 1) < 5 * squares.std() / sqrt(20_000)


def test_sinusoids_have_variance_one_half_as_published():
    values = Sinusoid().sample(40_000, 1, dtype=torch.float64).values
    squares = values.square()
    assert abs(squares.mean() - 0.5) < 5 * squares.std() / sqrt(40_000)


def test_dense_coefficients_are_independent_normals_over_the_root_of_dim():
    coefficients = DenseLinear(dim=4).draw(5000, generator(0, "test"), torch.float64).coefficients * 2
    assert stats.kstest(coefficients.flatten().numpy(), "norm").pvalue > 1e-3
    assert torch.allclose(coefficients.T.cov(), torch.eye(4, dtype=torch.float64), atol=0.08)


def test_sparse_supports_are_uniform_without_replacement():
    drawn = SparseLinear(dim=5, nonzeros=2).draw(10_000, generator(0, "test"), torch.float64)
    support = drawn.coefficients != 0
    assert (support.sum(1) == 2).all()
    codes = (support.long() * 2 ** torch.arange(5)).sum(1)
    _, counts = np.unique(codes.numpy(), return_counts=True)
    assert len(counts) == comb(5, 2)
    assert stats.chisquare(counts).pvalue > 1e-3
    nonzero = drawn.coefficients[support] * sqrt(2)
    assert stats.kstest(nonzero.numpy(), "norm").pvalue > 1e-3


def test_relu_networks_equal_the_formula():
    network = ReluNetwork(dim=3, width=4).draw(2, generator(0, "test"), torch.float64)
    x = np.array([0.3, -1.2, 0.7])
    value = network(torch.tensor(x).expand(2, 1, 3))
    for b in range(2):
        hidden = [max(0.0, float(row @ x)) for row in network.hidden[b].numpy()]
        expected = sum(out * unit for out, unit in zip(network.output[b].tolist(), hidden, strict=True))
        assert value[b, 0].item() == pytest.approx(expected, abs=1e-12)


def test_relu_weights_have_the_published_variances():
    network = ReluNetwork(dim=20, width=100).draw(200, generator(0, "test"), torch.float64)
    assert network.hidden.var().item() == pytest.approx(2, rel=0.02)
    assert network.output.var().item() == pytest.approx(1 / 2000, rel=0.05)


def test_sinusoids_equal_the_formula_and_their_frequencies_are_gamma():
    drawn = Sinusoid().draw(5000, generator(0, "test"), torch.float64)
    value = drawn(torch.full((5000, 1, 1), 0.3, dtype=torch.float64))[:, 0]
    for b in range(5):
        expected = drawn.amplitude[b].item() * cos(2 * pi * drawn.frequency[b].item() * 0.3)
        assert value[b].item() == pytest.approx(expected, abs=1e-12)
    assert stats.kstest(drawn.frequency.numpy(), stats.gamma(6, scale=1 / 6).cdf).pvalue > 1e-3
    assert stats.kstest(drawn.amplitude.numpy(), "norm").pvalue > 1e-3


def test_a_sinusoid_can_be_given():
    values = Sinusoid(frequency=0.25, amplitude=2.0).draw(3, generator(0, "test"))(torch.ones(3, 1, 1))
    assert torch.allclose(values, torch.zeros(3, 1), atol=1e-6)


def test_trees_equal_a_walk_from_the_root():
    tree = DecisionTree(dim=6, depth=4).draw(20, generator(0, "test"), torch.float64)
    xs = torch.randn(20, 5, 6, dtype=torch.float64)
    values = tree(xs)
    for b in range(20):
        for t in range(5):
            node = 0
            while node < 15:
                node = 2 * node + (2 if xs[b, t, tree.coordinates[b, node]] > 0 else 1)
            assert values[b, t] == tree.leaves[b, node - 15]


def test_components_come_with_their_weights():
    mixture = Mixture(
        components=tuple(DenseLinear(dim=2) for _ in range(4)), weights=(0.5, 0.3, 0.199, 0.001)
    )
    counts = mixture.sample(100_000, 1).component.bincount(minlength=4).numpy()
    assert stats.chisquare(counts, np.array(mixture.weights) * 100_000).pvalue > 1e-3


def test_the_component_tells_which_class_a_prompt_came_from():
    mixture = Mixture(components=(DenseLinear(dim=6), SparseLinear(dim=6, nonzeros=1)), weights=(0.5, 0.5))
    drawn = mixture.draw(300, generator(0, "test"), torch.float64)
    coefficients = drawn(torch.eye(6, dtype=torch.float64).expand(300, 6, 6))
    is_sparse = (coefficients.abs() > 1e-12).sum(1) == 1
    assert torch.equal(is_sparse, drawn.component == 1)


def test_nested_mixtures_number_their_innermost_classes_from_left_to_right():
    inner = Mixture(components=(SparseLinear(dim=6, nonzeros=1), SparseLinear(dim=6, nonzeros=2)))
    mixture = Mixture(components=(DenseLinear(dim=6), inner, SparseLinear(dim=6, nonzeros=3)))
    assert mixture.n_components == 4
    drawn = mixture.draw(2000, generator(0, "test"), torch.float64)
    nonzeros = (drawn(torch.eye(6, dtype=torch.float64).expand(2000, 6, 6)).abs() > 1e-12).sum(1)
    assert torch.equal(nonzeros, torch.tensor([6, 1, 2, 3])[drawn.component])
    assert (
        stats.chisquare(drawn.component.bincount().numpy(), [2000 / 3, 1000 / 3, 1000 / 3, 2000 / 3]).pvalue
        > 1e-3
    )


def test_combinations_add_y_values():
    parts = (DenseLinear(dim=1), Sinusoid())
    xs = torch.randn(5, 4, 1, dtype=torch.float64)
    stream = generator(0, "test")
    separately = [part.draw(5, stream, torch.float64)(xs) for part in parts]
    summed = Combination(parts=parts, weights=(0.3, 0.7)).draw(5, generator(0, "test"), torch.float64)(xs)
    assert torch.allclose(summed, 0.3 * separately[0] + 0.7 * separately[1], atol=1e-12)


def test_label_noise_is_in_what_is_observed_only():
    prompts = DenseLinear(dim=3).sample(20_000, 2, noise_std=0.5, dtype=torch.float64)
    noise = prompts.ys - prompts.values
    assert stats.kstest(noise.flatten().numpy() / 0.5, "norm").pvalue > 1e-3
    assert abs(torch.corrcoef(torch.stack([noise.flatten(), prompts.values.flatten()]))[0, 1]) < 0.03


def test_gaussian_inputs_have_the_given_mean_and_spectrum():
    inputs = GaussianInputs(mean=(1.0, 0.0, -2.0), spectrum=(4.0, 1.0, 0.25))
    xs = DenseLinear(dim=3).sample(30_000, 2, inputs=inputs, dtype=torch.float64).xs.flatten(0, 1)
    assert torch.allclose(xs.mean(0), torch.tensor([1.0, 0.0, -2.0], dtype=torch.float64), atol=0.04)
    assert torch.allclose(xs.T.cov(), torch.diag(torch.tensor([4.0, 1.0, 0.25]).double()), atol=0.08)


def test_uniform_inputs_fill_their_box():
    xs = DenseLinear(dim=2).sample(5000, 1, inputs=UniformInputs(low=-3, high=1), dtype=torch.float64).xs
    assert stats.kstest(xs.flatten().numpy(), stats.uniform(-3, 4).cdf).pvalue > 1e-3


def test_leading_inputs_silence_the_other_coordinates():
    prompts = DenseLinear(dim=4).sample(9, 3, inputs=LeadingInputs(active=2))
    assert (prompts.xs[..., 2:] == 0).all()
    assert (prompts.xs[..., :2] != 0).all()


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"kind": "sparse_linear", "dim": 3, "nonzeros": 4}, "nonzeros must be at most dim"),
        ({"kind": "mixture", "components": [{"kind": "dense_linear"}], "weights": [0.5]}, "sum to 1"),
        (
            {"kind": "mixture", "components": [{"kind": "dense_linear"}] * 2, "weights": [1.5, -0.5]},
            "negative",
        ),
        (
            {"kind": "mixture", "components": [{"kind": "dense_linear"}] * 2, "weights": [1]},
            "as many weights",
        ),
        ({"kind": "mixture", "components": [{"kind": "dense_linear"}, {"kind": "sinusoid"}]}, "same dim"),
        ({"kind": "combination", "parts": [{"kind": "sinusoid"}], "weights": []}, "as many weights"),
        ({"kind": "sinusoid", "dim": 2}, "less than or equal to 1"),
        ({"kind": "cubic"}, "unknown function class kind 'cubic'; known: .*dense_linear"),
        ({"kind": "os:getcwd"}, "--allow-imports"),
        ({}, "needs a field 'kind'"),
        ("dense_linear", "expected a function class"),
        ({"kind": "dense_linear", "size": 3}, "Extra inputs"),
    ],
)
def test_impossible_classes_are_refused_with_a_reason(fields, complaint):
    with pytest.raises((ValidationError, ValueError), match=complaint):
        FunctionClass.parse(fields)


@pytest.mark.parametrize("functions", EVERY_CLASS, ids=by_kind)
def test_a_class_survives_json_and_stays_hashable(functions):
    again = FunctionClass.parse(functions.model_dump(mode="json"))
    assert again == functions
    assert hash(again) == hash(functions)


@pytest.mark.parametrize(("count", "points", "noise"), [(0, 3, 0.0), (3, 0, 0.0), (3, 3, -1.0)])
def test_impossible_samples_are_refused(count, points, noise):
    with pytest.raises(ValueError, match="at least"):
        DenseLinear().sample(count, points, noise_std=noise)


def test_inputs_of_the_wrong_length_are_refused():
    with pytest.raises(ValueError, match="3 entries, but x has 2 coordinates"):
        DenseLinear(dim=2).sample(2, 2, inputs=GaussianInputs(mean=(0.0, 0.0, 0.0)))
