"""The loss of pretraining: over the next point, or over all later ones, which expects the same."""

import pytest
import torch

from priormix.functions import DenseLinear, Mixture, SparseLinear
from priormix.measure import Scenario, evaluate
from priormix.models import Network, Transformer
from priormix.recipe import Recipe
from priormix.training import train, training_batch
from priormix.training.objective import training_loss

EXAMPLES = Network(
    layout="examples", backbone=Transformer(layers=1, heads=1, width=16, positions="none", attention="linear")
)
MIXTURE = Mixture(components=(DenseLinear(dim=2), SparseLinear(dim=2, nonzeros=1)))
WITH_QUERIES = Recipe(
    mixture=MIXTURE, n_points=5, queries=3, network=EXAMPLES, steps=12, batch=8, precision="float32"
)


def some_network():
    network = EXAMPLES.build(2, 5)
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)
    return network


def test_without_queries_it_is_the_error_of_the_next_point():
    network, prompts = some_network(), MIXTURE.sample(6, 5, seed=0)
    expected = (network(prompts.xs, prompts.ys) - prompts.ys).square().mean()
    assert torch.equal(training_loss(network, prompts.xs, prompts.ys, 0), expected)


def test_with_queries_a_prefix_answers_for_every_point_that_it_does_not_hold():
    network, prompts = some_network(), MIXTURE.sample(4, 8, seed=0)
    xs, ys = prompts.xs, prompts.ys
    by_prefix = []
    for t in range(5):
        answers = network.at_queries(xs[:, :t], ys[:, :t], xs[:, t:])
        by_prefix.append((answers - ys[:, t:]).square().mean())
    torch.testing.assert_close(training_loss(network, xs, ys, 3), torch.stack(by_prefix).mean())


def test_both_losses_have_the_same_mean_and_queries_have_less_noise():
    network = some_network()

    def loss(prompts, queries):
        seen = slice(5 + queries)
        return training_loss(network, prompts.xs[:, seen], prompts.ys[:, seen], queries)

    with torch.no_grad():
        batches = (MIXTURE.sample(64, 13, seed=0, step=step) for step in range(300))
        losses = torch.tensor([[loss(prompts, queries) for queries in (0, 8)] for prompts in batches])
    mean, spread = (losses[:, 1] - losses[:, 0]).mean(), losses.std(0)
    assert abs(mean) < 4 * (losses[:, 1] - losses[:, 0]).std() / 300**0.5
    assert spread[1] < 0.8 * spread[0]


def test_the_batch_of_a_step_has_the_queries_after_the_prompts():
    assert training_batch(WITH_QUERIES, 0, torch.device("cpu")).xs.shape == (8, 8, 2)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_with_queries_learns_and_its_network_reads_prompts_as_any_other(precision):
    recipe = WITH_QUERIES.model_copy(update={"steps": 400, "batch": 32, "precision": precision})
    scenario = Scenario(name="own prior", functions=MIXTURE, n_points=5)
    fresh, trained = WITH_QUERIES.model_copy(update={"steps": 1}), train(recipe, device="cpu")
    measured = evaluate({"fresh": train(fresh, device="cpu"), "trained": trained}, scenario, 500)
    assert measured.mse_over_prefixes("trained").high < 0.8 * measured.mse_over_prefixes("fresh").low
