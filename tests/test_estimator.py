"""The estimator: scikit-learn's conventions, the context and nothing else, and honest warnings."""

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from priormix import InContextRegressor, PriormixError, bayes
from priormix.functions import DenseLinear, Mixture, Sinusoid, UniformInputs
from priormix.models import Network, NetworkPredictor, Transformer
from priormix.predictors import Averaging, KNearestNeighbours, LeastSquares, Predictor, Ridge
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
