"""Sinusoids: the posterior over frequencies, with noise and in the limit without."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from frequency_oracle import WaveModel, few_points, roots, with_noise
from posterior_oracle import assert_calibrated, assert_not_beaten, within
from predictor_contract import check_degenerate_prompts, check_precision, check_predictor, gaussian_prompts
from priormix.functions import DenseLinear, FunctionClass, GivenLinear, Mixture, Sinusoid
from priormix.posterior import bayes
from priormix.posterior.combination import with_refinement
from priormix.posterior.few_points import Repeats
from priormix.posterior.frequency import FrequencyPosterior
from priormix.posterior.minima import search_minima
from priormix.posterior.roots import follow_roots
from priormix.posterior.table import Table
from priormix.predictors import KNearestNeighbours, LeastSquares, Prediction

NOISES = [0.0, 0.1]
CLASSES = {
    "published": (Sinusoid(), WaveModel()),
    "amplitude known": (Sinusoid(amplitude=1.0), WaveModel(std=0.0, mean=1.0)),
    "low and wide": (Sinusoid(shape=3.0, scale=0.2), WaveModel(shape=3.0, scale=0.2)),
}


@pytest.mark.parametrize("noise_std", [0.05, 0.5])
@pytest.mark.parametrize("name", CLASSES)
def test_with_noise_all_parts_equal_brute_force(name: str, noise_std: float) -> None:
    sinusoid, model = CLASSES[name]
    prompts = sinusoid.sample(2, 5, noise_std=noise_std, dtype=torch.float64, seed=5)
    prediction = bayes(sinusoid, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert_equals_oracle(prediction, model, prompts.xs, prompts.ys, noise_std)


def assert_equals_oracle(
    prediction: Prediction, model: WaveModel, xs: torch.Tensor, ys: torch.Tensor, noise_std: float
) -> None:
    for b in range(len(xs)):
        answers = with_noise(model, xs[b, :, 0].numpy(), ys[b].numpy(), noise_std, nodes=20_000)
        evidence = np.diff([answer.log_evidence for answer in answers])
        for t, answer in enumerate(answers[:-1]):
            assert prediction.mean[b, t].item() == pytest.approx(answer.mean, abs=1e-6)
            assert prediction.variance[b, t].item() == pytest.approx(answer.variance, abs=1e-6)
            assert prediction.log_density[b, t].item() == pytest.approx(evidence[t], abs=1e-6)
    assert torch.equal(prediction.log_component, torch.zeros(*ys.shape, 1, dtype=torch.float64))


@pytest.mark.parametrize("name", CLASSES)
def test_without_noise_one_example_equals_adaptive_quadrature(name: str) -> None:
    sinusoid, model = CLASSES[name]
    prompts = sinusoid.sample(2, 3, dtype=torch.float64, seed=5)
    prediction = bayes(sinusoid).predict(prompts.xs, prompts.ys)
    for b in range(2):
        for t in range(1 + (model.std > 0)):
            x, y = prompts.xs[b, :, 0].numpy(), prompts.ys[b].numpy()
            answer = few_points(model, x[:t], y[:t], x[t])
            assert prediction.mean[b, t].item() == pytest.approx(answer.mean, abs=1e-6)
            assert prediction.variance[b, t].item() == pytest.approx(answer.variance, abs=1e-6)
            if t == 1:
                assert prediction.log_density[b, 0].item() == pytest.approx(answer.log_evidence, abs=1e-6)


@pytest.mark.parametrize("name", CLASSES)
def test_without_noise_the_next_example_leaves_the_roots_by_their_densities(name: str) -> None:
    sinusoid, model = CLASSES[name]
    prompts = sinusoid.sample(8, 4, dtype=torch.float64, seed=6)
    prediction = bayes(sinusoid).predict(prompts.xs, prompts.ys)
    t = 1 + (model.std > 0)
    for b in range(8):
        x, y = prompts.xs[b, :, 0].numpy(), prompts.ys[b].numpy()
        answer = roots(model, x[:t], y[:t], x[t])
        assert prediction.mean[b, t].item() == pytest.approx(answer.mean, abs=1e-6)
        assert prediction.variance[b, t].item() == pytest.approx(answer.variance, abs=1e-6)
        log_evidence = prediction.log_density[b, :t].sum().item()
        assert log_evidence == pytest.approx(answer.log_evidence, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_without_noise_the_frequency_is_found_and_kept(dtype: torch.dtype) -> None:
    prompts = Sinusoid().sample(500, 12, dtype=dtype)
    prediction = bayes(Sinusoid()).predict(prompts.xs, prompts.ys)
    assert (prediction.mean - prompts.values)[:, 8:].square().mean() < 1e-8
    assert prediction.log_density[:, :2].isfinite().all()
    assert prediction.log_density[:, 4:].isposinf().all()
    assert (prediction.variance[:, 6:] == 0).float().mean() > 0.99


def test_without_noise_two_roots_that_nearly_touch_are_both_found() -> None:
    """The ratio of two labels has an extremum in ω; next to it two frequencies give the same ratio."""
    x = np.array([0.9, 1.7, 0.4])

    def slope(frequency: float) -> float:
        c, t = np.cos(2 * np.pi * frequency * x), x * np.sin(2 * np.pi * frequency * x)
        return float(t[1] * c[0] - t[0] * c[1])

    extremum = brentq(slope, 1.2, 1.21, xtol=1e-14)
    for distance in (1e-3, 3e-4, 1e-4):
        y = np.cos(2 * np.pi * (extremum + distance) * x)
        answer = roots(WaveModel(), x[:2], y[:2], x[2], nodes=400_000)
        xs, ys = torch.tensor(x)[None, :, None], torch.tensor(y)[None]
        prediction = bayes(Sinusoid()).predict(xs, ys)
        assert prediction.mean[0, 2].item() == pytest.approx(answer.mean, abs=1e-6)
        assert prediction.log_density[0, :2].sum().item() == pytest.approx(answer.log_evidence, abs=1e-5)


def test_without_noise_the_search_for_the_best_fit_agrees_with_the_roots() -> None:
    prompts = Sinusoid().sample(30, 10, dtype=torch.float64)
    predictor = bayes(Sinusoid())
    assert isinstance(predictor, FrequencyPosterior)
    problem = predictor.problem(prompts.xs, prompts.ys, 1e-9)
    repeats, by_roots, by_search = Repeats.of(problem), Table.empty(problem), Table.empty(problem)
    found = follow_roots(problem, repeats, by_roots)
    search_minima(problem, repeats, found, by_search)
    assert found[2:].all()
    # before that the search keeps the lowest minima only
    for name in ("mean", "misfit", "point_masses", "log_density"):
        left, right = (getattr(table, name)[6:] for table in (by_roots, by_search))
        torch.testing.assert_close(left, right, atol=1e-6, rtol=0)


@pytest.mark.parametrize("frequency", [0.05, 0.3, 3.0, 7.0, 10.0])
def test_without_noise_frequencies_far_out_of_the_distribution_are_found(frequency: float) -> None:
    prompts = Sinusoid(frequency=frequency).sample(200, 8)
    prediction = bayes(Sinusoid()).predict(prompts.xs, prompts.ys)
    assert (prediction.mean - prompts.values)[:, 4:].square().mean() < 1e-4


def test_without_noise_the_best_wave_is_fitted_where_none_interpolates() -> None:
    prompts = DenseLinear(dim=1).sample(6, 9, dtype=torch.float64)
    prediction = bayes(Sinusoid()).predict(prompts.xs, prompts.ys)
    grid = np.linspace(1e-4, WaveModel().highest, 200_000)
    for b in range(6):
        for t in range(3, 9):
            x, y = prompts.xs[b, :, 0].numpy(), prompts.ys[b].numpy()
            waves = np.cos(2 * np.pi * grid[:, None] * x[:t])
            amplitude = (waves @ y[:t]) / np.square(waves).sum(1)
            misfit = np.square(y[:t] - amplitude[:, None] * waves).sum(1)
            best = misfit.argmin()
            expected = amplitude[best] * np.cos(2 * np.pi * grid[best] * x[t])
            assert prediction.mean[b, t].item() == pytest.approx(expected, abs=0.02)
    assert prediction.log_density[:, 3:].isneginf().all()


def test_small_noise_tends_to_none() -> None:
    prompts = Sinusoid().sample(30, 8, dtype=torch.float64)
    exact = bayes(Sinusoid()).predict(prompts.xs, prompts.ys)
    gaps = [
        (bayes(Sinusoid(), noise_std=noise_std).predict(prompts.xs, prompts.ys).mean - exact.mean).abs()
        for noise_std in (1e-2, 1e-3, 1e-4)
    ]
    assert gaps[0].median() > 10 * gaps[1].median()
    assert gaps[2].median() < 1e-6
    # roots next to each other are told apart late
    assert gaps[2][:, 1:3].quantile(0.9) < 1e-3


@pytest.mark.parametrize("noise_std", [0.0, 0.01, 0.1, 0.5])
@pytest.mark.parametrize("origin", ["own", "line", "0.05", "10"])
def test_halving_every_step_changes_nothing(origin: str, noise_std: float) -> None:
    origins: dict[str, FunctionClass] = {"own": Sinusoid(), "line": DenseLinear(dim=1)}
    functions = origins.get(origin) or Sinusoid(frequency=float(origin))
    prompts = functions.sample(40, 12, noise_std=noise_std, seed=3)
    once = bayes(Sinusoid(), noise_std=noise_std).predict(prompts.xs, prompts.ys).mean
    twice = with_refinement(Sinusoid(), noise_std, 2).predict(prompts.xs, prompts.ys).mean
    torch.testing.assert_close(once, twice, atol=1e-4, rtol=0)


def test_a_frequency_that_is_known_is_a_regression_on_its_cosine() -> None:
    noise_std, sinusoid = 0.2, Sinusoid(frequency=0.7)
    prompts = sinusoid.sample(5, 6, noise_std=noise_std, dtype=torch.float64)
    prediction = bayes(sinusoid, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    c = torch.cos(2 * torch.pi * 0.7 * prompts.xs[..., 0])
    for t in range(6):
        precision = 1 + c[:, :t].square().sum(1) / noise_std**2
        mean = c[:, t] * (c[:, :t] * prompts.ys[:, :t]).sum(1) / noise_std**2 / precision
        torch.testing.assert_close(prediction.mean[:, t], mean, atol=1e-10, rtol=0)
        torch.testing.assert_close(
            prediction.variance[:, t], c[:, t].square() / precision, atol=1e-10, rtol=0
        )


def test_a_wave_that_is_known_is_certain() -> None:
    sinusoid = Sinusoid(frequency=0.7, amplitude=2.0)
    prompts = sinusoid.sample(3, 5)
    prediction = bayes(sinusoid).predict(prompts.xs, prompts.ys)
    torch.testing.assert_close(prediction.mean, prompts.values, atol=1e-5, rtol=0)
    assert prediction.log_density.isposinf().all()
    silent = bayes(Sinusoid(amplitude=0.0)).predict(prompts.xs, prompts.ys)
    assert torch.equal(silent.mean, torch.zeros_like(prompts.ys))


@pytest.mark.parametrize("noise_std", NOISES)
def test_calibrated_on_its_own_prior(noise_std: float) -> None:
    prompts = Sinusoid().sample(800, 8, noise_std=noise_std, dtype=torch.float64)
    assert_calibrated(bayes(Sinusoid(), noise_std=noise_std).predict(prompts.xs, prompts.ys), prompts.values)


@pytest.mark.parametrize("noise_std", NOISES)
def test_a_mixture_with_lines_is_calibrated_and_stays_at_its_prior(noise_std: float) -> None:
    mixture = Mixture(components=(DenseLinear(dim=1), Sinusoid()), weights=(0.3, 0.7))
    prompts = mixture.sample(600, 7, noise_std=noise_std, dtype=torch.float64)
    prediction = bayes(mixture, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert_calibrated(prediction, prompts.values)
    probability = prediction.log_component.exp()
    for t in range(7):
        assert within(probability[:, t, 0], 0.3)
        assert within((prompts.component == 0).double() - probability[:, t, 0], 0.0)
    chosen = probability[torch.arange(600), 6, prompts.component]
    assert chosen.mean() > (0.999 if noise_std == 0 else 0.9)


@pytest.mark.parametrize("noise_std", NOISES)
def test_no_estimator_beats_it(noise_std: float) -> None:
    prompts = Sinusoid().sample(400, 8, noise_std=noise_std)
    error = (
        bayes(Sinusoid(), noise_std=noise_std).predict(prompts.xs, prompts.ys).mean - prompts.values
    ).square()
    for other in (LeastSquares(), KNearestNeighbours(neighbours=3)):
        other_error = (other.predict(prompts.xs, prompts.ys).mean - prompts.values).square()
        assert_not_beaten(error, other_error, type(other).__name__)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("noise_std", NOISES)
@pytest.mark.parametrize("name", ["published", "amplitude known"])
def test_keeps_the_contract_of_predictors(name: str, noise_std: float, dtype: torch.dtype) -> None:
    predictor = bayes(CLASSES[name][0], noise_std=noise_std)
    check_predictor(predictor, *gaussian_prompts(3, 7, 1, dtype))
    if noise_std:
        check_precision(predictor, *gaussian_prompts(3, 7, 1, torch.float32))
    check_degenerate_prompts(predictor, 1, dtype)


@pytest.mark.parametrize("noise_std", NOISES)
def test_causal_to_the_bit_on_its_own_prompts(noise_std: float) -> None:
    predictor = bayes(Sinusoid(), noise_std=noise_std)
    before = _predicted(noise_std, poisoned_from=8)
    assert before.mean.isfinite().all()
    for t in range(8):
        after = _predicted(noise_std, poisoned_from=t)
        for name in ("mean", "variance", "log_component"):
            assert torch.equal(getattr(after, name)[:, : t + 1], getattr(before, name)[:, : t + 1]), name
        assert torch.equal(after.log_density[:, :t], before.log_density[:, :t])
    prompts = Sinusoid().sample(3, 7, noise_std=noise_std)
    check_predictor(predictor, prompts.xs, prompts.ys)


def _predicted(noise_std: float, poisoned_from: int) -> Prediction:
    prompts = Sinusoid().sample(6, 8, noise_std=noise_std)
    prompts.xs[:, poisoned_from + 1 :] = torch.nan
    prompts.ys[:, poisoned_from:] = torch.nan
    return bayes(Sinusoid(), noise_std=noise_std).predict(prompts.xs, prompts.ys)


def test_without_noise_repeated_points_tell_nothing_new_and_must_agree() -> None:
    """The prompt with every point twice has the means of the one without, and is certain of the repeats."""
    prompts = Sinusoid().sample(20, 5, dtype=torch.float64)
    twice_xs, twice_ys = prompts.xs.repeat_interleave(2, 1), prompts.ys.repeat_interleave(2, 1)
    # a wave is even: −x tells what x tells
    twice_xs[:, 1::2] *= -1
    once = bayes(Sinusoid()).predict(prompts.xs, prompts.ys)
    twice = bayes(Sinusoid()).predict(twice_xs, twice_ys)
    torch.testing.assert_close(twice.mean[:, ::2], once.mean, atol=1e-6, rtol=0)
    torch.testing.assert_close(twice.log_density[:, ::2], once.log_density, atol=1e-5, rtol=0)
    torch.testing.assert_close(twice.mean[:, 1::2], prompts.ys, atol=1e-6, rtol=0)
    assert twice.log_density[:, 1::2].isposinf().all()
    broken = twice_ys.clone()
    broken[:, 1] += 0.5
    assert bayes(Sinusoid()).predict(twice_xs, broken).log_density[:, 1].isneginf().all()


def test_a_given_slope_is_no_wave() -> None:
    """The linear prompts that fit no wave hand a mixture over to the line."""
    mixture = Mixture(components=(GivenLinear(), Sinusoid()))
    prompts = GivenLinear().sample(20, 6)
    log_component = bayes(mixture).predict(prompts.xs, prompts.ys).log_component
    assert torch.equal(log_component[:, 3:, 0], torch.zeros(20, 3))
