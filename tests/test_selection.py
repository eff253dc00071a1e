"""Model selection in context: implied weights, effective noise, and the cost of not knowing the class."""

import numpy as np
import pytest
import torch
from torch import Tensor

from priormix.functions import DenseLinear, Mixture, SparseLinear
from priormix.measure import Evaluation, Scenario, evaluate
from priormix.measure.intervals import ratio_of_means
from priormix.measure.selection import (
    effective_noise,
    implied_weights,
    posterior_weights,
    selection_cost,
    weight_gap,
)
from priormix.posterior import bayes

DENSE, SPARSE = DenseLinear(dim=4), SparseLinear(dim=4, nonzeros=1)
MIXTURE = Mixture(components=(DENSE, SPARSE))
SCENARIO = Scenario(name="made up", functions=DENSE, n_points=3)


def made_up(**means: Tensor) -> Evaluation:
    values = torch.randn(next(iter(means.values())).shape, generator=torch.Generator().manual_seed(99))
    return Evaluation(SCENARIO, values.double(), means, {})


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_implied_weights_recover_the_weights_of_an_average() -> None:
    one, two, three = (noise(300, 3, seed=s) for s in range(3))
    weights = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    model = weights[0] * one + weights[1] * two + weights[2] * three
    implied = implied_weights(made_up(m=model, a=one, b=two, c=three), "m", ["a", "b", "c"])
    torch.testing.assert_close(implied.mean, weights.expand(3, 3), atol=1e-12, rtol=0)
    assert (implied.high - implied.low).abs().max() < 1e-12


def test_implied_weights_are_least_squares_under_a_sum_of_one() -> None:
    parts = {name: noise(200, 3, seed=s) for s, name in enumerate("abcm")}
    implied = implied_weights(made_up(**parts), "m", ["a", "b", "c"])
    for t in range(3):
        a, b, c, m = (parts[name][:, t].numpy() for name in "abcm")
        slope = np.linalg.lstsq(np.stack([a - c, b - c], 1), m - c, rcond=None)[0]
        np.testing.assert_allclose(implied.mean[t], [*slope, 1 - slope.sum()], rtol=1e-10)


def test_two_classes_give_the_ratio_of_means_with_its_interval() -> None:
    one, two, model = (noise(500, 3, seed=s) for s in range(3))
    implied = implied_weights(made_up(m=model, a=one, b=two), "m", ["a", "b"])
    expected = ratio_of_means((model - two) * (one - two), (one - two).square())
    for received, wanted in zip(vars(implied).values(), vars(expected).values(), strict=True):
        torch.testing.assert_close(received[:, 0], wanted, rtol=1e-10, atol=1e-12)


def test_intervals_of_implied_weights_hold_the_truth_nineteen_times_in_twenty() -> None:
    held = 0
    for seed in range(400):
        one, two, error = (noise(1500, 1, seed=3 * seed + s) for s in range(3))
        # errors that grow with the difference, as those of networks do
        model = 0.7 * one + 0.3 * two + error * (0.2 + (one - two).abs())
        implied = implied_weights(made_up(m=model, a=one, b=two), "m", ["a", "b"])
        held += bool(implied.low[0, 0] <= 0.7 <= implied.high[0, 0])
    assert 0.91 <= held / 400 <= 0.98


def test_where_the_classes_agree_there_is_no_implied_weight() -> None:
    one, two, model = (noise(50, 3, seed=s) for s in range(3))
    two[:, 1] = one[:, 1]
    implied = implied_weights(made_up(m=model, a=one, b=two), "m", ["a", "b"]).mean
    assert implied[1].isnan().all()
    assert implied[[0, 2]].isfinite().all()


def test_one_class_alone_has_no_implied_weight() -> None:
    with pytest.raises(ValueError, match="at least two classes"):
        implied_weights(made_up(m=noise(5, 3), a=noise(5, 3)), "m", ["a"])


