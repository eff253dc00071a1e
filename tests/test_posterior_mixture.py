"""Mixtures: components weighed by evidence, nested, rare, and in the limit without noise."""

import pytest
import torch

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
from priormix.functions import DenseLinear, FunctionClass, GivenLinear, Mixture, SparseLinear
from priormix.posterior import bayes
from priormix.predictors import Lasso, LeastSquares, Prediction, Ridge

DENSE, SPARSE = DenseLinear(dim=4), SparseLinear(dim=4, nonzeros=2)
GIVEN = GivenLinear(dim=4, coefficients=(0.5, 0.0, -1.0, 0.25))
PLAIN = Mixture(components=(DENSE, SPARSE))
RARE = Mixture(components=(DENSE, SPARSE), weights=(0.999, 0.001))
NESTED = Mixture(
    components=(
        SparseLinear(dim=4, nonzeros=1),
        Mixture(components=(DENSE, Mixture(components=(SPARSE, GIVEN), weights=(0.3, 0.7)))),
        SparseLinear(dim=4, nonzeros=3),
    ),
    weights=(0.2, 0.5, 0.3),
)
MIXTURES = {"plain": PLAIN, "rare": RARE, "nested": NESTED}
NOISES = [0.0, 0.2]


@pytest.mark.parametrize("noise_std", [0.02, 0.5])
@pytest.mark.parametrize("name", MIXTURES)
def test_with_noise_all_parts_equal_brute_force(name: str, noise_std: float) -> None:
    mixture = MIXTURES[name]
    prompts = mixture.sample(4, 8, noise_std=noise_std, dtype=torch.float64, seed=2)
    prediction = bayes(mixture, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert_same(prediction, with_noise(mixture, prompts.xs, prompts.ys, noise_std))


@pytest.mark.parametrize("origin", [DENSE, SPARSE, SparseLinear(dim=4, nonzeros=1), GIVEN], ids=repr)
@pytest.mark.parametrize("name", MIXTURES)
def test_without_noise_all_parts_equal_the_limit_of_vanishing_noise(name: str, origin: FunctionClass) -> None:
    mixture = MIXTURES[name]
    coefficients = origin.draw(2, torch.Generator().manual_seed(7)).coefficients
    xs, ys = exact_prompts(coefficients, 7)
    assert_same(bayes(mixture).predict(xs, ys), without_noise(mixture, xs, ys))


@pytest.mark.parametrize("name", MIXTURES)
def test_without_noise_labels_that_no_component_can_produce_equal_the_limit_too(name: str) -> None:
    mixture = MIXTURES[name]
    xs, ys = exact_prompts(DENSE.draw(2, torch.Generator().manual_seed(8)).coefficients, 8)
    ys[0, 5], ys[1, 2] = ys[0, 5] + 0.5, 4.0
    assert_same(bayes(mixture).predict(xs, ys), without_noise(mixture, xs, ys))


@pytest.mark.parametrize("name", MIXTURES)
def test_without_noise_a_certainty_that_is_missed_hands_over_to_a_density(name: str) -> None:
    """The third label meets the sparse class, the fourth only the dense one."""
    mixture = MIXTURES[name]
    xs, ys = exact_prompts(torch.tensor([[0.0, 1.0, 0.0, -0.5], [0.25, 0.0, 0.75, 0.0]]), 7)
    ys[:, 3] += 1.0
    prediction = bayes(mixture).predict(xs, ys)
    assert prediction.log_density[:, 2].isposinf().all()
    assert prediction.log_density[:, 3].isneginf().all()
    assert_same(prediction, without_noise(mixture, xs, ys))


@pytest.mark.parametrize("noise_std", NOISES)
def test_equal_components_keep_their_prior(noise_std: float) -> None:
    mixture = Mixture(components=(DENSE, DENSE, SparseLinear(dim=4, nonzeros=4)), weights=(0.7, 0.2, 0.1))
    for labels in (0.0, 1.0):
        prompts = DENSE.sample(3, 9, dtype=torch.float64)
        ys = prompts.ys + labels
        prediction = bayes(mixture, noise_std=noise_std).predict(prompts.xs, ys)
        expected = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64).expand(3, 9, 3)
        torch.testing.assert_close(prediction.log_component.exp(), expected, atol=1e-8, rtol=0)


