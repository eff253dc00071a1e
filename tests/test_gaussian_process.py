"""Gaussian processes: kernels, paths that are one function, the exact posterior, and the stand-in."""

import json

import mpmath
import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.gaussian_process import GaussianProcessRegressor, kernels
from torch import Tensor

from posterior_oracle import assert_calibrated, assert_not_beaten, assert_same, within
from predictor_contract import check_degenerate_prompts, check_precision, check_predictor, gaussian_prompts
from priormix.errors import PriormixError
from priormix.functions import (
    ArcCosine,
    Combination,
    DecisionTree,
    DenseLinear,
    FunctionClass,
    GaussianProcess,
    Kernel,
    Linear,
    Matern,
    Mixture,
    Periodic,
    RationalQuadratic,
    ReluNetwork,
    SparseLinear,
    SquaredExponential,
    Sum,
    UniformInputs,
)
from priormix.kinds import json_schema
from priormix.posterior import PosteriorPredictor, bayes, exact_for, near_bayes, stand_in_for
from priormix.posterior.base import _builds, exact_predictor
from priormix.posterior.near import with_stand_ins
from priormix.posterior.stand_ins import _stand_ins
from priormix.predictors import KNearestNeighbours, LeastSquares, Prediction, Ridge
from priormix.recipe import Recipe
from priormix.streams import generator


class TextbookArcCosine(kernels.Kernel):
    """The order-1 arc-cosine kernel as [cho2009] writes it, over dim."""

    # scikit-learn wants one of a kernel's own
    def __init__(self):
        pass

    def __call__(self, X, Y=None, eval_gradient=False):  # noqa: N803
        Y = X if Y is None else Y  # noqa: N806
        lengths = np.outer(np.linalg.norm(X, axis=1), np.linalg.norm(Y, axis=1))
        angle = np.arccos(np.clip(X @ Y.T / lengths, -1, 1))
        return lengths * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (np.pi * X.shape[1])

    def diag(self, X):  # noqa: N803
        return (X**2).mean(1)

    def is_stationary(self):
        return False


KERNELS: list[tuple[Kernel, kernels.Kernel, int]] = [
    (SquaredExponential(length_scale=1.7, variance=2.5), 2.5 * kernels.RBF(1.7), 3),
    (Matern(smoothness=0.5, length_scale=0.8), kernels.Matern(0.8, nu=0.5), 3),
    (Matern(smoothness=1.5, length_scale=2.0), kernels.Matern(2.0, nu=1.5), 3),
    (Matern(smoothness=2.5, length_scale=1.3), kernels.Matern(1.3, nu=2.5), 3),
    (RationalQuadratic(length_scale=1.1, alpha=0.4), kernels.RationalQuadratic(1.1, alpha=0.4), 3),
    # scikit-learn's length scale counts in circles of radius 1
    (Periodic(length_scale=0.5, period=2.0), kernels.ExpSineSquared(2 * np.pi * 0.5 / 2.0, 2.0), 1),
    (Linear(variance=0.7), 0.7 / 3 * kernels.DotProduct(1e-100), 3),
    (ArcCosine(variance=1.4), 1.4 * TextbookArcCosine(), 3),
    (
        Sum(parts=(SquaredExponential(), ArcCosine(variance=0.2)), variance=3.0),
        3.0 * kernels.RBF(1.0) + 0.6 * TextbookArcCosine(),
        3,
    ),
]
IDS = [f"{kernel.kind}-{n}" for n, (kernel, _, _) in enumerate(KERNELS)]
SMOOTH = GaussianProcess(dim=2, kernel=SquaredExponential(length_scale=1.5))
ROUGH = GaussianProcess(dim=4, kernel=Sum(parts=(Matern(smoothness=0.5, length_scale=2.0), ArcCosine())))
NOISES = [0.0, 0.3]


def by_kind(noun):
    return noun.kind


