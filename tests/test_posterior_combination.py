"""Sums of classes: hypotheses written out, a wave beside a line, and one part scaled."""

import numpy as np
import pytest
import torch

from frequency_oracle import WaveModel, few_points, roots, with_noise
from posterior_oracle import (
    assert_calibrated,
    assert_same,
    exact_prompts,
    hypotheses,
    within,
)
from posterior_oracle import (
    with_noise as linear_with_noise,
)
from posterior_oracle import (
    without_noise as linear_without_noise,
)
from predictor_contract import check_degenerate_prompts, check_precision, check_predictor, gaussian_prompts
from priormix.errors import PriormixError
from priormix.functions import (
    Combination,
    DenseLinear,
    FunctionClass,
    GaussianProcess,
    GivenLinear,
    Mixture,
    ReluNetwork,
    Sinusoid,
    SparseLinear,
)
from priormix.posterior import bayes
from priormix.posterior.combination import with_refinement
from priormix.predictors import Prediction

LINE = DenseLinear(dim=1)
WAVE = Combination(parts=(LINE, Sinusoid()), weights=(0.4, 0.6))
WAVES = {
    "line and wave": (WAVE, WaveModel(slope_std=0.4, std=0.6)),
    "given line and wave": (
        Combination(parts=(GivenLinear(coefficients=(2.0,)), Sinusoid()), weights=(0.3, 0.7)),
        WaveModel(slope_mean=0.6, std=0.7),
    ),
    "line and wave of known amplitude": (
        Combination(parts=(LINE, Sinusoid(amplitude=1.0)), weights=(0.3, 0.7)),
        WaveModel(slope_std=0.3, std=0.0, mean=0.7),
    ),
    "two lines and wave": (
        Combination(parts=(LINE, Sinusoid(), LINE), weights=(0.3, 1.0, -0.4)),
        WaveModel(slope_std=0.5),
    ),
}
DENSE, SPARSE = DenseLinear(dim=4), SparseLinear(dim=4, nonzeros=2)
GIVEN = GivenLinear(dim=4, coefficients=(0.5, 0.0, -1.0, 0.25))
LINEAR = {
    "dense and dense": Combination(parts=(DENSE, DENSE), weights=(0.5, 1.5)),
    "dense and sparse": Combination(parts=(DENSE, SPARSE), weights=(0.5, 0.5)),
    "sparse and sparse": Combination(parts=(SparseLinear(dim=4, nonzeros=1), SPARSE), weights=(0.75, -0.25)),
    "sparse and given": Combination(parts=(SPARSE, GIVEN), weights=(0.5, 2.0)),
    "dense and mixture": Combination(
        parts=(DENSE, Mixture(components=(SPARSE, GIVEN), weights=(0.2, 0.8))), weights=(0.5, 1.0)
    ),
    "a sum in a sum": Combination(
        parts=(Combination(parts=(SPARSE, GIVEN), weights=(1.0, 1.0)), DENSE), weights=(0.5, 0.0)
    ),
}
NOISES = [0.0, 0.1]