@pytest.mark.parametrize("noise_std", NOISES)
def test_a_component_without_weight_changes_nothing(noise_std: float) -> None:
    mixture = Mixture(components=(DENSE, SPARSE), weights=(1.0, 0.0))
    prompts = SPARSE.sample(5, 9, noise_std=noise_std, dtype=torch.float64)
    prediction = bayes(mixture, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    alone = bayes(DENSE, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert torch.equal(prediction.mean, alone.mean)
    assert torch.equal(prediction.variance, alone.variance)
    assert torch.equal(prediction.log_density, alone.log_density)
    assert prediction.log_component[..., 1].isneginf().all()


def test_without_noise_a_met_certainty_beats_every_density() -> None:
    """Sparse prompts are recognised at the third label however rare; dense ones lose sparse there."""
    dense, sparse = DenseLinear(dim=20), SparseLinear(dim=20, nonzeros=2)
    mixture = Mixture(components=(dense, sparse), weights=(1 - 1e-6, 1e-6))
    for origin, component in ((dense, 0), (sparse, 1)):
        prompts = origin.sample(300, 24)
        log_component = bayes(mixture).predict(prompts.xs, prompts.ys).log_component
        assert (log_component[:, :3, 0] > -0.05).all()
        assert torch.equal(log_component[:, 3:, component], torch.zeros(300, 21))
        assert log_component[:, 3:, 1 - component].isneginf().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_without_noise_the_right_component_is_never_lost(dtype: torch.dtype) -> None:
    mixture = Mixture(components=(DENSE, SPARSE, SparseLinear(dim=4, nonzeros=1)))
    prompts = mixture.sample(6000, 12, dtype=dtype)
    prediction = bayes(mixture).predict(prompts.xs, prompts.ys)
    chosen = prediction.log_component.gather(2, prompts.component[:, None, None].expand(-1, 12, 1))[..., 0]
    assert chosen.isfinite().all()
    assert (chosen[:, 6:].exp() > 0.999).all()


@pytest.mark.parametrize("noise_std", NOISES)
@pytest.mark.parametrize("name", ["plain", "nested"])
def test_calibrated_on_its_own_prior(name: str, noise_std: float) -> None:
    mixture = MIXTURES[name]
    prompts = mixture.sample(4000, 9, noise_std=noise_std, dtype=torch.float64)
    prediction = bayes(mixture, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert_calibrated(prediction, prompts.values)
    # the posterior is a martingale: on average it stays at the prior, and says how often it is right
    probability = prediction.log_component.exp()
    prior = probability[0, 0]
    truth = torch.nn.functional.one_hot(prompts.component, mixture.n_components)
    for t in range(9):
        for c in range(mixture.n_components):
            assert within(probability[:, t, c], prior[c].item())
            assert within(truth[:, c] - probability[:, t, c], 0.0)


@pytest.mark.parametrize("noise_std", NOISES)
def test_no_component_or_estimator_beats_it(noise_std: float) -> None:
    prompts = PLAIN.sample(1500, 9, noise_std=noise_std)
    error = (bayes(PLAIN, noise_std=noise_std).predict(prompts.xs, prompts.ys).mean - prompts.values).square()
    parts = [bayes(part, noise_std=noise_std) for part in PLAIN.components]
    for other in (*parts, bayes(RARE, noise_std=noise_std), LeastSquares(), Ridge(penalty=0.2), Lasso()):
        other_error = (other.predict(prompts.xs, prompts.ys).mean - prompts.values).square()
        assert_not_beaten(error, other_error, type(other).__name__)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("noise_std", NOISES)
@pytest.mark.parametrize("name", ["plain", "nested"])
def test_keeps_the_contract_of_predictors(name: str, noise_std: float, dtype: torch.dtype) -> None:
    predictor = bayes(MIXTURES[name], noise_std=noise_std)
    check_predictor(predictor, *gaussian_prompts(3, 9, 4, dtype))
    if noise_std:
        check_precision(predictor, *gaussian_prompts(3, 9, 4, torch.float32))
    check_degenerate_prompts(predictor, 4, dtype)


@pytest.mark.parametrize("noise_std", NOISES)
def test_causal_to_the_bit_on_its_own_prompts(noise_std: float) -> None:
    before = _predicted(noise_std, poisoned_from=8)
    for t in range(8):
        after = _predicted(noise_std, poisoned_from=t)
        for name in ("mean", "variance", "log_component"):
            assert torch.equal(getattr(after, name)[:, : t + 1], getattr(before, name)[:, : t + 1]), name
        assert torch.equal(after.log_density[:, :t], before.log_density[:, :t])


def _predicted(noise_std: float, poisoned_from: int) -> Prediction:
    prompts = NESTED.sample(6, 8, noise_std=noise_std)
    prompts.xs[:, poisoned_from + 1 :] = torch.nan
    prompts.ys[:, poisoned_from:] = torch.nan
    return bayes(NESTED, noise_std=noise_std).predict(prompts.xs, prompts.ys)
