"""Measurement: intervals that cover, and predictors that meet the same prompts."""

import numpy as np
import pytest
import torch
from scipy import stats

from priormix.functions import DenseLinear, Mixture, SparseLinear
from priormix.measure import Scenario, evaluate, learning_curve, mean_over_prompts, ratio_of_means
from priormix.posterior import bayes
from priormix.predictors import Averaging, LeastSquares


def test_intervals_equal_scipys_normal_interval():
    samples = torch.randn(500, 3, dtype=torch.float64)
    estimate = mean_over_prompts(samples)
    low, high = stats.norm.interval(0.95, samples.numpy().mean(0), stats.sem(samples.numpy()))
    np.testing.assert_allclose(estimate.low.numpy(), low, atol=1e-6)
    np.testing.assert_allclose(estimate.high.numpy(), high, atol=1e-6)


def test_intervals_of_squared_errors_cover_the_truth_about_as_often_as_they_say():
    samples = torch.randn(400, 1000, dtype=torch.float64).square()
    estimate = mean_over_prompts(samples)
    covered = ((estimate.low < 1) & (estimate.high > 1)).double().mean().item()
    assert 0.92 < covered < 0.97


def test_ratio_intervals_cover_the_truth_too():
    shared = torch.rand(400, 1000, dtype=torch.float64) + 0.5
    numerator = shared * torch.rand(400, 1000, dtype=torch.float64)
    estimate = ratio_of_means(numerator, shared)
    covered = ((estimate.low < 0.5) & (estimate.high > 0.5)).double().mean().item()
    assert 0.92 < covered < 0.97


def test_least_squares_follows_the_known_learning_curve():
    """Without noise the expected error after k examples is 1 − k/d, and 0 from k = d on."""
    curve = learning_curve(LeastSquares(), DenseLinear(dim=5), 4000, n_points=8)
    truth = np.maximum(0, 1 - np.arange(8) / 5)
    standard_error = (curve.high - curve.low) / (2 * 1.96)
    assert (np.abs(curve.mean - truth) <= 4 * standard_error + 1e-9).all()
    assert curve.n_prompts == 4000


def test_all_predictors_meet_the_same_prompts():
    scenario = Scenario(name="dense", functions=DenseLinear(dim=3), n_points=6)
    together = evaluate({"a": LeastSquares(), "b": Averaging()}, scenario, 50, seed=3)
    alone = evaluate({"b": Averaging()}, scenario, 50, seed=3)
    assert torch.equal(together.means["b"], alone.means["b"])
    assert torch.equal(together.values, scenario.prompts(50, seed=3).values)


def test_paired_intervals_are_narrower_than_unpaired_ones():
    scenario = Scenario(name="dense", functions=DenseLinear(dim=3), n_points=6)
    measured = evaluate({"a": LeastSquares(), "b": LeastSquares(), "c": Averaging()}, scenario, 200)
    same = measured.mse_difference("a", "b")
    assert (same.mean == 0).all()
    assert (same.high == same.low).all()
    difference = measured.mse_difference("c", "a").mean
    assert torch.allclose(difference, measured.mse("c").mean - measured.mse("a").mean, atol=1e-6)


def test_errors_are_against_the_noise_free_value():
    scenario = Scenario(name="noisy", functions=DenseLinear(dim=2), n_points=5, noise_std=2.0)
    prompts = scenario.prompts(100)
    measured = evaluate({"a": LeastSquares()}, scenario, 100)
    expected = (LeastSquares().predict(prompts.xs, prompts.ys).mean - prompts.values).square()
    assert torch.equal(measured.squared_errors("a"), expected)


def test_predicting_zero_leaves_everything_unexplained():
    scenario = Scenario(
        name="mixed", functions=Mixture(components=(DenseLinear(dim=4), SparseLinear(dim=4))), n_points=3
    )
    measured = evaluate({"a": LeastSquares()}, scenario, 300)
    assert measured.unexplained("a").mean[0].item() == pytest.approx(1)


def test_relative_distance_is_one_between_the_two_themselves_and_zero_to_itself():
    scenario = Scenario(name="dense", functions=DenseLinear(dim=3), n_points=6)
    measured = evaluate({"a": LeastSquares(), "b": Averaging()}, scenario, 100)
    assert torch.allclose(
        measured.relative_distance("a", "b", "a", "b").mean[3:], torch.ones(3, dtype=torch.float64)
    )
    assert (measured.relative_distance("a", "a", "a", "b").mean[3:] == 0).all()


def test_exact_bayes_mixtures_keep_their_log_posterior_and_others_have_none():
    mixture = Mixture(components=(DenseLinear(dim=3), SparseLinear(dim=3, nonzeros=1)))
    scenario = Scenario(name="mixed", functions=mixture, n_points=5)
    exact = bayes(mixture)
    measured = evaluate({"a": LeastSquares(), "b": exact}, scenario, 40)
    prompts = scenario.prompts(40)
    assert set(measured.log_component) == {"b"}
    assert torch.equal(measured.log_component["b"], exact.predict(prompts.xs, prompts.ys).log_component)
    chosen = measured.log_component["b"].argmax(-1)[:, -1]
    assert (chosen == prompts.component).double().mean() > 0.9