@pytest.fixture(scope="module")
def on_sparse() -> Evaluation:
    predictors = {
        "dense": bayes(DENSE),
        "sparse": bayes(SPARSE),
        "mixture": bayes(MIXTURE),
        **{f"noise {std:g}": bayes(MIXTURE, noise_std=std) for std in (0.05, 0.1, 0.2, 0.4)},
    }
    scenario = Scenario(name="sparse", functions=SPARSE, n_points=5)
    return evaluate(predictors, scenario, 800, seed=3)


def test_the_posterior_over_classes_starts_at_the_prior_and_finds_the_class(on_sparse: Evaluation) -> None:
    posterior = posterior_weights(on_sparse, "mixture")
    torch.testing.assert_close(posterior.mean[0], torch.tensor([0.5, 0.5], dtype=torch.float64))
    # two examples that one coordinate explains are no accident
    assert posterior.mean[2:, 1].min() > 0.999


def test_the_implied_weight_of_a_bayes_mixture_is_its_posterior(on_sparse: Evaluation) -> None:
    gap = weight_gap(on_sparse, "mixture", ["dense", "sparse"], "mixture")
    assert gap.mean[0].isnan().all(), "before the first example the classes agree"
    torch.testing.assert_close(gap.mean[2:4], torch.zeros(2, 2, dtype=torch.float64), atol=1e-6, rtol=0)
    # after one example the posterior varies from prompt to prompt, and so it is only near
    assert gap.mean[1].abs().max() < 0.1


def test_a_model_that_ignores_the_mixture_has_a_gap(on_sparse: Evaluation) -> None:
    gap = weight_gap(on_sparse, "dense", ["dense", "sparse"], "mixture")
    torch.testing.assert_close(gap.mean[2:4, 0], torch.ones(2, dtype=torch.float64), atol=1e-3, rtol=0)


def test_effective_noise_finds_the_noise_that_a_predictor_assumed(on_sparse: Evaluation) -> None:
    grid = {0.0: "mixture", **{std: f"noise {std:g}" for std in (0.05, 0.1, 0.2, 0.4)}}
    for std, name in grid.items():
        found = effective_noise(on_sparse, name, grid)
        assert found.mean[0].isnan(), "before the first example all predict 0"
        assert (found.mean[1:] == std).all()
        assert ((found.low[1:] == std) & (found.high[1:] == std)).all(), "the distance to itself is 0"


def test_effective_noise_of_something_between_has_an_interval_that_holds_both(on_sparse: Evaluation) -> None:
    grid = {std: f"noise {std:g}" for std in (0.05, 0.1, 0.2, 0.4)}
    means = dict(on_sparse.means)
    halfway = (means["noise 0.1"] + means["noise 0.2"]) / 2
    blurred = Evaluation(on_sparse.scenario, on_sparse.values, {**means, "m": halfway}, {})
    found = effective_noise(blurred, "m", grid)
    assert ((found.mean[1:] == 0.1) | (found.mean[1:] == 0.2)).all()
    assert (found.low[1:] <= found.mean[1:]).all()
    assert (found.high[1:] >= found.mean[1:]).all()
    again = effective_noise(blurred, "m", grid)
    assert torch.equal(found.low.nan_to_num(), again.low.nan_to_num()), "the bootstrap is seeded"


def test_the_selection_cost_leaves_out_what_exact_bayes_pays(on_sparse: Evaluation) -> None:
    free = selection_cost(on_sparse, "mixture", "sparse", "mixture", "sparse")
    torch.testing.assert_close(free.mean, torch.zeros(5, dtype=torch.float64), atol=1e-12, rtol=0)
    paid = selection_cost(on_sparse, "dense", "sparse", "mixture", "sparse")
    errors = {name: on_sparse.mse(name).mean for name in ("dense", "mixture")}
    torch.testing.assert_close(paid.mean, errors["dense"] - errors["mixture"])
