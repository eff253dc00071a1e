"""Many queries of one context: the same answers as one prompt a query, from every kind of predictor."""

import jaxtyping
import pytest
import torch

from predictor_contract import gaussian_prompts
from priormix import Combination, DenseLinear, GaussianProcess, Mixture, Sinusoid, SparseLinear, bayes
from priormix.errors import PriormixError
from priormix.models import Network, NetworkPredictor, Transformer
from priormix.predictors import LeastSquares, Predictor

LINE, WAVE = DenseLinear(dim=1), Sinusoid()
HALF = Combination(parts=(LINE, WAVE), weights=(0.5, 0.5))
CLASSES = {
    "lines": LINE,
    "sinusoids": WAVE,
    "their sum": HALF,
    "a known amplitude": Sinusoid(amplitude=2.0),
    "scaled sinusoids": Combination(parts=(WAVE,), weights=(-3.0,)),
    "a mixture in a mixture": Mixture(
        components=(Mixture(components=(LINE, WAVE), weights=(0.2, 0.8)), HALF), weights=(0.7, 0.3)
    ),
    "a mixture in a sum": Combination(parts=(Mixture(components=(LINE, WAVE)), LINE), weights=(1.0, 2.0)),
    "a Gaussian process": GaussianProcess(dim=1),
}


def check_queries(predictor, xs, ys, queries, tolerance):
    """`predict_at` says what `predict` says of each query alone after its context."""
    answer = predictor.predict_at(xs, ys, queries)
    assert answer.log_density is None
    for q in range(queries.shape[1]):
        longer = torch.cat([xs, queries[:, q, None]], 1)
        # a label that must not matter
        alone = predictor.predict(longer, torch.cat([ys, 7 + ys.new_zeros(len(ys), 1)], 1))
        for name in ("mean", "variance", "log_component"):
            together, single = getattr(answer, name), getattr(alone, name)
            assert (together is None) == (single is None), name
            if together is not None:
                assert (together.dtype, together.device) == (ys.dtype, ys.device)
                expected = single[:, -1]
                if name == "log_component":
                    together, expected = together.exp(), expected.exp()
                torch.testing.assert_close(together[:, q], expected, rtol=tolerance, atol=tolerance)


# without noise every query is a prompt of its own, whatever the class: two will do
CASES = [(name, noise_std) for name in CLASSES for noise_std in (0.02, 0.3)]
CASES += [("sinusoids", 0.0), ("a mixture in a mixture", 0.0)]


@pytest.mark.parametrize(("name", "noise_std"), CASES)
def test_exact_bayes_answers_queries_as_it_answers_prompts(name, noise_std):
    predictor = bayes(CLASSES[name], noise_std=noise_std)
    queries = torch.tensor([-2.5, 0.31, 6.0], dtype=torch.float64)[None, :, None].expand(2, -1, -1)
    for n_points in (0, 4):
        xs, ys = gaussian_prompts(2, n_points, 1, torch.float64)
        check_queries(predictor, xs, ys, queries, 1e-7)


def test_labels_that_no_function_has_are_answered_alike():
    """Points put by hand: noise far below the misfit makes the posterior of the frequency a needle."""
    xs, ys = gaussian_prompts(1, 12, 1, torch.float64)
    queries = torch.linspace(-2.5, 2.5, 5, dtype=torch.float64)[None, :, None]
    check_queries(bayes(Mixture(components=(LINE, WAVE)), noise_std=0.01), xs, 3 * ys, queries, 1e-7)


def test_many_dimensions():
    xs, ys = gaussian_prompts(3, 5, 4, torch.float32)
    queries, _ = gaussian_prompts(3, 6, 4, torch.float32, seed=1)
    mixture = Mixture(components=(DenseLinear(dim=4), SparseLinear(dim=4, nonzeros=1)))
    for predictor in (LeastSquares(), bayes(mixture), bayes(mixture, noise_std=0.1)):
        check_queries(predictor, xs, ys, queries, 1e-5)


@pytest.mark.parametrize("layout", ["paired", "interleaved", "examples"])
@pytest.mark.parametrize("positions", ["none", "sine", "learned", "rotary"])
@pytest.mark.parametrize("attention", ["softmax", "linear"])
def test_a_network_reads_the_context_once(layout, positions, attention):
    backbone = Transformer(layers=2, heads=2, width=16, positions=positions, attention=attention)
    network = Network(layout=layout, backbone=backbone).build(2, 8)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    predictor = NetworkPredictor(network, chunk=5)
    for n_points in (0, 1, 7):
        xs, ys = gaussian_prompts(2, n_points, 2, torch.float32)
        queries, _ = gaussian_prompts(2, 7, 2, torch.float32, seed=1)
        check_queries(predictor, xs, ys, queries, 2e-5)
        torch.testing.assert_close(
            predictor.predict_at(xs, ys, queries).mean, Predictor.predict_at(predictor, xs, ys, queries).mean
        )


def test_queries_of_another_shape_are_refused(monkeypatch):
    # else the tests' own checks of annotations would refuse them first
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    xs, ys = gaussian_prompts(2, 3, 1, torch.float64)
    for queries in (xs[:1], xs[..., 0], xs.expand(-1, -1, 2)):
        with pytest.raises(ValueError, match="queries has shape"):
            bayes(LINE, noise_std=0.1).predict_at(xs, ys, queries)
    network = NetworkPredictor(Network().build(1, 5))
    with pytest.raises(PriormixError, match="1 coordinates, got 2"):
        network.predict_at(xs, ys, xs.expand(-1, -1, 2))
