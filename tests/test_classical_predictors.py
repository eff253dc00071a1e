"""The classical estimators against their textbook definition or an independent implementation.

Every comparison goes prefix by prefix: row t of an oracle is fitted on the first t points alone.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.linear_model import Lasso as SklearnLasso
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.neighbors import KNeighborsRegressor
from torch import Tensor

from predictor_contract import check_predictor, gaussian_prompts
from prefix_oracle import Array, assert_predicts, linear, prefix_by_prefix, sklearn_fit
from priormix.functions import DenseLinear, GaussianInputs, SparseLinear
from priormix.predictors import (
    Averaging,
    KNearestNeighbours,
    Lasso,
    LeastSquares,
    Ridge,
)
from priormix.predictors.features import FeatureLeastSquares, line_and_cosine
from priormix.prompts import Prompts


def lstsq(xs: Array, ys: Array, query: Array) -> float:
    return float(np.linalg.lstsq(xs, ys, rcond=1e-9)[0] @ query)


def with_inputs(prompts: Prompts, xs: Tensor) -> Prompts:
    """The same labels at other points, which no linear function then explains."""
    return Prompts(xs, prompts.ys, prompts.values, prompts.component)


def rank_deficient() -> Prompts:
    """Points of a 3-dimensional subspace of R^8, their norm spread over two orders of magnitude."""
    prompts = linear(noise_std=0.3, dim=8, points=20)
    basis = torch.randn(3, 8, dtype=torch.float64)
    scales = torch.logspace(-1, 1, 20, dtype=torch.float64)[None, :, None]
    return with_inputs(prompts, scales * (prompts.xs[..., :3] @ basis))


def with_repeats() -> Prompts:
    """Every point twice, with different labels, and some points at zero."""
    prompts = linear(noise_std=0.3, dim=5, points=20)
    xs = prompts.xs.clone()
    xs[:, 1::2] = xs[:, ::2]
    xs[:, [0, 7, 12]] = 0.0
    return with_inputs(prompts, xs)


def skewed() -> Prompts:
    spectrum = tuple(1 / i**2 for i in range(1, 9))
    inputs = GaussianInputs(spectrum=spectrum)
    return DenseLinear(dim=8).sample(4, 20, inputs=inputs, noise_std=0.1, dtype=torch.float64)


LINEAR_DATA = {
    "noise-free": linear,
    "noisy": lambda: linear(noise_std=0.5),
    "rank-deficient": rank_deficient,
    "repeated and zero points": with_repeats,
    "skewed inputs": skewed,
    "one dimension": lambda: linear(noise_std=0.5, dim=1, points=9),
}
linear_data = pytest.mark.parametrize("prompts", LINEAR_DATA.values(), ids=LINEAR_DATA.keys())


class TestLeastSquares:
    @linear_data
    def test_is_the_minimum_norm_solution(self, prompts: Callable[[], Prompts]) -> None:
        data = prompts()
        assert_predicts(LeastSquares(), data, prefix_by_prefix(data, lstsq), 1e-8)

    def test_recovers_a_linear_function_from_as_many_points_as_dimensions(self) -> None:
        data = linear(n=64)
        error = (LeastSquares().predict(data.xs, data.ys).mean - data.values).abs()
        assert error[:, 20:].max() < 1e-8

    def test_follows_the_error_of_the_exact_posterior_mean(self) -> None:
        """On noise-free dense prompts the error after k of d points is 1 − k/d [yadlowsky2023]."""
        data = linear(n=4000, dim=10, points=12)
        error = (LeastSquares().predict(data.xs, data.ys).mean - data.values).square().mean(0)
        expected = (1 - torch.arange(12) / 10).clamp(min=0).double()
        torch.testing.assert_close(error, expected, rtol=0.0, atol=0.1)

    def test_rounding_in_single_precision_is_no_new_direction(self) -> None:
        """Points of a subspace leave it by rounding; to fit label noise with that would be ruinous."""
        data = linear(noise_std=0.5, dim=8, points=40).to(dtype=torch.float32)
        data = with_inputs(data, data.xs[..., :3] @ torch.randn(3, 8))

        def within_subspace(xs: Array, ys: Array, query: Array) -> float:
            return float(np.linalg.lstsq(xs, ys, rcond=1e-5)[0] @ query)

        assert_predicts(LeastSquares(), data, prefix_by_prefix(data, within_subspace), 1e-4)

    def test_keeps_its_digits_where_the_inputs_are_ill_conditioned(self) -> None:
        data = linear(n=2, dim=6, points=30)
        xs = data.xs * torch.logspace(0, -5, 6, dtype=torch.float64)
        data = with_inputs(data, xs)
        assert_predicts(LeastSquares(), data, prefix_by_prefix(data, lstsq), 1e-6)


class TestRidge:
    @linear_data
    @pytest.mark.parametrize("penalty", [1e-3, 1.0, 30.0])
    def test_agrees_with_sklearn(self, prompts: Callable[[], Prompts], penalty: float) -> None:
        data = prompts()
        oracle = sklearn_fit(SklearnRidge(alpha=penalty, fit_intercept=False, solver="svd"))
        assert_predicts(Ridge(penalty=penalty), data, prefix_by_prefix(data, oracle), 1e-9)

    def test_becomes_least_squares_as_the_penalty_vanishes(self) -> None:
        data = linear(n=4, dim=6, points=20)
        assert_predicts(Ridge(penalty=1e-12), data, LeastSquares().predict(data.xs, data.ys).mean, 1e-5)


def optimality_gap(xs: Array, ys: Array, weights: Array, penalty: float) -> float:
    """The gap between the Lasso's objective and a lower bound of it, the dual's: 0 only at a minimum."""
    n = len(ys)
    residual = ys - xs @ weights
    scale = min(1.0, n * penalty / max(float(np.abs(xs.T @ residual).max()), 1e-300))
    dual = (ys @ ys - ((ys - scale * residual) ** 2).sum()) / (2 * n)
    return float(residual @ residual / (2 * n) + penalty * np.abs(weights).sum() - dual)


class TestLasso:
    @pytest.mark.parametrize("penalty", [1.0, 0.1, 0.01, 0.001, 0.0001])
    @pytest.mark.parametrize("noise_std", [0.0, 0.5])
    def test_agrees_with_sklearn(self, penalty: float, noise_std: float) -> None:
        """Fewer examples than dimensions come below, as there scikit-learn's sweeps hardly converge."""
        data = SparseLinear().sample(2, 41, noise_std=noise_std, dtype=torch.float64)
        oracle = SklearnLasso(alpha=penalty, fit_intercept=False, tol=1e-12, max_iter=1_000_000)
        path = Lasso(penalties=(penalty,)).predict_path(data.xs, data.ys)
        few = range(1, 41) if penalty >= 0.01 else range(24, 41)
        for t in few:
            for b in range(len(data)):
                expected = sklearn_fit(oracle)(
                    data.xs[b, :t].numpy(), data.ys[b, :t].numpy(), data.xs[b, t].numpy()
                )
                assert oracle.n_iter_ < oracle.max_iter
                assert abs(path[0, b, t] - expected) < 1e-5

    @linear_data
    def test_reaches_the_minimum_whatever_the_inputs(self, prompts: Callable[[], Prompts]) -> None:
        """A basis of queries reads off the weights, which the dual problem then proves optimal."""
        data = prompts()
        lasso = Lasso()
        for t in (1, 2, 5, data.dim, data.n_points - 1):
            weights = weights_after(lasso, data, t)
            for b in range(len(data)):
                xs, ys = data.xs[b, :t].numpy(), data.ys[b, :t].numpy()
                for w, penalty in zip(weights[:, b].numpy(), lasso.penalties, strict=True):
                    assert optimality_gap(xs, ys, w, penalty) < 1e-9 * (ys @ ys)

    def test_equal_coordinates_and_ties_do_not_stop_it(self) -> None:
        data = linear(noise_std=0.5, dim=6, points=15)
        xs = data.xs.round()
        xs[..., 3:] = xs[..., :3]
        data = with_inputs(data, xs)
        for t in (2, 4, 14):
            weights = weights_after(Lasso(), data, t)
            for b in range(len(data)):
                for w, penalty in zip(weights[:, b].numpy(), Lasso().penalties, strict=True):
                    ys = data.ys[b, :t].numpy()
                    assert optimality_gap(xs[b, :t].numpy(), ys, w, penalty) < 1e-9 * (ys @ ys)

    def test_finds_a_sparse_function_from_fewer_points_than_dimensions(self) -> None:
        data = SparseLinear(dim=20, nonzeros=2).sample(256, 17)
        lasso, least_squares = (p.predict(data.xs, data.ys).mean for p in (Lasso(), LeastSquares()))
        error, dense_error = ((mean - data.values)[:, 16].square().mean() for mean in (lasso, least_squares))
        assert error < dense_error / 5

    def test_uses_the_penalty_that_predicted_the_earlier_points_best(self) -> None:
        data = linear(noise_std=1.0, n=3, dim=4, points=15)
        lasso = Lasso(penalties=(1.0, 0.1, 0.001))
        path = lasso.predict_path(data.xs, data.ys)
        mean = lasso.predict(data.xs, data.ys).mean
        choices = set()
        for b in range(3):
            for t in range(15):
                past = [float((path[i, b, :t] - data.ys[b, :t]).square().sum()) for i in range(3)]
                best = past.index(min(past))
                choices.add(best)
                assert mean[b, t] == path[best, b, t]
        assert len(choices) > 1

    def test_one_penalty_is_the_plain_lasso(self) -> None:
        data = linear(dim=4, points=9)
        lasso = Lasso(penalties=(0.05,))
        assert torch.equal(lasso.predict(data.xs, data.ys).mean, lasso.predict_path(data.xs, data.ys)[0])

    def test_needs_a_positive_penalty(self) -> None:
        for penalties in ((), (0.0,), (1.0, -1.0)):
            with pytest.raises(ValidationError):
                Lasso(penalties=penalties)


