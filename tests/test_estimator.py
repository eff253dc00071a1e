"""The estimator: scikit-learn's conventions, the context and nothing else, and honest warnings."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from priormix import InContextRegressor, PriormixError, bayes
from priormix.functions import DenseLinear, LeadingInputs, SparseLinear, UniformInputs
from priormix.models import Network, NetworkPredictor, Transformer
from priormix.predictors import KNearestNeighbours, LeastSquares, Predictor, Ridge
from priormix.recipe import Recipe
from priormix.training.weights import build_network
from priormix.zoo import OutsidePretraining, PretrainedNetwork, pretraining_range

TINY = Transformer(layers=1, heads=1, width=16, positions="none")
RECIPE = Recipe(mixture=DenseLinear(dim=2), n_points=21, network=Network(backbone=TINY))

NO_CHECK = {
    "check_array_api_input": "needs SCIPY_ARRAY_API, a setting of the whole process",
    "check_regressor_data_not_an_array": "needs pandas",
}
FIXED_DIMENSION = "the model reads inputs with {} features, and the check's data have another number"


def untrained(recipe, last_layer_std=1.0):
    """A network whose last map is random, since it starts at zero and would predict nothing."""
    network = build_network(recipe)
    torch.nn.init.normal_(network.read_out.weight, std=last_layer_std)
    return network


class AnyDimensionNetwork(Predictor):
    """The untrained network for whatever dimension is asked: scikit-learn's checks use many."""

    def predict(self, xs, ys):
        recipe = RECIPE.model_copy(update={"mixture": DenseLinear(dim=xs.shape[2])})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = untrained(recipe)
        # rounding in single precision depends on how many rows are multiplied at once
        return NetworkPredictor(network.double()).predict(xs, ys)


class AnyDimensionBayes(Predictor):
    """Exact Bayes for dense functions of whatever dimension is asked."""

    def predict(self, xs, ys):
        return bayes(DenseLinear(dim=xs.shape[2]), noise_std=0.5).predict(xs, ys)


def outcomes(estimator):
    return check_estimator(estimator, on_fail=None, on_skip=None)


@pytest.mark.parametrize(
    "model",
    [LeastSquares(), Ridge(), KNearestNeighbours(), AnyDimensionBayes(), AnyDimensionNetwork()],
    ids=lambda model: type(model).__name__,
)
def test_scikit_learn_finds_nothing_amiss(model):
    results = outcomes(InContextRegressor(model))
    assert len(results) > 45
    failed = {one["check_name"]: str(one["exception"]) for one in results if one["status"] == "failed"}
    assert not failed
    assert {one["check_name"] for one in results if one["status"] == "skipped"} <= set(NO_CHECK)


@pytest.mark.filterwarnings("ignore::priormix.zoo.pretraining_range.OutsidePretraining")
def test_models_of_one_dimension_fail_only_checks_with_data_of_another():
    results = outcomes(InContextRegressor(bayes(DenseLinear(dim=2), noise_std=0.5)))
    for one in results:
        if one["status"] == "failed":
            told = f"{one['exception']} {one['exception'].__cause__}"
            assert FIXED_DIMENSION.format(2)[:40] in told, (one["check_name"], told)
    passed = {one["check_name"] for one in results if one["status"] == "passed"}
    assert {"check_fit_idempotent", "check_n_features_in", "check_readonly_memmap_input"} <= passed


@pytest.fixture
def line():
    """Thirty noisy points of a linear function of two inputs."""
    numbers = np.random.default_rng(1)
    X = numbers.normal(size=(30, 2))  # noqa: N806
    return X, X @ [0.7, -0.4] + 0.1 * numbers.normal(size=30)


def pretrained(recipe=RECIPE):
    return PretrainedNetwork(untrained(recipe), recipe)


def test_every_query_is_answered_from_the_context_alone(line):
    X, y = line  # noqa: N806
    predictor = bayes(DenseLinear(dim=2), noise_std=0.1)
    regressor = InContextRegressor(predictor).fit(X[:20], y[:20])
    mean, std = regressor.predict(X[20:], return_std=True)
    for row in range(10):
        # whatever label the query has, it must not count
        xs = torch.from_numpy(np.vstack([X[:20], X[20 + row]]))[None]
        answer = predictor.predict(xs, torch.from_numpy(np.append(y[:20], 99.0))[None])
        assert mean[row] == pytest.approx(answer.mean[0, -1].item(), rel=1e-12)
        assert std[row] == pytest.approx(answer.variance[0, -1].sqrt().item(), rel=1e-12)
    assert np.abs(mean - X[20:] @ [0.7, -0.4]).max() < 0.1
    np.testing.assert_allclose(regressor.predict(X[25:26]), mean[5:6], rtol=1e-12)


