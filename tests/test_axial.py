"""A network over cells: it treats coordinates alike, and what each of its parts computes."""

import math

import pytest
import torch
from torch.nn import functional

from predictor_contract import check_predictor, gaussian_prompts
from priormix import DenseLinear, Recipe
from priormix.models import Axial, Network, NetworkPredictor, Transformer
from priormix.models.axial import _AlongCoordinates, _AlongExamples, _CellNorm, _OfPairs
from priormix.models.layouts import LAYOUTS
from priormix.training import read_weights, training_flops, write_weights

SMALL = Axial(layers=2, heads=2, width=8)


def small_network(dim=3, n_points=6, seed=0):
    network = Network(layout="cells", backbone=SMALL).build(dim, n_points, seed)
    stream = torch.Generator().manual_seed(1)
    # a fresh network predicts 0 and its blocks do nothing; give it something to say
    for parameter in network.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=stream)
    return network


def heads_apart(parts):
    """Numbers of the shape that the attention's parts have: examples, batch, heads, coordinates, features."""
    stream = torch.Generator().manual_seed(0)
    return torch.randn(parts, 5, 2, 2, 3, 4, dtype=torch.float64, generator=stream).unbind()


@pytest.mark.parametrize("dim", [1, 3])
def test_it_keeps_the_predictors_contract(dim):
    xs, ys = gaussian_prompts(4, 6, dim, torch.float32)
    check_predictor(NetworkPredictor(small_network(dim)), xs, ys)


def test_the_order_of_the_coordinates_does_not_matter():
    network, order = small_network(4).double(), torch.tensor([1, 2, 0, 3])
    xs, ys = gaussian_prompts(3, 7, 4, torch.float64)
    torch.testing.assert_close(network(xs[..., order], ys), network(xs, ys), atol=1e-12, rtol=0)
    other = network(xs[..., order[:2]].repeat(1, 1, 2), ys)
    assert not torch.allclose(other, network(xs, ys), atol=1e-3)


def test_a_prediction_sees_its_own_x_and_all_examples_before_it():
    network = small_network()
    xs, ys = (part.requires_grad_() for part in gaussian_prompts(1, 6, 3, torch.float32))
    for t in range(6):
        of_xs, of_ys = torch.autograd.grad(network(xs, ys)[0, t], (xs, ys))
        assert (of_xs[0].abs().sum(1) > 0).tolist() == [s <= t for s in range(6)]
        assert (of_ys[0] != 0).tolist() == [s < t for s in range(6)]


def test_every_prefix_answers_for_many_queries_as_it_would_for_each():
    network = small_network().double()
    xs, ys = gaussian_prompts(2, 6, 3, torch.float64)
    queries, _ = gaussian_prompts(2, 4, 3, torch.float64, seed=1)
    together = network(xs, ys, queries)
    assert together.shape == (2, 6, 4)
    for t in range(6):
        asked = network.at_queries(xs[:, :t], ys[:, :t], queries)
        torch.testing.assert_close(together[:, t], asked, atol=1e-12, rtol=0)


def test_it_reads_longer_prompts_and_starts_at_the_prior_mean():
    xs, ys = gaussian_prompts(2, 20, 3, torch.float32)
    assert small_network()(xs, ys).shape == (2, 20)
    assert (Network(layout="cells", backbone=SMALL).build(3, 6)(xs, ys) == 0).all()


def test_a_cell_holds_one_coordinate_of_the_point_before_its_label_and_a_mark():
    xs, ys = gaussian_prompts(2, 5, 3, torch.float32)
    cells = LAYOUTS["cells"].tokens(xs, ys)
    assert cells.shape == (2, 5, 3, LAYOUTS["cells"].n_features(3))
    for i in range(3):
        assert torch.equal(cells[:, 1:, i, 0], xs[:, :-1, i])
        assert torch.equal(cells[:, 1:, i, 1], ys[:, :-1])
        assert cells[0, :, i, 2].tolist() == [1, 0, 0, 0, 0]
    assert (cells[:, 0, :, :2] == 0).all()


def test_along_examples_all_coordinates_share_their_scores():
    queries, keys, values = heads_apart(3)
    found = _AlongExamples(SMALL)._mixed(queries, keys, values)
    expected = torch.zeros_like(values)
    for t in range(5):
        for s in range(t + 1):
            score = (queries[t] * keys[s]).sum((-2, -1), keepdim=True) / math.sqrt(3 * 4)
            expected[t] += score * values[s] / math.sqrt(t + 1)
    torch.testing.assert_close(found, expected)