def weights_after(lasso: Lasso, data: Prompts, t: int) -> Tensor:
    """The weights (L, B, D) on the first t points, as the predictions at the unit vectors."""
    batch, dim = len(data), data.dim
    queries = torch.eye(dim, dtype=torch.float64).repeat(batch, 1)[:, None]
    xs = torch.cat([data.xs[:, :t].repeat_interleave(dim, 0), queries], 1)
    ys = torch.cat(
        [data.ys[:, :t].repeat_interleave(dim, 0), torch.zeros(batch * dim, 1, dtype=torch.float64)], 1
    )
    return lasso.predict_path(xs, ys)[:, :, -1].view(-1, batch, dim)


class TestNearestNeighbours:
    @pytest.mark.parametrize("neighbours", [1, 3, 50])
    def test_agrees_with_sklearn(self, neighbours: int) -> None:
        data = linear(noise_std=0.5)

        def oracle(xs: Array, ys: Array, query: Array) -> float:
            return sklearn_fit(KNeighborsRegressor(min(neighbours, len(ys))))(xs, ys, query)

        assert_predicts(
            KNearestNeighbours(neighbours=neighbours), data, prefix_by_prefix(data, oracle), 1e-12
        )

    def test_of_equally_distant_points_the_earlier_one_is_nearer(self) -> None:
        xs = torch.tensor([[[1.0], [-1.0], [1.0], [0.0]]])
        ys = torch.tensor([[1.0, 2.0, 4.0, 0.0]])
        mean = KNearestNeighbours(neighbours=2).predict(xs, ys).mean
        assert mean.tolist() == [[0.0, 1.0, 1.5, 1.5]]


class TestAveraging:
    def test_by_hand(self) -> None:
        xs = torch.tensor([[[1.0, 0.0], [2.0, 1.0], [1.0, -1.0]]])
        ys = torch.tensor([[3.0, 5.0, 7.0]])
        # w is (3, 0) after one example and ((3, 0) + (10, 5)) / 2 after two
        assert Averaging().predict(xs, ys).mean.tolist() == [[0.0, 6.0, 4.0]]

    def test_approaches_a_linear_function_of_normal_inputs(self) -> None:
        data = linear(n=32, dim=2, points=2001)
        error = Averaging().predict(data.xs, data.ys).mean - data.values
        assert error[:, -1].square().mean() < 0.01


def test_least_squares_on_features_is_a_predictor_too() -> None:
    xs, ys = gaussian_prompts(3, 7, 1, torch.float64)
    check_predictor(FeatureLeastSquares(line_and_cosine(0.7)), xs, ys)