def test_a_function_class_stands_for_its_exact_bayes_predictor(line):
    X, y = line  # noqa: N806
    one = InContextRegressor(SparseLinear(dim=2, nonzeros=1), noise_std=0.3).fit(X, y)
    two = InContextRegressor(bayes(SparseLinear(dim=2, nonzeros=1), noise_std=0.3)).fit(X, y)
    np.testing.assert_array_equal(one.predict(X, return_std=True), two.predict(X, return_std=True))


def test_it_works_inside_pipelines_and_searches(line):
    X, y = line  # noqa: N806
    scaled = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), InContextRegressor(DenseLinear(dim=2), noise_std=0.1)),
        transformer=StandardScaler(),
    )
    assert cross_val_score(scaled, 100 * X + 7, 1000 * y, cv=3).min() > 0.9
    search = GridSearchCV(
        InContextRegressor(LeastSquares()),
        [
            {"model": [KNearestNeighbours(), LeastSquares()]},
            {"model": [DenseLinear(dim=2)], "noise_std": [3.0]},
        ],
        cv=3,
    ).fit(X, y)
    assert search.best_params_ == {"model": LeastSquares()}


def test_a_pretrained_network_is_cloned_and_asked_like_any_other(line):
    X, y = line  # noqa: N806
    regressor = InContextRegressor(pretrained()).fit(X[:20], y[:20])
    again = clone(regressor).fit(X[:20], y[:20])
    np.testing.assert_array_equal(regressor.predict(X[20:]), again.predict(X[20:]))
    with pytest.raises(PriormixError, match="PretrainedNetwork predicts no variance"):
        regressor.predict(X, return_std=True)


def test_data_as_in_pretraining_raise_no_warning():
    recipe = RECIPE.model_copy(update={"inputs": UniformInputs(low=-3, high=5)})
    prompts = recipe.mixture.sample(1, 40, inputs=recipe.inputs, seed=3)
    X, y = prompts.xs[0].numpy(), prompts.ys[0].numpy()  # noqa: N806
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        InContextRegressor(pretrained(recipe)).fit(X[:20], y[:20]).predict(X[20:])


def test_what_leaves_the_pretraining_distribution_is_named(line):
    X, y = line  # noqa: N806
    regressor = InContextRegressor(pretrained())
    with pytest.warns(OutsidePretraining, match="30 examples, in pretraining 20 at most"):
        regressor.fit(X, y)
    with pytest.warns(OutsidePretraining, match=r"20 of 20 rows of X lie .* distance up to"):
        regressor.fit(X[:20] + 50, y[:20])
    with pytest.warns(OutsidePretraining, match="labels reach .* in size"):
        regressor.fit(X[:20], 1e3 * y[:20])
    regressor.fit(X[:20], y[:20])
    with pytest.warns(OutsidePretraining, match="1 of 2 rows"):
        regressor.predict([[0, 0], [0, 9]])


def test_the_range_of_pretraining_knows_directions_in_which_nothing_varies():
    reach = pretraining_range(RECIPE.model_copy(update={"inputs": LeadingInputs(active=1)}))
    assert list(reach.beyond_in_inputs(torch.tensor([[3.0, 0.0], [-2.0, 0.0]]))) == []
    assert "1 of 2 rows" in next(reach.beyond_in_inputs(torch.tensor([[3.0, 0.0], [0.0, 0.01]])))


def test_mistakes_are_told_by_fit(line):
    X, y = line  # noqa: N806
    learned = TINY.model_copy(update={"positions": "learned"})
    short = RECIPE.model_copy(update={"n_points": 5, "network": Network(backbone=learned)})
    with (
        pytest.warns(OutsidePretraining),
        pytest.raises(PriormixError, match="learned positions for 5 tokens, the prompt needs 11"),
    ):
        InContextRegressor(pretrained(short)).fit(X[:10], y[:10])
    for model, complaint in (
        ("linear-2d", "linear-2d: no such model. In the zoo: constant-1d, .*linear-sinusoid-1d"),
        (3, "model must be a name, a path, a predictor or a function class, not int"),
        (DenseLinear(dim=3), "reads inputs with 3 features, X has 2"),
    ):
        with pytest.raises(PriormixError, match=complaint):
            InContextRegressor(model).fit(X, y)
    with pytest.raises(PriormixError, match="noise_std is for a function class"):
        InContextRegressor(LeastSquares(), noise_std=0.1).fit(X, y)


def test_importing_the_package_loads_neither_torch_nor_scikit_learn():
    code = "import priormix, sys; print({'torch', 'sklearn', 'huggingface_hub'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