def test_along_coordinates_scores_are_summed_over_the_examples_so_far():
    queries, keys, values = heads_apart(3)
    found = _AlongCoordinates(SMALL)._mixed(queries, keys, values)
    expected = torch.zeros_like(values)
    for t in range(5):
        for i in range(3):
            for j in range(3):
                score = (queries[: t + 1, :, :, i] * keys[: t + 1, :, :, j]).sum((0, -1))
                expected[t, :, :, i] += score[..., None] * values[t, :, :, j] / math.sqrt((t + 1) * 3 * 4)
    torch.testing.assert_close(found, expected)


def test_with_queries_and_keys_of_the_inputs_it_takes_an_exact_gradient_step_for_every_prefix():
    xs, _ = gaussian_prompts(2, 5, 3, torch.float64)
    weights = torch.randn(5, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    as_heads = xs.transpose(0, 1)[:, :, None, :, None]
    found = _AlongCoordinates(SMALL)._mixed(as_heads, as_heads, weights[:, :, None, :, None])[:, :, 0, :, 0]
    for t in range(5):
        moments = xs[:, : t + 1].mT @ xs[:, : t + 1]
        step = (moments @ weights[t, ..., None])[..., 0]
        torch.testing.assert_close(found[t], step / math.sqrt((t + 1) * 3))


def test_a_coordinate_hears_the_mean_of_its_pairs_with_all_others_and_itself():
    part = _OfPairs(4).double()
    stream = torch.Generator().manual_seed(0)
    for parameter in part.parameters():
        parameter.data = torch.randn(parameter.shape, dtype=torch.float64, generator=stream)
    cells = torch.randn(5, 2, 3, 4, dtype=torch.float64, generator=stream)
    factor, other_factor, term, other_term = part.pairs_in(part.norm(cells)).chunk(4, dim=-1)
    found = part(cells)
    for t in range(5):
        for i in range(3):
            heard = torch.zeros(2, 4, dtype=torch.float64)
            for j in range(3):
                sums = (factor[: t + 1, :, i] * other_factor[: t + 1, :, j]).sum(0) / math.sqrt(t + 1)
                heard += functional.gelu(sums + term[t, :, i] + other_term[t, :, j]) / 3
            torch.testing.assert_close(found[t, :, i], part.pairs_out(heard))


def test_the_norm_keeps_the_ratios_of_coordinates():
    cells = torch.randn(4, 3, 8, generator=torch.Generator().manual_seed(0))
    normed = _CellNorm(8)(cells)
    torch.testing.assert_close(normed.square().mean((-2, -1)), torch.ones(4))
    torch.testing.assert_close(normed[:, 0] * cells[:, 1], normed[:, 1] * cells[:, 0])


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (
            {"layout": "examples", "backbone": SMALL},
            r"axial cannot read layout examples \(allowed .*: cells\)",
        ),
        ({"layout": "cells", "backbone": Transformer()}, r"transformer cannot read layout cells \(allowed"),
        ({"layout": "cells", "backbone": SMALL, "head": "basis"}, r"needs the affine head \(head basis\)"),
        ({"layout": "cells", "backbone": SMALL, "head": "linear"}, r"linear head needs tokens that hold x_t"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_words(fields, complaint):
    with pytest.raises(ValueError, match=complaint):
        Network(**fields)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match=r"heads must divide width \(heads 3, width 16\)"):
        Axial(heads=3, width=16)


def test_its_cost_grows_with_the_coordinates_and_its_weights_do_not():
    def recipe(dim):
        network = Network(layout="cells", backbone=SMALL)
        return Recipe(mixture=DenseLinear(dim=dim), n_points=8, queries=4, network=network)

    assert 1.9 < training_flops(recipe(16)) / training_flops(recipe(8)) < 4
    sizes = {recipe(dim).network.build(dim, 8).n_parameters for dim in (8, 16)}
    assert len(sizes) == 1


def test_weights_come_back_from_their_file(tmp_path):
    network = small_network()
    recipe = Recipe(mixture=DenseLinear(dim=3), n_points=6, network=Network(layout="cells", backbone=SMALL))
    write_weights(tmp_path / "weights.safetensors", network, recipe)
    again, _ = read_weights(tmp_path / "weights.safetensors")
    xs, ys = gaussian_prompts(2, 6, 3, torch.float32)
    assert torch.equal(again(xs, ys), network(xs, ys))
