"""Attribution: a model's error is that of an ideal learner with its prior, plus what the network adds."""

import pytest
import torch

from priormix.functions import DenseLinear, SparseLinear
from priormix.measure import Evaluation, Scenario, attribute, evaluate
from priormix.posterior import bayes
from priormix.predictors import Ridge

DENSE, SPARSE = DenseLinear(dim=4), SparseLinear(dim=4, nonzeros=1)


@pytest.fixture(scope="module")
def on_sparse() -> Evaluation:
    predictors = {"model": Ridge(penalty=0.3), "pretraining": bayes(DENSE), "own": bayes(SPARSE)}
    return evaluate(predictors, Scenario(name="sparse", functions=SPARSE, n_points=5), 500, seed=1)


def test_the_parts_add_up_to_the_error(on_sparse: Evaluation) -> None:
    found = attribute(on_sparse, "model", "pretraining", "own")
    total = found.bayes_error.mean + found.distance.mean + found.cross_term.mean
    torch.testing.assert_close(found.error.mean, total, rtol=1e-12, atol=1e-14)
    excess = found.own_bayes_error.mean + found.prior_excess.mean + found.network_excess.mean
    torch.testing.assert_close(found.error.mean, excess, rtol=1e-12, atol=1e-14)
    assert found.distance.mean[1:].min() > 0.001, "the comparison is not empty"


def test_every_part_is_what_its_name_says(on_sparse: Evaluation) -> None:
    found = attribute(on_sparse, "model", "pretraining", "own")
    m, b, o = (on_sparse.means[name] for name in ("model", "pretraining", "own"))
    f = on_sparse.values
    expected = {
        "error": (m - f) ** 2,
        "bayes_error": (b - f) ** 2,
        "distance": (m - b) ** 2,
        "cross_term": 2 * (m - b) * (b - f),
        "own_bayes_error": (o - f) ** 2,
        "prior_excess": (b - f) ** 2 - (o - f) ** 2,
        "network_excess": (m - f) ** 2 - (b - f) ** 2,
    }
    for name, samples in expected.items():
        part = getattr(found, name)
        torch.testing.assert_close(part.mean, samples.mean(0), msg=name)
        half = 1.959964 * samples.std(0) / len(samples) ** 0.5
        torch.testing.assert_close(part.high - part.mean, half, msg=name)


def test_the_cross_term_vanishes_where_the_prior_is_the_truth() -> None:
    predictors = {"model": Ridge(penalty=0.3), "exact": bayes(DENSE)}
    evaluation = evaluate(predictors, Scenario(name="dense", functions=DENSE, n_points=5), 4000, seed=2)
    found = attribute(evaluation, "model", "exact", "exact")
    assert (found.cross_term.low <= 1e-12).all()
    assert (found.cross_term.high >= -1e-12).all()
    assert torch.equal(found.prior_excess.mean, torch.zeros(5, dtype=torch.float64))
