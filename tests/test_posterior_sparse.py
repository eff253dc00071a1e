"""Sparse linear functions: the posterior over supports, with noise and in the limit without."""

from math import log, pi

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from posterior_oracle import (
    assert_calibrated,
    assert_not_beaten,
    assert_same,
    exact_prompts,
    hypotheses,
    with_noise,
    without_noise,
)
from predictor_contract import check_degenerate_prompts, check_precision, check_predictor, gaussian_prompts
from priormix.errors import PriormixError
from priormix.functions import DenseLinear, SparseLinear
from priormix.posterior import bayes
from priormix.predictors import Lasso, LeastSquares, Ridge

NOISES = [0.0, 0.2]


@pytest.mark.parametrize("noise_std", [0.01, 0.2, 1.0])
@pytest.mark.parametrize(("dim", "nonzeros"), [(6, 2), (5, 3), (4, 1), (3, 3)])
def test_with_noise_all_parts_equal_brute_force(dim: int, nonzeros: int, noise_std: float) -> None:
    sparse = SparseLinear(dim=dim, nonzeros=nonzeros)
    prompts = sparse.sample(2, 8, noise_std=noise_std, dtype=torch.float64)
    prediction = bayes(sparse, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert_same(prediction, with_noise(sparse, prompts.xs, prompts.ys, noise_std))


@pytest.mark.parametrize("origin", ["own", "more nonzeros", "fewer nonzeros", "dense", "unrelated labels"])
@pytest.mark.parametrize("nonzeros", [1, 2])
def test_without_noise_all_parts_equal_the_limit_of_vanishing_noise(nonzeros: int, origin: str) -> None:
    sparse = SparseLinear(dim=4, nonzeros=nonzeros)
    origins = {
        "own": sparse,
        "more nonzeros": SparseLinear(dim=4, nonzeros=nonzeros + 1),
        "fewer nonzeros": SparseLinear(dim=4, nonzeros=1),
        "dense": DenseLinear(dim=4),
        "unrelated labels": sparse,
    }
    generator = torch.Generator().manual_seed(nonzeros)
    xs, ys = exact_prompts(origins[origin].draw(2, generator).coefficients, 7)
    if origin == "unrelated labels":
        ys = ys.roll(1, 0)
    assert_same(bayes(sparse).predict(xs, ys), without_noise(sparse, xs, ys))


@pytest.mark.parametrize("shape", ["axes", "repeated", "equal coordinates", "zeros between"])
def test_without_noise_inputs_that_are_not_generic_equal_the_limit_too(shape: str) -> None:
    sparse = SparseLinear(dim=4, nonzeros=2)
    coefficients = torch.tensor([[1.0, 0.0, -0.5, 0.0], [0.0, 0.25, 0.0, 2.0]])
    xs, ys = exact_prompts(coefficients, 6)
    if shape == "axes":
        xs = torch.eye(4, dtype=torch.float64).repeat(2, 2, 1)[:, :6]
    if shape == "repeated":
        xs = xs[:, :1].expand(2, 6, 4)
    if shape == "equal coordinates":
        xs = torch.cat([xs[..., :2], xs[..., :2]], -1)
    if shape == "zeros between":
        xs = xs.clone()
        xs[:, 1::2, :2] = 0.0
    ys = torch.einsum("btd,bd->bt", xs, coefficients.double())
    assert_same(bayes(sparse).predict(xs, ys), without_noise(sparse, xs, ys))


def test_without_noise_supports_that_all_interpolate_weigh_with_their_volume() -> None:
    """Two supports of rank 2 fit the labels equally, and differ in what they say once the rank is full."""
    coefficients = torch.tensor([[1.5, 0.0, 0.0, 0.0, 0.0], [-0.5, 0.0, 0.0, 0.0, 0.0]])
    xs, ys = exact_prompts(coefficients, 7)
    xs[:, :5, 2], xs[:, :5, 4] = 2 * xs[:, :5, 1], -xs[:, :5, 3]
    sparse = SparseLinear(dim=5, nonzeros=3)
    prediction = bayes(sparse).predict(xs, ys)
    assert (prediction.variance[:, 5] > 0).all()
    assert_same(prediction, without_noise(sparse, xs, ys))


def test_without_noise_full_size_equals_direct_linear_algebra() -> None:
    """Up to two examples all supports weigh with their density, then one is left."""
    sparse = SparseLinear(dim=20, nonzeros=2)
    prompts = sparse.sample(3, 6, dtype=torch.float64)
    prediction = bayes(sparse).predict(prompts.xs, prompts.ys)
    for b in range(3):
        for t in (1, 2):
            x, y, query = prompts.xs[b, :t].numpy(), prompts.ys[b, :t].numpy(), prompts.xs[b, t].numpy()
            covariances = [h.covariance for h in hypotheses(sparse)]
            weights = np.exp([multivariate_normal.logpdf(y, cov=x @ c @ x.T) for c in covariances])
            means = [query @ c @ x.T @ np.linalg.solve(x @ c @ x.T, y) for c in covariances]
            expected = np.average(means, weights=weights)
            assert prediction.mean[b, t].item() == pytest.approx(expected, abs=1e-8)
            mean_of_squares = np.average(
                [
                    m**2 + query @ c @ query - query @ c @ x.T @ np.linalg.solve(x @ c @ x.T, x @ c @ query)
                    for m, c in zip(means, covariances, strict=True)
                ],
                weights=weights,
            )
            assert prediction.variance[b, t].item() == pytest.approx(mean_of_squares - expected**2, abs=1e-8)
    torch.testing.assert_close(prediction.mean[:, 3:], prompts.values[:, 3:], atol=1e-10, rtol=0)
    assert torch.equal(prediction.variance[:, 3:], torch.zeros(3, 3, dtype=torch.float64))


def test_without_noise_the_best_pair_is_fitted_where_none_interpolates() -> None:
    sparse = SparseLinear(dim=6, nonzeros=2)
    prompts = DenseLinear(dim=6).sample(4, 12, dtype=torch.float64)
    prediction = bayes(sparse).predict(prompts.xs, prompts.ys)
    for b in range(4):
        for t in range(3, 12):
            x, y = prompts.xs[b, :t].numpy(), prompts.ys[b, :t].numpy()
            fits = []
            for h in hypotheses(sparse):
                chosen = np.flatnonzero(np.diag(h.covariance))
                weights = np.linalg.lstsq(x[:, chosen], y, rcond=None)[0]
                misfit = np.sum((y - x[:, chosen] @ weights) ** 2)
                fits.append((misfit, prompts.xs[b, t, chosen].numpy() @ weights))
            assert prediction.mean[b, t].item() == pytest.approx(min(fits)[1], abs=1e-8)
    assert prediction.log_density[:, 2:].isneginf().all()


def test_small_noise_tends_to_none() -> None:
    sparse = SparseLinear(dim=8, nonzeros=2)
    prompts = sparse.sample(20, 10, dtype=torch.float64)
    exact = bayes(sparse).predict(prompts.xs, prompts.ys).mean
    gaps = [
        (bayes(sparse, noise_std=noise_std).predict(prompts.xs, prompts.ys).mean - exact).abs().median()
        for noise_std in (1e-2, 1e-4, 1e-6)
    ]
    assert gaps[0] > 10 * gaps[1]
    assert gaps[2] < 1e-9


def test_log_densities_add_up_to_the_log_evidence() -> None:
    sparse, noise_std = SparseLinear(dim=20, nonzeros=2), 0.2
    prompts = sparse.sample(2, 12, noise_std=noise_std, dtype=torch.float64)
    found = bayes(sparse, noise_std=noise_std).predict(prompts.xs, prompts.ys).log_density.sum(1)
    for b in range(2):
        x = prompts.xs[b].numpy()
        noise = noise_std**2 * np.eye(12)
        logs = [
            multivariate_normal.logpdf(prompts.ys[b].numpy(), cov=x @ h.covariance @ x.T + noise)
            for h in hypotheses(sparse)
        ]
        assert found[b].item() == pytest.approx(np.logaddexp.reduce(logs) - log(190), abs=1e-8)


def test_the_first_density_is_a_mixture_of_scales() -> None:
    sparse = SparseLinear(dim=3, nonzeros=1)
    xs, ys = torch.tensor([[[1.0, 2.0, 4.0]]]).double(), torch.tensor([[3.0]]).double()
    densities = [np.exp(-((3 / x) ** 2) / 2) / (x * (2 * pi) ** 0.5) for x in (1, 2, 4)]
    assert bayes(sparse).predict(xs, ys).log_density.item() == pytest.approx(log(np.mean(densities)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_without_noise_the_support_is_found_and_kept(dtype: torch.dtype) -> None:
    sparse = SparseLinear(dim=20, nonzeros=2)
    prompts = sparse.sample(400, 12, dtype=dtype)
    prediction = bayes(sparse).predict(prompts.xs, prompts.ys)
    assert prediction.log_density[:, :2].isfinite().all()
    assert prediction.log_density[:, 2:].isposinf().all()
    torch.testing.assert_close(prediction.mean[:, 4:], prompts.values[:, 4:], atol=1e-4, rtol=1e-4)
    assert torch.equal(prediction.variance[:, 4:], torch.zeros(400, 8, dtype=dtype))


@pytest.mark.parametrize("noise_std", NOISES)
def test_calibrated_on_its_own_prior(noise_std: float) -> None:
    sparse = SparseLinear(dim=6, nonzeros=2)
    prompts = sparse.sample(4000, 10, noise_std=noise_std, dtype=torch.float64)
    prediction = bayes(sparse, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert_calibrated(prediction, prompts.values)


@pytest.mark.parametrize("noise_std", NOISES)
def test_no_estimator_beats_it(noise_std: float) -> None:
    sparse = SparseLinear(dim=8, nonzeros=2)
    prompts = sparse.sample(500, 10, noise_std=noise_std)
    error = (
        bayes(sparse, noise_std=noise_std).predict(prompts.xs, prompts.ys).mean - prompts.values
    ).square()
    dense = bayes(DenseLinear(dim=8), noise_std=noise_std)
    for other in (LeastSquares(), Ridge(penalty=0.5), Lasso(), dense):
        other_error = (other.predict(prompts.xs, prompts.ys).mean - prompts.values).square()
        assert_not_beaten(error, other_error, type(other).__name__)


@pytest.mark.parametrize("noise_std", NOISES)
def test_all_coordinates_are_the_dense_class(noise_std: float) -> None:
    prompts = DenseLinear(dim=4).sample(5, 9, dtype=torch.float64)
    dense = bayes(DenseLinear(dim=4), noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert_same(
        bayes(SparseLinear(dim=4, nonzeros=4), noise_std=noise_std).predict(prompts.xs, prompts.ys), dense
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("noise_std", NOISES)
@pytest.mark.parametrize("nonzeros", [1, 2])
def test_keeps_the_contract_of_predictors(nonzeros: int, noise_std: float, dtype: torch.dtype) -> None:
    predictor = bayes(SparseLinear(dim=4, nonzeros=nonzeros), noise_std=noise_std)
    check_predictor(predictor, *gaussian_prompts(3, 9, 4, dtype))
    if noise_std:
        check_precision(predictor, *gaussian_prompts(3, 9, 4, torch.float32))
    check_degenerate_prompts(predictor, 4, dtype)


@pytest.mark.parametrize("noise_std", NOISES)
def test_causal_to_the_bit_on_its_own_prompts(noise_std: float) -> None:
    """On these, unlike on unrelated labels, supports are still told apart."""
    sparse = SparseLinear(dim=6, nonzeros=2)
    prompts = sparse.sample(4, 8, noise_std=noise_std)
    check_predictor(bayes(sparse, noise_std=noise_std), prompts.xs[:, :2], prompts.ys[:, :2])
    before = bayes(sparse, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    for t in range(8):
        prompts = sparse.sample(4, 8, noise_std=noise_std)
        prompts.xs[:, t + 1 :], prompts.ys[:, t:] = torch.nan, torch.nan
        after = bayes(sparse, noise_std=noise_std).predict(prompts.xs, prompts.ys)
        assert torch.equal(after.mean[:, : t + 1], before.mean[:, : t + 1])
        assert torch.equal(after.variance[:, : t + 1], before.variance[:, : t + 1])
        assert torch.equal(after.log_density[:, :t], before.log_density[:, :t])


def test_too_many_supports_are_refused() -> None:
    with pytest.raises(PriormixError, match="30,045,015 supports, too many"):
        bayes(SparseLinear(dim=30, nonzeros=10))
