"""Trees and gradient-descent networks against scikit-learn, XGBoost and torch's own training."""

import math
import sys

import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeRegressor
from xgboost import XGBRegressor

from predictor_contract import gaussian_prompts
from prefix_oracle import Array, assert_predicts, linear, prefix_by_prefix, sklearn_fit
from priormix.errors import PriormixError
from priormix.functions import DecisionTree, ReluNetwork
from priormix.predictors import BoostedTrees, ClassicalPredictor, GradientDescentNetwork, GreedyTree


class TestTrees:
    @pytest.mark.parametrize("max_depth", [2, 4, None])
    def test_greedy_tree_is_sklearns(self, max_depth: int | None) -> None:
        data = DecisionTree(dim=4).sample(2, 15, dtype=torch.float64)
        oracle = sklearn_fit(DecisionTreeRegressor(max_depth=max_depth, random_state=3))
        expected = prefix_by_prefix(data, oracle)
        assert_predicts(GreedyTree(max_depth=max_depth, seed=3), data, expected, 0.0)

    def test_boosted_trees_are_xgboosts(self) -> None:
        data = DecisionTree(dim=4).sample(2, 12, dtype=torch.float64)
        oracle = XGBRegressor(n_estimators=7, max_depth=2, learning_rate=0.3, random_state=3, n_jobs=1)
        expected = prefix_by_prefix(data, sklearn_fit(oracle))
        assert_predicts(BoostedTrees(rounds=7, max_depth=2, learning_rate=0.3, seed=3), data, expected, 0.0)

    def test_the_seed_decides_between_equally_good_splits(self) -> None:
        """Two examples can be told apart by any coordinate, and then by the seed alone."""
        xs, ys = gaussian_prompts(20, 3, 6, torch.float64)
        means = {seed: GreedyTree(seed=seed).predict(xs, ys).mean for seed in (0, 1)}
        assert not torch.equal(means[0], means[1])
        np.random.seed(99)
        assert torch.equal(means[0], GreedyTree(seed=0).predict(xs, ys).mean)

    @pytest.mark.parametrize(
        ("predictor", "module"),
        [(GreedyTree(), "sklearn.tree"), (BoostedTrees(), "xgboost")],
        ids=lambda v: str(v),
    )
    def test_says_what_to_install(
        self, predictor: ClassicalPredictor, module: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(PriormixError, match=r"pip install priormix\[trees\]"):
            predictor.predict(*gaussian_prompts(1, 2, 1, torch.float32))


class TestGradientDescentNetwork:
    def test_is_the_network_that_torch_trains(self) -> None:
        """An autograd network with torch.optim.Adam, from the same weights, on one prefix after the other."""
        predictor = GradientDescentNetwork(width=7, steps=12, learning_rate=0.02, seed=5)
        data = linear(n=2, dim=3, points=6)

        def oracle(xs: Array, ys: Array, query: Array) -> float:
            network = torch.nn.Sequential(
                torch.nn.Linear(3, 7), torch.nn.ReLU(), torch.nn.Linear(7, 1)
            ).double()
            hidden, output = predictor._initial(4, torch.device("cpu"))
            start = (hidden[:, :-1], hidden[:, -1], output[None, :-1], output[-1:])
            with torch.no_grad():
                for parameter, value in zip(network.parameters(), start, strict=True):
                    parameter.copy_(value)
            adam = torch.optim.Adam(network.parameters(), lr=0.02)
            for _ in range(12):
                adam.zero_grad()
                loss = (network(torch.tensor(xs))[:, 0] - torch.tensor(ys)).square().mean()
                loss.backward()
                adam.step()
            return float(network(torch.tensor(query)).detach()[0])

        assert_predicts(predictor, data, prefix_by_prefix(data, oracle), 1e-10)

    def test_starts_within_the_fan_in_and_from_its_seed(self) -> None:
        hidden, output = GradientDescentNetwork(width=50)._initial(10, torch.device("cpu"))
        assert hidden.shape == (50, 10)
        assert 0.9 / 3 < hidden.abs().max() < 1 / 3
        assert output.abs().max() < 1 / math.sqrt(50)
        xs, ys = gaussian_prompts(1, 3, 2, torch.float64)
        first, second = (GradientDescentNetwork(seed=seed).predict(xs, ys).mean for seed in (0, 1))
        assert not torch.equal(first, second)

    def test_learns(self) -> None:
        data = ReluNetwork(dim=5).sample(8, 41)
        error = (GradientDescentNetwork().predict(data.xs, data.ys).mean - data.values).square()
        assert error[:, 30:].mean() < 0.3 * data.values[:, 30:].square().mean()

    def test_chunks_do_not_change_the_prediction(self, monkeypatch: pytest.MonkeyPatch) -> None:
        xs, ys = gaussian_prompts(5, 6, 2, torch.float64)
        predictor = GradientDescentNetwork(width=8, steps=10)
        at_once = predictor.predict(xs, ys).mean
        # 7 problems a chunk, which cuts across both prompts and prefixes
        monkeypatch.setattr("priormix.predictors.descent._CHUNK_ENTRIES", 7 * 8 * 6)
        torch.testing.assert_close(predictor.predict(xs, ys).mean, at_once, rtol=1e-10, atol=1e-10)