@pytest.mark.parametrize("noise_std", [0.05, 0.5])
@pytest.mark.parametrize("name", WAVES)
def test_with_noise_a_sum_with_a_wave_equals_brute_force(name: str, noise_std: float) -> None:
    combination, model = WAVES[name]
    prompts = combination.sample(1, 6, noise_std=noise_std, dtype=torch.float64, seed=5)
    prediction = bayes(combination, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    answers = with_noise(model, prompts.xs[0, :, 0].numpy(), prompts.ys[0].numpy(), noise_std, nodes=20_000)
    evidence = np.diff([answer.log_evidence for answer in answers])
    for t, answer in enumerate(answers[:-1]):
        assert prediction.mean[0, t].item() == pytest.approx(answer.mean, abs=1e-6)
        assert prediction.variance[0, t].item() == pytest.approx(answer.variance, abs=1e-6)
        assert prediction.log_density[0, t].item() == pytest.approx(evidence[t], abs=1e-6)
    assert torch.equal(prediction.log_component, torch.zeros(1, 6, 1, dtype=torch.float64))


@pytest.mark.parametrize("name", WAVES)
def test_without_noise_few_examples_equal_adaptive_quadrature(name: str) -> None:
    combination, model = WAVES[name]
    prompts = combination.sample(1, 4, dtype=torch.float64, seed=4)
    prediction = bayes(combination).predict(prompts.xs, prompts.ys)
    x, y = prompts.xs[0, :, 0].numpy(), prompts.ys[0].numpy()
    for t in range((model.slope_std > 0) + (model.std > 0) + 1):
        answer = few_points(model, x[:t], y[:t], x[t])
        assert prediction.mean[0, t].item() == pytest.approx(answer.mean, abs=1e-6)
        assert prediction.variance[0, t].item() == pytest.approx(answer.variance, abs=1e-6)
        assert prediction.log_density[0, :t].sum().item() == pytest.approx(answer.log_evidence, abs=1e-6)


@pytest.mark.parametrize("name", WAVES)
def test_without_noise_the_next_example_leaves_the_roots_by_their_densities(name: str) -> None:
    combination, model = WAVES[name]
    prompts = combination.sample(2, 5, dtype=torch.float64, seed=6)
    prediction = bayes(combination).predict(prompts.xs, prompts.ys)
    t = (model.slope_std > 0) + (model.std > 0) + 1
    for b in range(2):
        x, y = prompts.xs[b, :, 0].numpy(), prompts.ys[b].numpy()
        answer = roots(model, x[:t], y[:t], x[t])
        assert prediction.mean[b, t].item() == pytest.approx(answer.mean, abs=1e-6)
        assert prediction.variance[b, t].item() == pytest.approx(answer.variance, abs=1e-6)
        assert prediction.log_density[b, :t].sum().item() == pytest.approx(answer.log_evidence, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_without_noise_line_and_wave_are_found_and_kept(dtype: torch.dtype) -> None:
    prompts = WAVE.sample(500, 12, dtype=dtype)
    prediction = bayes(WAVE).predict(prompts.xs, prompts.ys)
    assert (prediction.mean - prompts.values)[:, 8:].square().mean() < 1e-8
    assert prediction.log_density[:, :3].isfinite().all()
    assert prediction.log_density[:, 5:].isposinf().all()


@pytest.mark.parametrize("noise_std", [0.0, 0.01, 0.1, 0.5])
@pytest.mark.parametrize("origin", ["own", "line", "0.05", "10", "other weights"])
def test_halving_every_step_changes_nothing(origin: str, noise_std: float) -> None:
    origins: dict[str, FunctionClass] = {
        "own": WAVE,
        "line": LINE,
        "other weights": Combination(parts=(LINE, Sinusoid(frequency=1.0)), weights=(0.9, 0.1)),
    }
    functions = origins.get(origin) or Sinusoid(frequency=float(origin))
    prompts = functions.sample(40, 12, noise_std=noise_std, seed=3)
    once = bayes(WAVE, noise_std=noise_std).predict(prompts.xs, prompts.ys).mean
    twice = with_refinement(WAVE, noise_std, 2).predict(prompts.xs, prompts.ys).mean
    torch.testing.assert_close(once, twice, atol=1e-4, rtol=0)


def test_small_noise_tends_to_none() -> None:
    prompts = WAVE.sample(30, 8, dtype=torch.float64)
    exact = bayes(WAVE).predict(prompts.xs, prompts.ys)
    gaps = [
        (bayes(WAVE, noise_std=noise_std).predict(prompts.xs, prompts.ys).mean - exact.mean).abs()
        for noise_std in (1e-2, 1e-3, 1e-4)
    ]
    assert gaps[0].median() > 5 * gaps[1].median()
    assert gaps[2].median() < 1e-5


@pytest.mark.parametrize("noise_std", [0.02, 0.5])
@pytest.mark.parametrize("name", LINEAR)
def test_with_noise_linear_sums_equal_brute_force(name: str, noise_std: float) -> None:
    combination = LINEAR[name]
    prompts = combination.sample(3, 8, noise_std=noise_std, dtype=torch.float64)
    prediction = bayes(combination, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    expected = linear_with_noise(combination, prompts.xs, prompts.ys, noise_std)
    assert_same(prediction, expected)


@pytest.mark.parametrize("labels", ["own", "unrelated"])
@pytest.mark.parametrize("name", LINEAR)
def test_without_noise_linear_sums_equal_the_limit_of_vanishing_noise(name: str, labels: str) -> None:
    combination = LINEAR[name]
    draw = torch.Generator().manual_seed(5)
    chosen = torch.stack([_drawn_coefficients(combination, draw) for _ in range(2)])
    xs, ys = exact_prompts(chosen, 7)
    if labels == "unrelated":
        ys[0, 5], ys[1, 2] = ys[0, 5] + 0.5, 4.0
    assert_same(bayes(combination).predict(xs, ys), linear_without_noise(combination, xs, ys))


def _drawn_coefficients(combination: Combination, generator: torch.Generator) -> torch.Tensor:
    """Coefficients that some hypothesis can produce, in eighths where they are free."""
    found = hypotheses(combination)
    choice = found[int(torch.randint(len(found), (), generator=generator))]
    scale = torch.tensor(np.sqrt(np.diag(choice.covariance)))
    return torch.tensor(choice.mean) + (8 * scale * torch.randn(4, generator=generator)).round() / 8


def test_a_wave_of_known_frequency_is_one_feature_more() -> None:
    noise_std = 0.1
    combination = Combination(
        parts=(LINE, Sinusoid(frequency=0.8), Sinusoid(frequency=0.3, amplitude=2.0)), weights=(0.5, 1.0, 0.5)
    )
    prompts = combination.sample(2, 6, noise_std=noise_std, dtype=torch.float64)
    prediction = bayes(combination, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    exact = bayes(combination)
    for b in range(2):
        x, y = prompts.xs[b, :, 0].numpy(), prompts.ys[b].numpy()
        known = np.cos(2 * np.pi * 0.3 * x)
        covariance = 0.25 * np.outer(x, x) + np.outer(*[np.cos(2 * np.pi * 0.8 * x)] * 2)
        for t in range(6):
            gain = np.linalg.solve(covariance[:t, :t] + noise_std**2 * np.eye(t), covariance[:t, t])
            mean = known[t] + gain @ (y[:t] - known[:t])
            assert prediction.mean[b, t].item() == pytest.approx(mean, abs=1e-9)
    clean = combination.sample(50, 6)
    found = exact.predict(clean.xs, clean.ys)
    torch.testing.assert_close(found.mean[:, 3:], clean.values[:, 3:], atol=1e-3, rtol=0)
    assert found.log_density[:, 2:].isposinf().all()


@pytest.mark.parametrize("noise_std", NOISES)
@pytest.mark.parametrize("name", ["wave", "linear"])
def test_calibrated_on_its_own_prior(name: str, noise_std: float) -> None:
    combination = WAVE if name == "wave" else LINEAR["dense and mixture"]
    prompts = combination.sample(800, 8, noise_std=noise_std, dtype=torch.float64)
    assert_calibrated(bayes(combination, noise_std=noise_std).predict(prompts.xs, prompts.ys), prompts.values)


@pytest.mark.parametrize("noise_std", NOISES)
def test_a_mixture_of_a_line_a_wave_and_their_sum_tells_them_apart(noise_std: float) -> None:
    mixture = Mixture(components=(LINE, Sinusoid(), WAVE), weights=(0.3, 0.3, 0.4))
    prompts = mixture.sample(500, 7, noise_std=noise_std, dtype=torch.float64)
    prediction = bayes(mixture, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    probability = prediction.log_component.exp()
    for t in range(7):
        for c, prior in enumerate(mixture.weights):
            assert within(probability[:, t, c], prior)
            assert within((prompts.component == c).double() - probability[:, t, c], 0.0)
    if noise_std == 0:
        assert (probability[torch.arange(500), 6, prompts.component] > 0.999).float().mean() > 0.995


@pytest.mark.parametrize("noise_std", [0.0, 0.2])
@pytest.mark.parametrize("weight", [2.0, -0.3])
def test_one_part_alone_is_that_part_scaled(weight: float, noise_std: float) -> None:
    part = Mixture(components=(DENSE, SPARSE), weights=(0.2, 0.8))
    scaled = Combination(parts=(part,), weights=(weight,))
    prompts = scaled.sample(50, 7, noise_std=noise_std, dtype=torch.float64)
    assert set(prompts.component.tolist()) == {0, 1}
    assert scaled.n_components == 2
    prediction = bayes(scaled, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    own = bayes(part, noise_std=noise_std / abs(weight)).predict(prompts.xs, prompts.ys / weight)
    torch.testing.assert_close(prediction.mean, weight * own.mean)
    torch.testing.assert_close(prediction.variance, weight**2 * own.variance)
    torch.testing.assert_close(prediction.log_component, own.log_component)
    if noise_std:
        moved = own.log_density - np.log(abs(weight))
        torch.testing.assert_close(prediction.log_density, moved)


def test_one_part_alone_beside_others_weighs_with_densities_in_units_of_y() -> None:
    """Scaled dense is the given sum of two dense ones, so evidence and limits agree."""
    left = Combination(parts=(DENSE,), weights=(2.0,))
    right = Combination(parts=(DENSE, DENSE), weights=(np.sqrt(2.0), np.sqrt(2.0)))
    xs, ys = exact_prompts(torch.ones(3, 4), 7)
    ys[1, 5] += 1.0
    for noise_std in (0.0, 0.2):
        one, two = (bayes(each, noise_std=noise_std).predict(xs, ys) for each in (left, right))
        assert_same(one, two)
        mixture = bayes(Mixture(components=(left, right, SPARSE)), noise_std=noise_std).predict(xs, ys)
        torch.testing.assert_close(mixture.log_component[..., 0], mixture.log_component[..., 1])


def test_a_scaled_gaussian_process_is_exact_too() -> None:
    scaled = Combination(parts=(GaussianProcess(dim=2),), weights=(3.0,))
    prompts = scaled.sample(5, 6, noise_std=0.3)
    prediction = bayes(scaled, noise_std=0.3).predict(prompts.xs, prompts.ys)
    own = bayes(GaussianProcess(dim=2), noise_std=0.1).predict(prompts.xs, prompts.ys / 3)
    torch.testing.assert_close(prediction.mean, 3 * own.mean)


@pytest.mark.parametrize("noise_std", NOISES)
def test_weight_zero_is_the_zero_function(noise_std: float) -> None:
    nothing = Combination(parts=(Mixture(components=(DENSE, SPARSE), weights=(0.2, 0.8)),), weights=(0.0,))
    prompts = nothing.sample(3, 5, noise_std=noise_std, dtype=torch.float64)
    prediction = bayes(nothing, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert torch.equal(prediction.mean, torch.zeros_like(prompts.ys))
    expected = torch.tensor([0.2, 0.8], dtype=torch.float64).expand(3, 5, 2)
    torch.testing.assert_close(prediction.log_component.exp(), expected)
    both = Combination(parts=(DENSE, Sinusoid(), LINE)[::2][:1] * 2, weights=(0.0, 0.0))
    assert torch.equal(bayes(both).predict(prompts.xs, prompts.ys).mean, torch.zeros_like(prompts.ys))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("noise_std", NOISES)
@pytest.mark.parametrize("name", ["wave", "dense and mixture", "sparse and given"])
def test_keeps_the_contract_of_predictors(name: str, noise_std: float, dtype: torch.dtype) -> None:
    combination = WAVE if name == "wave" else LINEAR[name]
    predictor = bayes(combination, noise_std=noise_std)
    check_predictor(predictor, *gaussian_prompts(3, 7, combination.dim, dtype))
    if noise_std:
        check_precision(predictor, *gaussian_prompts(3, 7, combination.dim, torch.float32))
    check_degenerate_prompts(predictor, combination.dim, dtype)


@pytest.mark.parametrize("noise_std", NOISES)
def test_causal_to_the_bit_on_its_own_prompts(noise_std: float) -> None:
    before = _predicted(noise_std, poisoned_from=8)
    for t in range(8):
        after = _predicted(noise_std, poisoned_from=t)
        for name in ("mean", "variance", "log_component"):
            assert torch.equal(getattr(after, name)[:, : t + 1], getattr(before, name)[:, : t + 1]), name
        assert torch.equal(after.log_density[:, :t], before.log_density[:, :t])


def _predicted(noise_std: float, poisoned_from: int) -> Prediction:
    prompts = WAVE.sample(6, 8, noise_std=noise_std)
    prompts.xs[:, poisoned_from + 1 :] = torch.nan
    prompts.ys[:, poisoned_from:] = torch.nan
    return bayes(WAVE, noise_std=noise_std).predict(prompts.xs, prompts.ys)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((Sinusoid(), Sinusoid()), "2 parts have an unknown frequency, at most one"),
        ((LINE, Sinusoid(frequency=1.0), Sinusoid()), "one unknown coefficient"),
        ((ReluNetwork(dim=1), LINE), "'relu_network'.*exact parts: dense_linear.*approximate predictors: "),
    ],
)
def test_sums_without_an_exact_posterior_are_refused(parts: tuple[FunctionClass, ...], message: str) -> None:
    with pytest.raises(PriormixError, match=message):
        bayes(Combination(parts=parts, weights=(1.0,) * len(parts)))


def test_too_many_hypotheses_are_refused() -> None:
    sparse = SparseLinear(dim=20, nonzeros=4)
    with pytest.raises(PriormixError, match="23,474,025 hypotheses, too many"):
        bayes(Combination(parts=(sparse, sparse), weights=(1.0, 1.0)))
    big = SparseLinear(dim=30, nonzeros=10)
    with pytest.raises(PriormixError, match="30,045,015 hypotheses, too many"):
        bayes(Combination(parts=(big, DenseLinear(dim=30)), weights=(1.0, 1.0)))