def points(batch: int, count: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(batch, count, dim, generator=generator(seed, "points"), dtype=torch.float64)


# kernels


@pytest.mark.parametrize(("kernel", "reference", "dim"), KERNELS, ids=IDS)
def test_kernels_equal_those_of_scikit_learn(kernel: Kernel, reference: kernels.Kernel, dim: int) -> None:
    xs, others = points(2, 7, dim), points(2, 5, dim, seed=1)
    for b in range(2):
        expected = torch.tensor(reference(xs[b].numpy(), others[b].numpy()))
        torch.testing.assert_close(kernel(xs, others)[b], expected, rtol=1e-12, atol=1e-13)
        diagonal = torch.tensor(reference.diag(xs[b].numpy()))
        torch.testing.assert_close(kernel.diagonal(xs)[b], diagonal, rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(kernel(xs, xs)[b].diagonal(), diagonal, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kernel", [kernel for kernel, _, _ in KERNELS], ids=IDS)
def test_kernels_are_symmetric_and_positive(kernel: Kernel) -> None:
    xs = points(1, 60, 3)
    gram = kernel(xs, xs)[0]
    assert torch.equal(gram, gram.T)
    assert torch.linalg.eigvalsh(gram)[0] > -1e-12 * gram.trace()


def test_in_many_dimensions_a_periodic_kernel_repeats_along_every_axis() -> None:
    kernel, xs = Periodic(length_scale=0.3, period=2.0), points(1, 6, 3)
    moved = xs + torch.tensor([2.0, -4.0, 6.0])
    torch.testing.assert_close(kernel(moved, xs), kernel(xs, xs), rtol=1e-9, atol=1e-12)
    near, plain = (1 - k(xs, xs + 1e-3)[0].diagonal() for k in (kernel, SquaredExponential(length_scale=0.3)))
    torch.testing.assert_close(near, plain, rtol=1e-5, atol=0)


def test_arc_cosine_keeps_all_digits_at_small_and_at_flat_angles() -> None:
    for small in (1e-2, 1e-5, 1e-7, 1e-8, 1e-12):
        # rounding errors shrink with the kernel's slope, which vanishes at the flat angle
        for x, allowed in (((3.0, 3.0 * small), 5e-16), ((-3.0, 3.0 * small), 4e-16 * small)):
            with mpmath.workdps(60):
                theta = mpmath.atan2(mpmath.mpf(x[1]), mpmath.mpf(x[0]))
                shape = mpmath.sin(theta) + (mpmath.pi - theta) * mpmath.cos(theta)
                exact = float(shape * mpmath.hypot(*x) / (2 * mpmath.pi))
            a, b = (torch.tensor([[point]], dtype=torch.float64) for point in ((1.0, 0.0), x))
            assert abs(ArcCosine()(a, b).item() - exact) <= allowed


def test_arc_cosine_of_parallel_points_is_the_product_of_their_lengths() -> None:
    xs = points(500, 1, 3)
    for factor in (1.0, 0.1, 7.3):
        expected = factor * xs.square().mean(2, keepdim=True)
        torch.testing.assert_close(ArcCosine()(xs, factor * xs), expected, rtol=2e-15, atol=0)
    at_origin = ArcCosine()(torch.zeros_like(xs), xs)
    assert torch.equal(at_origin, torch.zeros_like(at_origin))


def test_arc_cosine_is_the_mean_over_many_relu_units() -> None:
    x = points(1, 3, 4)
    units = points(1, 400_000, 4, seed=2)[0]
    activations = (units @ x[0].T).relu()
    expected = ArcCosine()(x, x)[0]
    for i in range(3):
        for j in range(3):
            assert within(2 * activations[:, i] * activations[:, j] / 4, expected[i, j].item())


@pytest.mark.parametrize("width", [1, 40])
def test_arc_cosine_is_the_covariance_of_relu_networks_of_any_width(width: int) -> None:
    xs = points(1, 3, 2).expand(20_000, -1, -1)
    values = ReluNetwork(dim=2, width=width).draw(20_000, generator(0, "test"), torch.float64)(xs)
    _assert_covariance(values, ArcCosine()(xs[:1], xs[:1])[0])


def _assert_covariance(values: Tensor, expected: Tensor) -> None:
    """Mean 0 and the expected second moments, over independent rows of values."""
    for i in range(values.shape[1]):
        assert within(values[:, i], 0.0)
        for j in range(values.shape[1]):
            assert within(values[:, i] * values[:, j], expected[i, j].item())


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"kind": "matern", "smoothness": 2.0}, "smoothness must be 0.5, 1.5 or 2.5, got 2"),
        ({"kind": "squared_exponential", "length_scale": 0.0}, "greater than 0"),
        ({"kind": "periodic", "period": -1.0}, "greater than 0"),
        ({"kind": "arc_cosine", "variance": 0.0}, "greater than 0"),
        ({"kind": "arc_cosine", "length_scale": 1.0}, "Extra inputs"),
        ({"kind": "sum", "parts": []}, "at least 1 item"),
        ({"kind": "wavelet"}, "unknown kernel kind 'wavelet'; known: squared_exponential, matern"),
    ],
)
def test_impossible_kernels_are_refused_with_a_reason(fields: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        FunctionClass.parse({"kind": "gaussian_process", "kernel": fields})


@pytest.mark.parametrize("kernel", [kernel for kernel, _, _ in KERNELS], ids=IDS)
def test_a_recipe_with_a_gaussian_process_survives_json_and_has_an_address(kernel: Kernel) -> None:
    mixture = Mixture(components=(DenseLinear(dim=3), GaussianProcess(dim=3, kernel=kernel)))
    recipe = Recipe(mixture=mixture, n_points=5)
    again = Recipe.model_validate(json.loads(recipe.to_json()))
    assert again == recipe
    assert hash(again.mixture) == hash(mixture)
    assert again.run_id == recipe.run_id
    assert recipe.run_id != Recipe(mixture=DenseLinear(dim=3), n_points=5).run_id


def test_the_schema_lists_every_kernel() -> None:
    listed = json_schema(Recipe)["$defs"]["Kernel"]["oneOf"]
    names = {member.__name__ for member in Kernel.family.members().values()}
    assert {entry["$ref"].rsplit("/", 1)[1] for entry in listed} == names
    assert len(names) == 7


# sample paths


@pytest.mark.parametrize("kernel", [kernel for kernel, _, _ in KERNELS], ids=IDS)
def test_paths_have_the_covariance_of_their_kernel_also_between_calls(kernel: Kernel) -> None:
    dim = 1 if isinstance(kernel, Periodic) else 3
    xs = points(1, 4, dim).expand(20_000, -1, -1)
    paths = GaussianProcess(dim=dim, kernel=kernel).draw(20_000, generator(0, "test"))
    values = torch.cat([paths(xs[:, :1]), paths(xs[:, 1:3]), paths(xs[:, 3:])], 1)
    _assert_covariance(values, kernel(xs[:1], xs[:1])[0])


def test_values_of_a_path_are_normal() -> None:
    values = ROUGH.sample(5000, 2, dtype=torch.float64, inputs=UniformInputs(low=1.0, high=1.001)).values
    scale = float(ROUGH.kernel.diagonal(torch.ones(1, 1, 4, dtype=torch.float64)).sqrt())
    assert stats.kstest(values[:, 1].numpy(), stats.norm(scale=scale).cdf).pvalue > 1e-3


def test_a_path_is_one_function_however_often_it_is_asked() -> None:
    paths = SMOOTH.draw(5, generator(0, "test"))
    examples, grid = points(5, 8, 2), points(5, 30, 2, seed=1)
    first = paths(examples)
    mixed = paths(torch.cat([grid, examples.flip(1)], 1))
    assert torch.equal(mixed[:, 30:].flip(1), first)
    assert torch.equal(paths(grid), mixed[:, :30])


def test_points_that_repeat_within_a_call_have_one_value() -> None:
    xs = points(3, 5, 2)
    xs[:, 3], xs[1, 4] = xs[:, 0], xs[1, 1]
    values = SMOOTH.draw(3, generator(0, "test"))(xs)
    assert torch.equal(values[:, 3], values[:, 0])
    assert values[1, 4] == values[1, 1]
    # what comes after is still drawn given all that is distinct
    assert len(torch.unique(values[0])) == 4


@pytest.mark.parametrize("split", [1, 4, 9])
@pytest.mark.parametrize("repeated", [False, True])
def test_it_does_not_matter_how_calls_split_the_points(split: int, repeated: bool) -> None:
    xs = points(3, 10, 4)
    if repeated:
        xs[:, 6] = xs[:, 2]
    whole = ROUGH.draw(3, generator(0, "test"))(xs)
    paths = ROUGH.draw(3, generator(0, "test"))
    torch.testing.assert_close(
        torch.cat([paths(xs[:, :split]), paths(xs[:, split:])], 1), whole, rtol=1e-9, atol=1e-9
    )


def test_a_smooth_path_goes_on_through_the_points_that_it_was_asked_at() -> None:
    """Values on a grid, drawn after the examples, are where interpolation expects them."""
    curve = GaussianProcess(kernel=SquaredExponential(length_scale=1.0))
    examples = torch.linspace(-1, 1, 9, dtype=torch.float64)[None, :, None].expand(40, -1, -1)
    grid = torch.linspace(-0.9, 0.9, 50, dtype=torch.float64)[None, :, None].expand(40, -1, -1)
    paths = curve.draw(40, generator(0, "test"))
    labels, values = paths(examples), paths(grid)
    gram = curve.kernel(examples, examples)[0].numpy() + 1e-10 * np.eye(9)
    weights = np.linalg.solve(gram, curve.kernel(examples, grid)[0].numpy())
    error = (values - labels @ torch.tensor(weights)).abs()
    assert error.max() < 3e-3
    assert error.mean() > 1e-6


def test_the_same_key_gives_the_same_paths_whatever_else_is_drawn() -> None:
    xs = points(3, 6, 2)
    mixture = Mixture(components=(SMOOTH, DenseLinear(dim=2)), weights=(1.0, 0.0))
    alone = mixture.draw(3, generator(5, "test"), torch.float64)
    beside = mixture.draw(3, generator(5, "test"), torch.float64)
    beside.parts[1](xs)
    assert torch.equal(alone(xs), beside(xs))
    source, unused = generator(5, "test"), generator(5, "test")
    SMOOTH.draw(3, source)(xs)
    SMOOTH.draw(3, unused)
    assert torch.equal(torch.randn(4, generator=source), torch.randn(4, generator=unused))
    first, second = (SMOOTH.draw(3, source)(xs) for _ in range(2))
    assert not torch.isclose(first, second).any()


def test_noise_and_precision_leave_the_functions_alone() -> None:
    exact = SMOOTH.sample(4, 6, seed=3, dtype=torch.float64)
    noisy = SMOOTH.sample(4, 6, seed=3, noise_std=0.5, dtype=torch.float64)
    assert torch.equal(exact.values, noisy.values)
    assert not torch.equal(exact.ys, noisy.ys)
    xs = points(4, 6, 2).float()
    single, double = (SMOOTH.draw(4, generator(3, "test"))(part) for part in (xs, xs.double()))
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    assert torch.equal(single, double.float())


def test_points_that_float64_cannot_tell_apart_or_that_are_no_points_are_refused() -> None:
    xs = points(2, 5, 2)
    paths = SMOOTH.draw(2, generator(0, "test"))
    before = paths(xs)
    xs[0, 3, 1] = torch.nan
    with pytest.raises(PriormixError, match="'squared_exponential' cannot be drawn at these 10 points"):
        paths(xs)
    xs[0, 3, 1] = 0.5
    assert torch.equal(paths(xs)[1], before[1])


# the exact posterior


@pytest.mark.parametrize(("kernel", "reference", "dim"), KERNELS, ids=IDS)
@pytest.mark.parametrize("noise_std", [0.05, 0.5])
def test_every_prefix_equals_scikit_learns_regression(
    kernel: Kernel, reference: kernels.Kernel, dim: int, noise_std: float
) -> None:
    process = GaussianProcess(dim=dim, kernel=kernel)
    prompts = process.sample(2, 9, noise_std=noise_std, dtype=torch.float64, seed=1)
    prediction = bayes(process, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    for b in range(2):
        xs, ys = prompts.xs[b].numpy(), prompts.ys[b].numpy()
        evidence = [0.0]
        for t in range(9):
            regressor = GaussianProcessRegressor(reference, alpha=noise_std**2, optimizer=None)
            if t:
                regressor.fit(xs[:t], ys[:t])
            mean, std = regressor.predict(xs[t : t + 1], return_std=True)
            assert prediction.mean[b, t].item() == pytest.approx(mean.item(), abs=1e-6)
            assert prediction.variance[b, t].sqrt().item() == pytest.approx(std.item(), abs=1e-6)
            fitted = GaussianProcessRegressor(reference, alpha=noise_std**2, optimizer=None)
            evidence.append(fitted.fit(xs[: t + 1], ys[: t + 1]).log_marginal_likelihood_value_)
        expected = torch.tensor(np.diff(evidence))
        torch.testing.assert_close(prediction.log_density[b], expected, rtol=1e-6, atol=1e-6)
    assert torch.equal(prediction.log_component, torch.zeros(2, 9, 1, dtype=torch.float64))


@pytest.mark.parametrize("noise_std", [0.02, 0.5])
def test_with_a_linear_kernel_it_is_the_posterior_of_dense_linear_functions(noise_std: float) -> None:
    dense, process = DenseLinear(dim=4), GaussianProcess(dim=4, kernel=Linear())
    prompts = dense.sample(5, 12, noise_std=noise_std, dtype=torch.float64)
    received, expected = (
        bayes(functions, noise_std=noise_std).predict(prompts.xs, prompts.ys)
        for functions in (dense, process)
    )
    assert_same(received, expected)


def test_without_noise_it_is_the_posterior_for_noise_of_a_hundred_thousandth() -> None:
    prompts = SMOOTH.sample(5, 12, dtype=torch.float64)
    received, expected = (
        bayes(SMOOTH, noise_std=noise_std).predict(prompts.xs, prompts.ys) for noise_std in (0.0, 1e-5)
    )
    assert_same(received, expected, tolerance=1e-12)
    assert not torch.allclose(
        bayes(SMOOTH, noise_std=2e-5).predict(prompts.xs, prompts.ys).log_density, expected.log_density
    )


def test_without_noise_a_repeated_point_is_known_and_a_contradiction_costs_much() -> None:
    prompts = SMOOTH.sample(6, 9, dtype=torch.float64)
    prompts.xs[:, 6], prompts.ys[:, 6] = prompts.xs[:, 2], prompts.ys[:, 2]
    prompts.xs[:, 7], prompts.ys[:, 7] = prompts.xs[:, 3], prompts.ys[:, 3] + 1.0
    prediction = bayes(SMOOTH).predict(prompts.xs, prompts.ys)
    torch.testing.assert_close(prediction.mean[:, 6], prompts.ys[:, 2], rtol=0, atol=1e-4)
    assert (prediction.variance[:, 6:8] < 2e-10).all()
    assert (prediction.log_density[:, 6] > 8).all()
    assert (prediction.log_density[:, 7] < -1e8).all()
    for part in vars(prediction).values():
        assert part.isfinite().all()


@pytest.mark.parametrize("noise_std", NOISES)
@pytest.mark.parametrize("process", [SMOOTH, ROUGH], ids=["smooth", "rough"])
def test_calibrated_on_its_own_prior(process: GaussianProcess, noise_std: float) -> None:
    prompts = process.sample(4000, 12, noise_std=noise_std, dtype=torch.float64)
    prediction = bayes(process, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert_calibrated(prediction, prompts.values)
    # log densities too: for normal labels the mean is minus the entropy
    entropy = (2 * np.pi * np.e * (prediction.variance + noise_std**2 + 1e-10)).log() / 2
    for t in range(12):
        assert within(prediction.log_density[:, t] + entropy[:, t], 0.0)


@pytest.mark.parametrize("noise_std", NOISES)
@pytest.mark.parametrize("swapped", [False, True])
def test_calibrated_in_a_mixture_with_linear_functions(noise_std: float, swapped: bool) -> None:
    parts, weights = (DenseLinear(dim=2), SMOOTH), (0.3, 0.7)
    mixture = Mixture(components=parts[::-1] if swapped else parts, weights=weights)
    prompts = mixture.sample(4000, 9, noise_std=noise_std, dtype=torch.float64)
    prediction = bayes(mixture, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert_calibrated(prediction, prompts.values)
    probability = prediction.log_component.exp()
    truth = torch.nn.functional.one_hot(prompts.component, 2)
    for t in range(9):
        for c in range(2):
            assert within(probability[:, t, c], weights[c])
            assert within(truth[:, c] - probability[:, t, c], 0.0)
    right = probability[:, 8].gather(1, prompts.component[:, None])
    assert right.mean() > (0.999 if noise_std == 0 else 0.75)


@pytest.mark.parametrize("noise_std", NOISES)
def test_no_estimator_beats_it_on_its_own_prior(noise_std: float) -> None:
    prompts = SMOOTH.sample(1500, 15, noise_std=noise_std)
    error = (
        bayes(SMOOTH, noise_std=noise_std).predict(prompts.xs, prompts.ys).mean - prompts.values
    ).square()
    wrong = GaussianProcess(dim=2, kernel=Matern(length_scale=1.5))
    for other in (
        LeastSquares(),
        Ridge(penalty=0.2),
        KNearestNeighbours(),
        bayes(wrong, noise_std=noise_std),
    ):
        other_error = (other.predict(prompts.xs, prompts.ys).mean - prompts.values).square()
        assert_not_beaten(error, other_error, type(other).__name__)
        assert other_error[:, 10:].mean() > 1.02 * error[:, 10:].mean()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("noise_std", NOISES)
@pytest.mark.parametrize("kernel", [kernel for kernel, _, _ in KERNELS], ids=IDS)
def test_keeps_the_contract_of_predictors(kernel: Kernel, noise_std: float, dtype: torch.dtype) -> None:
    predictor = bayes(GaussianProcess(dim=3, kernel=kernel), noise_std=noise_std)
    check_predictor(predictor, *gaussian_prompts(3, 9, 3, dtype))
    if noise_std:
        check_precision(predictor, *gaussian_prompts(3, 9, 3, torch.float32))
    # labels that no function of a short period can have are met by slopes without bound
    if not (isinstance(kernel, Periodic) and noise_std == 0):
        check_degenerate_prompts(predictor, 3, dtype)


@pytest.mark.parametrize("count", [41, 130])
@pytest.mark.parametrize("noise_std", NOISES)
def test_causal_to_the_bit_also_where_the_factorisation_works_in_blocks(noise_std: float, count: int) -> None:
    curve = GaussianProcess(kernel=SquaredExponential())
    prompts = curve.sample(3, count, noise_std=noise_std, dtype=torch.float64)
    whole = bayes(curve, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    for t in range(0, count - 1, 1 + count // 40):
        for future in (torch.nan, torch.inf, 1e3):
            xs, ys = prompts.xs.clone(), prompts.ys.clone()
            xs[:, t + 1 :], ys[:, t:] = future, future
            after = bayes(curve, noise_std=noise_std).predict(xs, ys)
            _assert_same_until(after, whole, t)


def _assert_same_until(after: Prediction, before: Prediction, t: int) -> None:
    for name in ("mean", "variance", "log_component"):
        assert torch.equal(getattr(after, name)[:, : t + 1], getattr(before, name)[:, : t + 1]), (name, t)
    assert torch.equal(after.log_density[:, :t], before.log_density[:, :t]), t


def test_smooth_kernels_at_many_close_points_are_factorised() -> None:
    curve = GaussianProcess(kernel=SquaredExponential(length_scale=3.0))
    prompts = curve.sample(1, 600, dtype=torch.float64)
    prediction = bayes(curve).predict(prompts.xs, prompts.ys)
    assert (prediction.mean - prompts.values)[:, 100:].abs().max() < 1e-3


def test_a_covariance_that_cannot_be_factorised_is_refused_with_a_reason() -> None:
    class Indefinite(SquaredExponential):
        kind: str

        def unit(self, xs: Tensor, others: Tensor) -> Tensor:
            return 1 + torch.cdist(xs, others)

    process = GaussianProcess(dim=2, kernel=Indefinite(kind="of_a_test"))
    with pytest.raises(PriormixError, match="at 5 points cannot be factorised in float64"):
        bayes(process).predict(*gaussian_prompts(2, 5, 2, torch.float64))


# the stand-in for classes without an exact posterior

RELU = ReluNetwork(dim=2, width=5)
ARC_COSINE = GaussianProcess(dim=2, kernel=ArcCosine())


def test_near_bayes_stands_in_for_relu_networks_wherever_they_are() -> None:
    dense, sparse = DenseLinear(dim=2), SparseLinear(dim=2, nonzeros=1)
    assert with_stand_ins(RELU) == ARC_COSINE
    nested = Mixture(components=(dense, Mixture(components=(RELU, sparse), weights=(0.1, 0.9))))
    assert with_stand_ins(nested) == Mixture(
        components=(dense, Mixture(components=(ARC_COSINE, sparse), weights=(0.1, 0.9)))
    )
    prompts = nested.sample(4, 7, noise_std=0.2)
    prediction = near_bayes(nested, noise_std=0.2).predict(prompts.xs, prompts.ys)
    assert prediction.log_component.shape == (4, 7, 3)


def test_near_bayes_sums_gaussian_processes_and_lines_to_one_process() -> None:
    inner = Combination(parts=(RELU, DenseLinear(dim=2)), weights=(0.5, -2.0))
    outer = Combination(parts=(inner, GaussianProcess(dim=2), RELU), weights=(3.0, 1.0, 0.0))
    predictor, noise_std = near_bayes(outer, noise_std=0.3), 0.3
    prompts = outer.sample(6000, 6, noise_std=noise_std, dtype=torch.float64)
    prediction = predictor.predict(prompts.xs, prompts.ys)
    assert_calibrated(prediction, prompts.values)
    parts = (ArcCosine(variance=2.25), Linear(variance=36.0), SquaredExponential())
    expected = GaussianProcess(dim=2, kernel=Sum(parts=parts))
    assert_same(prediction, bayes(expected, noise_std=noise_std).predict(prompts.xs, prompts.ys))


@pytest.mark.parametrize("noise_std", NOISES)
@pytest.mark.parametrize(
    "exact",
    [SMOOTH, DenseLinear(dim=2), Mixture(components=(SMOOTH, SparseLinear(dim=2, nonzeros=1)))],
    ids=by_kind,
)
def test_near_bayes_is_bayes_where_everything_is_exact(exact: FunctionClass, noise_std: float) -> None:
    prompts = exact.sample(5, 8, noise_std=noise_std)
    near, full = (f(exact, noise_std=noise_std).predict(prompts.xs, prompts.ys) for f in (near_bayes, bayes))
    for name, part in vars(full).items():
        assert torch.equal(getattr(near, name), part)


def test_near_bayes_prefers_an_exact_posterior_to_a_stand_in() -> None:
    class Known(ReluNetwork):
        kind: str

    @exact_for(Known)
    def _linear(known: Known, noise_std: float) -> PosteriorPredictor:
        return exact_predictor(DenseLinear(dim=known.dim), noise_std)

    try:
        known = Known(kind="of_a_test", dim=2)
        assert with_stand_ins(Mixture(components=(known, RELU))).components == (known, ARC_COSINE)
    finally:
        del _builds[Known]


@pytest.mark.parametrize("noise_std", NOISES)
@pytest.mark.parametrize("width", [1, 5, 100])
def test_a_stand_ins_squared_error_is_what_it_says(width: int, noise_std: float) -> None:
    """The error of a linear prediction depends on the covariance alone, which is that of the network."""
    networks = ReluNetwork(dim=2, width=width)
    prompts = networks.sample(8000, 6, noise_std=noise_std, dtype=torch.float64)
    prediction = near_bayes(networks, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert_calibrated(prediction, prompts.values)


def test_the_stand_in_is_not_beaten_by_other_estimators() -> None:
    networks = ReluNetwork(dim=4, width=20)
    prompts = networks.sample(1500, 15, noise_std=0.2)
    predictors = (near_bayes(networks, noise_std=0.2), LeastSquares(), KNearestNeighbours(), Ridge())
    errors = [(p.predict(prompts.xs, prompts.ys).mean - prompts.values).square() for p in predictors]
    for other, name in zip(errors[1:], ("least squares", "neighbours", "ridge"), strict=True):
        assert_not_beaten(errors[0], other, name)


def test_bayes_points_to_near_bayes_only_where_that_has_a_stand_in() -> None:
    for lacking, has_stand_in in ((RELU, True), (DecisionTree(dim=2), False)):
        for function_class in (lacking, Mixture(components=(DenseLinear(dim=2), lacking))):
            with pytest.raises(PriormixError, match=f"class '{lacking.kind}'.*least_squares") as raised:
                bayes(function_class)
            assert ("priormix.posterior.near_bayes" in str(raised.value)) == has_stand_in
    with pytest.raises(PriormixError, match="class 'decision_tree'"):
        near_bayes(Mixture(components=(RELU, DecisionTree(dim=2))))
    with pytest.raises(ValueError, match="noise_std must be at least 0, got -1"):
        near_bayes(RELU, noise_std=-1.0)


def test_a_class_from_elsewhere_registers_a_stand_in() -> None:
    class Bumps(DecisionTree):
        kind: str

    @stand_in_for(Bumps)
    def _smooth(bumps: Bumps) -> GaussianProcess:
        return GaussianProcess(dim=bumps.dim)

    try:
        assert with_stand_ins(Bumps(kind="of_a_test", dim=3)) == GaussianProcess(dim=3)
        with pytest.raises(PriormixError, match="near_bayes"):
            bayes(Bumps(kind="of_a_test", dim=3))
    finally:
        del _stand_ins[Bumps]


def _posterior_means(networks: ReluNetwork, xs: Tensor, ys: Tensor, noise_std: float, draws: int) -> Tensor:
    """E[f(x_t) | the labels before t], (2, B, T): two independent importance samples from the prior."""
    batch, count, dim = xs.shape
    total, norm = torch.zeros(2, 2, batch, count, dtype=torch.float64)
    chunk = 400_000 // (networks.width * count)
    for c in range(draws // chunk):
        drawn = networks.draw(chunk, generator(1, "importance", c))
        hidden = drawn.hidden.reshape(-1, dim).T.contiguous()
        for b in range(batch):
            activations = (xs[b] @ hidden).relu().view(count, chunk, -1)
            values = torch.einsum("tnh,nh->tn", activations, drawn.output)
            log_likelihood = -(values - ys[b, :, None]).square() / (2 * noise_std**2)
            weights = torch.nn.functional.pad(log_likelihood[:-1].cumsum(0), (0, 0, 1, 0)).exp()
            total[c % 2, b] += (weights * values).sum(1)
            norm[c % 2, b] += weights.sum(1)
    return total / norm


@pytest.mark.slow
@pytest.mark.parametrize("dim", [1, 2])
def test_the_stand_in_is_near_bayes_and_nearer_for_wider_networks(dim: int) -> None:
    """By how much its squared error exceeds the exact posterior mean's, after 3 and after 5 examples.

    Single far prompts decide the mean over prompts, so the median is compared between widths.
    """
    gaps = {}
    for width in (5, 20, 100):
        networks = ReluNetwork(dim=dim, width=width)
        prompts = networks.sample(300 if width < 100 else 50, 6, noise_std=0.3, seed=3)
        stand_in = near_bayes(networks, noise_std=0.3).predict(prompts.xs.double(), prompts.ys.double()).mean
        first, second = _posterior_means(networks, prompts.xs, prompts.ys, 0.3, draws=200_000)
        # the errors of the two samples are independent, and cancel in the mean of the product
        gaps[width] = (stand_in - first) * (stand_in - second)
    for t in (3, 5):
        narrow, wider, wide = (gap[:, t] for gap in gaps.values())
        # without a gap either sign would be as likely
        assert stats.binomtest(int((narrow > 0).sum()), len(narrow), alternative="greater").pvalue < 1e-6
        assert 0 < wider.median() < narrow.median() / 3
        assert wide.median().abs() < narrow.median() / 10
    mean, error = narrow.mean(), narrow.std() / len(narrow) ** 0.5
    assert 4 * error < mean < 0.02
