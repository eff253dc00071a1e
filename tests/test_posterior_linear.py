"""Dense linear functions: ridge regression, minimum-norm least squares, and what surrounds them."""

from math import log, pi, sqrt

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from posterior_oracle import (
    assert_calibrated,
    assert_not_beaten,
    assert_same,
    exact_prompts,
    with_noise,
    within,
    without_noise,
)
from predictor_contract import check_degenerate_prompts, check_precision, check_predictor, gaussian_prompts
from priormix.errors import PriormixError
from priormix.functions import (
    DecisionTree,
    DenseLinear,
    GivenLinear,
    Mixture,
    ReluNetwork,
    Sinusoid,
)
from priormix.posterior import bayes, exact_for
from priormix.posterior.base import PosteriorPredictor
from priormix.posterior.linear import LinearPosterior
from priormix.predictors import LeastSquares, Ridge

NOISES = [0.0, 0.3]


@pytest.mark.parametrize("noise_std", [1e-3, 0.1, 2.0])
@pytest.mark.parametrize("dim", [1, 6])
def test_with_noise_all_parts_equal_the_full_covariance(dim: int, noise_std: float) -> None:
    dense = DenseLinear(dim=dim)
    prompts = dense.sample(3, 11, noise_std=noise_std, dtype=torch.float64)
    prediction = bayes(dense, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert_same(prediction, with_noise(dense, prompts.xs, prompts.ys, noise_std))


def test_with_noise_the_mean_is_ridge_regression_at_full_size() -> None:
    dense, noise_std = DenseLinear(dim=20), 0.2
    prompts = dense.sample(3, 40, noise_std=noise_std, dtype=torch.float64)
    mean = bayes(dense, noise_std=noise_std).predict(prompts.xs, prompts.ys).mean
    for b in range(3):
        for t in range(40):
            x, y = prompts.xs[b, :t].numpy(), prompts.ys[b, :t].numpy()
            weights = np.linalg.solve(x.T @ x + 20 * noise_std**2 * np.eye(20), x.T @ y)
            assert abs(weights @ prompts.xs[b, t].numpy() - mean[b, t].item()) < 1e-8


@pytest.mark.parametrize("fitted_noise", [0.0, 0.5], ids=["interpolates", "does not interpolate"])
def test_without_noise_the_mean_is_minimum_norm_least_squares(fitted_noise: float) -> None:
    dense = DenseLinear(dim=20)
    prompts = dense.sample(3, 40, noise_std=fitted_noise, dtype=torch.float64)
    mean = bayes(dense).predict(prompts.xs, prompts.ys).mean
    for b in range(3):
        for t in range(1, 40):
            weights = np.linalg.lstsq(prompts.xs[b, :t].numpy(), prompts.ys[b, :t].numpy(), rcond=None)[0]
            assert abs(weights @ prompts.xs[b, t].numpy() - mean[b, t].item()) < 1e-8


def test_without_noise_the_variance_is_what_the_span_leaves() -> None:
    prompts = DenseLinear(dim=7).sample(3, 12, dtype=torch.float64)
    variance = bayes(DenseLinear(dim=7)).predict(prompts.xs, prompts.ys).variance
    assert variance is not None
    for b in range(3):
        for t in range(12):
            x, query = prompts.xs[b, :t].numpy(), prompts.xs[b, t].numpy()
            left = query - np.linalg.pinv(x) @ x @ query if t else query
            assert abs(left @ left / 7 - variance[b, t].item()) < 1e-8
    assert torch.equal(variance[:, 7:], torch.zeros(3, 5, dtype=torch.float64))


@pytest.mark.parametrize("change", ["none", "label", "repeated point", "point at zero", "subspace"])
def test_without_noise_all_parts_equal_the_limit_of_vanishing_noise(change: str) -> None:
    dense = DenseLinear(dim=3)
    xs, ys = exact_prompts(dense.draw(3, torch.Generator().manual_seed(3)).coefficients, 7)
    if change == "label":
        ys[:, 4] += 0.5
    if change == "repeated point":
        xs[:, 1], ys[:, 1] = xs[:, 0], ys[:, 0]
    if change == "point at zero":
        xs[:, 2], ys[:, 2] = 0.0, 0.0
    if change == "subspace":
        xs[..., 2] = xs[..., 0] - xs[..., 1]
        ys = xs[..., 0] / 2 + xs[..., 2]
    assert_same(bayes(dense).predict(xs, ys), without_noise(dense, xs, ys))


@pytest.mark.parametrize("noise_std", NOISES)
def test_a_given_function_is_certain(noise_std: float) -> None:
    given = GivenLinear(dim=2, coefficients=(0.5, -1.25))
    xs, ys = exact_prompts(torch.tensor([given.coefficients] * 2), 5)
    ys[1, 3] += 0.25
    expected = with_noise(given, xs, ys, noise_std) if noise_std else without_noise(given, xs, ys)
    prediction = bayes(given, noise_std=noise_std).predict(xs, ys)
    assert_same(prediction, expected)
    assert torch.equal(prediction.variance, torch.zeros_like(ys))


def test_a_given_function_is_met_in_single_precision() -> None:
    given = GivenLinear(dim=20, coefficients=tuple(0.1 * i for i in range(20)))
    prompts = given.sample(200, 30)
    assert bayes(given).predict(prompts.xs, prompts.ys).log_density.isposinf().all()


def test_log_densities_add_up_to_the_log_evidence() -> None:
    dense, noise_std = DenseLinear(dim=20), 0.1
    prompts = dense.sample(4, 40, noise_std=noise_std, dtype=torch.float64)
    found = bayes(dense, noise_std=noise_std).predict(prompts.xs, prompts.ys).log_density.sum(1)
    free = bayes(dense).predict(prompts.xs[:, :20], prompts.values[:, :20]).log_density.sum(1)
    for b in range(4):
        x = prompts.xs[b].numpy()
        noisy = multivariate_normal.logpdf(
            prompts.ys[b].numpy(), cov=x @ x.T / 20 + noise_std**2 * np.eye(40)
        )
        assert abs(noisy - found[b].item()) < 1e-8
        # a density without noise exists as long as no point is determined
        root = x[:20] / sqrt(20)
        white = np.linalg.solve(root, prompts.values[b, :20].numpy())
        log_evidence = -(20 * log(2 * pi) + white @ white) / 2 - np.linalg.slogdet(root)[1]
        assert free[b].item() == pytest.approx(log_evidence, abs=1e-8, rel=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_without_noise_labels_are_certain_from_the_full_rank_on(dtype: torch.dtype) -> None:
    dense = DenseLinear(dim=8)
    prompts = dense.sample(3000, 20, dtype=dtype)
    log_density = bayes(dense).predict(prompts.xs, prompts.ys).log_density
    assert log_density[:, :8].isfinite().all()
    assert log_density[:, 8:].isposinf().all()
    prompts.ys[:, 12] += 0.01
    missed = bayes(dense).predict(prompts.xs, prompts.ys).log_density
    assert missed[:, 12].isneginf().all()
    assert torch.equal(missed[:, :12], log_density[:, :12])


def test_without_noise_points_that_nearly_coincide_cost_no_digits() -> None:
    generator = torch.Generator().manual_seed(0)
    offsets = torch.randn(200, 30, 20, generator=generator, dtype=torch.float64)
    centre = torch.randn(200, 1, 20, generator=generator, dtype=torch.float64)
    functions = DenseLinear(dim=20).draw(200, generator, torch.float64)
    for xs in (centre + 1e-4 * offsets, offsets * torch.logspace(0, -4, 20, dtype=torch.float64)):
        prediction = bayes(DenseLinear(dim=20)).predict(xs, functions(xs))
        assert prediction.log_density[:, :20].isfinite().all()
        assert prediction.log_density[:, 20:].isposinf().all()
        torch.testing.assert_close(prediction.mean[:, 25:], functions(xs)[:, 25:], atol=1e-12, rtol=0)


@pytest.mark.parametrize("noise_std", NOISES)
def test_calibrated_on_its_own_prior(noise_std: float) -> None:
    dense = DenseLinear(dim=6)
    prompts = dense.sample(4000, 12, noise_std=noise_std, dtype=torch.float64)
    prediction = bayes(dense, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert_calibrated(prediction, prompts.values)


@pytest.mark.parametrize("noise_std", NOISES)
def test_no_estimator_beats_it(noise_std: float) -> None:
    dense = DenseLinear(dim=6)
    prompts = dense.sample(2000, 12, noise_std=noise_std)
    error = (bayes(dense, noise_std=noise_std).predict(prompts.xs, prompts.ys).mean - prompts.values).square()
    for other in (LeastSquares(), Ridge(penalty=0.1), Ridge(penalty=5.0)):
        other_error = (other.predict(prompts.xs, prompts.ys).mean - prompts.values).square()
        assert_not_beaten(error, other_error, other.kind)


def test_the_error_falls_by_the_share_of_the_span() -> None:
    """Without noise the expected squared error after k of d examples is 1 − k/d."""
    dense = DenseLinear(dim=20)
    prompts = dense.sample(3000, 20)
    square = (bayes(dense).predict(prompts.xs, prompts.ys).mean - prompts.values).square()
    for k in (0, 5, 10, 16, 19):
        assert within(square[:, k], 1 - k / 20)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("noise_std", NOISES)
@pytest.mark.parametrize("dim", [1, 4])
def test_keeps_the_contract_of_predictors(dim: int, noise_std: float, dtype: torch.dtype) -> None:
    predictor = bayes(DenseLinear(dim=dim), noise_std=noise_std)
    check_predictor(predictor, *gaussian_prompts(3, 9, dim, dtype))
    if noise_std:
        check_precision(predictor, *gaussian_prompts(3, 9, dim, torch.float32))
    check_degenerate_prompts(predictor, dim, dtype)


@pytest.mark.parametrize("noise_std", NOISES)
def test_a_poisoned_future_reaches_no_earlier_point(noise_std: float) -> None:
    prompts = DenseLinear(dim=3).sample(2, 8)
    predictor = bayes(DenseLinear(dim=3), noise_std=noise_std)
    before = predictor.predict(prompts.xs, prompts.ys)
    prompts.xs[:, 5:], prompts.ys[:, 4:] = torch.nan, torch.nan
    after = predictor.predict(prompts.xs, prompts.ys)
    assert torch.equal(after.mean[:, :5], before.mean[:, :5])
    assert torch.equal(after.variance[:, :5], before.variance[:, :5])
    assert torch.equal(after.log_density[:, :4], before.log_density[:, :4])


def test_many_groups_of_prompts_are_put_together_in_order() -> None:
    dense = DenseLinear(dim=20)
    predictor = bayes(dense, noise_std=0.1)
    prompts = dense.sample(400, 5, noise_std=0.1, dtype=torch.float64)
    mean = predictor.predict(prompts.xs, prompts.ys).mean
    for rows in (slice(0, 1), slice(200, 203), slice(399, 400)):
        alone = predictor.predict(prompts.xs[rows], prompts.ys[rows]).mean
        torch.testing.assert_close(mean[rows], alone, rtol=1e-12, atol=1e-12)


def test_the_number_of_threads_is_put_back_even_after_an_error() -> None:
    predictor = bayes(DenseLinear(dim=2))
    torch.set_num_threads(2)
    try:
        predictor.predict(*gaussian_prompts(2, 3, 2, torch.float32))
        assert torch.get_num_threads() == 2
        with pytest.raises(RuntimeError):
            predictor.predict(torch.zeros(1, 0, 2), torch.zeros(1, 0))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("lacking", [ReluNetwork(dim=2), DecisionTree(dim=2)])
def test_a_class_without_an_exact_posterior_is_named(lacking: ReluNetwork | DecisionTree) -> None:
    nested = Mixture(components=(DenseLinear(dim=2), Mixture(components=(DenseLinear(dim=2), lacking))))
    for function_class in (lacking, nested):
        with pytest.raises(PriormixError, match=lacking.kind) as raised:
            bayes(function_class)
        for offered in ("least_squares", "ridge", "lasso", "k_nearest_neighbours"):
            assert offered in str(raised.value)


def test_arguments_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="noise_std must be at least 0, got -1"):
        bayes(DenseLinear(dim=2), noise_std=-1.0)
    predictor = bayes(DenseLinear(dim=2))
    with pytest.raises(ValueError, match=r"xs has shape \(1, 3, 4\), expected \(B, T, 2\)"):
        predictor.predict(torch.zeros(1, 3, 4), torch.zeros(1, 3))
    # the tests' type checker refuses these shapes before the predictor sees them
    with pytest.raises(ValueError, match=r"ys has shape \(1, 5\), expected \(1, 3\)"):
        predictor._check(torch.zeros(1, 3, 2), torch.zeros(1, 5))


def test_a_class_from_elsewhere_registers_its_posterior_and_mixes() -> None:
    class Steep(Sinusoid):
        kind: str = "steep_for_a_test"

    @exact_for(Steep)
    def build(function_class: Steep, noise_std: float) -> PosteriorPredictor:
        return LinearPosterior((3.0,), 0.0, noise_std)

    mixed = bayes(Mixture(components=(DenseLinear(dim=1), Steep())), noise_std=0.1)
    xs = torch.ones(1, 4, 1)
    prediction = mixed.predict(xs, 3 * xs[..., 0])
    assert prediction.log_component[0, 3, 1].exp() > 0.9
