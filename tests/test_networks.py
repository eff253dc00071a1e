"""Networks: causality, layouts that hold the same information, and prompts of other lengths."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from predictor_contract import check_predictor, gaussian_prompts
from priormix.models import Network, NetworkPredictor, Transformer
from priormix.models.attention import causal_attention, causal_sight, linear_attention
from priormix.models.layouts import LAYOUTS
from priormix.models.positions import rotate, sine_table

LAYOUT_NAMES = ["interleaved", "paired"]
READERS = [("interleaved", "linear"), ("interleaved", "affine"), ("paired", "linear"), ("paired", "affine")]
READERS += [("paired", "basis"), ("examples", "affine"), ("examples", "basis")]
POSITIONS = ["sine", "learned", "rotary", "none"]


def small_network(
    layout="paired", positions="sine", dim=3, n_points=6, seed=0, head="affine", attention="softmax"
):
    backbone = Transformer(layers=2, heads=2, width=16, positions=positions, attention=attention)
    network = Network(layout=layout, backbone=backbone, head=head).build(dim, n_points, seed)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        # a fresh network predicts 0 and its blocks do nothing; give it something to say
        for parameter in network.parameters():
            parameter.data += 0.2 * torch.randn_like(parameter)
    return network


@pytest.mark.parametrize(("layout", "head"), READERS)
@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("attention", ["softmax", "linear"])
def test_networks_keep_the_predictors_contract(layout, positions, head, attention):
    xs, ys = gaussian_prompts(4, 6, 3, torch.float32)
    network = small_network(layout, positions, head=head, attention=attention)
    check_predictor(NetworkPredictor(network), xs, ys)


def test_an_affine_head_gives_an_intercept_and_coefficients_of_the_point_that_is_asked_for():
    network = small_network()
    network.read_out.weight.data.zero_()
    network.read_out.bias.data = torch.tensor([0.5, 1.0, -2.0, 3.0])
    xs, ys = gaussian_prompts(2, 6, 3, torch.float32)
    coefficients = torch.tensor([1.0, -2.0, 3.0])
    assert torch.allclose(network(xs, ys), 0.5 + xs @ coefficients, atol=1e-5)
    queries = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(network.at_queries(xs, ys, queries), 0.5 + queries @ coefficients, atol=1e-5)


def test_a_basis_head_gives_an_intercept_and_coefficients_of_learned_functions_of_the_point():
    network = small_network(head="basis")
    coefficients = torch.linspace(-1, 1, 32)
    network.read_out.weight.data.zero_()
    network.read_out.bias.data = torch.cat([torch.tensor([0.5]), coefficients])
    xs, ys = gaussian_prompts(2, 6, 3, torch.float32)
    assert torch.allclose(network(xs, ys), 0.5 + network.basis(xs) @ coefficients, atol=1e-4)
    assert network.basis(xs).std() > 0


@pytest.mark.parametrize("layout", [*LAYOUT_NAMES, "examples"])
def test_a_prediction_sees_its_own_x_and_all_examples_before_it(layout):
    """Gradients show what reaches a prediction: in all layouts x_≤t and y_<t, and nothing else."""
    network = small_network(layout)
    xs, ys = (part.requires_grad_() for part in gaussian_prompts(1, 6, 3, torch.float32))
    for t in range(6):
        of_xs, of_ys = torch.autograd.grad(network(xs, ys)[0, t], (xs, ys), allow_unused=True)
        reached_xs = of_xs[0].abs().sum(1) > 0
        reached_ys = of_ys[0] != 0
        assert reached_xs.tolist() == [s <= t for s in range(6)]
        assert reached_ys.tolist() == [s < t for s in range(6)]


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
def test_tokens_hold_the_prompt_and_nothing_from_the_future(layout):
    xs, ys = gaussian_prompts(2, 5, 3, torch.float32)
    tokens = LAYOUTS[layout].tokens(xs, ys)
    assert tokens.shape == (2, LAYOUTS[layout].n_tokens(5), LAYOUTS[layout].n_features(3))
    assert torch.equal(LAYOUTS[layout].predicting(tokens)[..., :3], xs)


def test_interleaved_tokens_alternate_x_and_padded_y():
    xs, ys = gaussian_prompts(1, 3, 2, torch.float32)
    tokens = LAYOUTS["interleaved"].tokens(xs, ys)[0]
    assert torch.equal(tokens[1::2, 0], ys[0, :-1])
    assert (tokens[1::2, 1:] == 0).all()


def test_paired_tokens_hold_the_point_before_and_mark_the_first():
    xs, ys = gaussian_prompts(1, 3, 2, torch.float32)
    tokens = LAYOUTS["paired"].tokens(xs, ys)[0]
    assert torch.equal(tokens[1:, 2:4], xs[0, :-1])
    assert torch.equal(tokens[1:, 4], ys[0, :-1])
    assert tokens[:, 5].tolist() == [1, 0, 0]
    assert (tokens[0, 2:5] == 0).all()


def test_tokens_of_examples_are_paired_ones_without_the_point_that_is_asked_for():
    xs, ys = gaussian_prompts(2, 5, 3, torch.float32)
    paired, examples = (LAYOUTS[name].tokens(xs, ys) for name in ("paired", "examples"))
    assert torch.equal(examples, paired[..., 3:])
    assert examples.shape[2] == LAYOUTS["examples"].n_features(3)


@pytest.mark.parametrize("attention", ["softmax", "linear"])
@pytest.mark.parametrize("head", ["affine", "basis"])
def test_every_prefix_answers_for_many_queries_as_it_would_for_each(attention, head):
    network = small_network("examples", attention=attention, head=head)
    xs, ys = gaussian_prompts(2, 6, 3, torch.float32)
    queries, _ = gaussian_prompts(2, 4, 3, torch.float32, seed=1)
    together = network(xs, ys, queries)
    assert together.shape == (2, 6, 4)
    for t in range(6):
        for q in range(4):
            asked = torch.cat([xs[:, :t], queries[:, q : q + 1]], 1)
            alone = network(asked, torch.cat([ys[:, :t], torch.full((2, 1), torch.nan)], 1))
            torch.testing.assert_close(together[:, t, q], alone[:, -1], atol=1e-5, rtol=1e-5)


def test_only_tokens_without_the_point_that_is_asked_for_can_answer_for_many():
    with pytest.raises(ValueError, match=r"linear head needs tokens that hold x_t \(layout examples"):
        Network(layout="examples", head="linear")


@pytest.mark.parametrize(("size", "millions"), [((3, 2, 64), 0.2), ((6, 4, 128), 1.2), ((12, 8, 256), 9.5)])
def test_the_studys_three_sizes_have_the_published_numbers_of_parameters(size, millions):
    layers, heads, width = size
    backbone = Transformer(layers=layers, heads=heads, width=width)
    network = Network(layout="interleaved", backbone=backbone, head="linear").build(20, 40)
    assert round(network.n_parameters / 1e6, 1) == millions


@pytest.mark.parametrize("positions", ["sine", "rotary", "none"])
def test_longer_prompts_than_in_pretraining_are_read(positions):
    xs, ys = gaussian_prompts(2, 20, 3, torch.float32)
    assert small_network(positions=positions, n_points=6)(xs, ys).shape == (2, 20)


def test_learned_positions_say_how_long_a_prompt_may_be():
    xs, ys = gaussian_prompts(2, 7, 3, torch.float32)
    with pytest.raises(ValueError, match="positions for 6 tokens, the prompt needs 7"):
        small_network(positions="learned", n_points=6)(xs, ys)


def test_inputs_of_another_dimension_are_refused():
    xs, ys = gaussian_prompts(2, 5, 4, torch.float32)
    with pytest.raises(ValueError, match="3 coordinates, got 4"):
        small_network()(xs, ys)


def test_the_seed_decides_the_weights_and_torchs_random_state_stays():
    before = torch.random.get_rng_state()
    one, same, other = small_network(seed=5), small_network(seed=5), small_network(seed=6)
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one.read_in.weight, same.read_in.weight)
    assert not torch.equal(one.read_in.weight, other.read_in.weight)


def test_a_fresh_network_predicts_the_prior_mean():
    network = Network(backbone=Transformer(layers=1, heads=1, width=8)).build(3, 6)
    assert (network(*gaussian_prompts(2, 6, 3, torch.float32)) == 0).all()


def test_attention_over_short_sequences_equals_torchs_kernel_and_so_do_its_gradients():
    parts = [part.requires_grad_() for part in torch.randn(3, 2, 4, 9, 8).unbind()]
    expected = functional.scaled_dot_product_attention(*parts, is_causal=True)
    found = causal_attention(*parts)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    direction = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(found, parts, direction),
        torch.autograd.grad(expected, parts, direction),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=0)


def test_long_sequences_go_through_torchs_kernel_and_agree_with_short_ones():
    queries, keys, values = torch.randn(3, 1, 2, 80, 8).unbind()
    whole = causal_attention(queries, keys, values)
    start = causal_attention(queries[:, :, :50], keys[:, :, :50], values[:, :, :50])
    torch.testing.assert_close(whole[:, :, :50], start, atol=1e-6, rtol=0)


def test_bfloat16_attention_on_the_cpu_is_causal_and_close():
    queries, keys, values = torch.randn(3, 2, 4, 9, 8).unbind()
    low = causal_attention(queries.bfloat16(), keys.bfloat16(), values.bfloat16())
    assert torch.allclose(low.float(), causal_attention(queries, keys, values), atol=0.05)
    values[:, :, 5:] += 1
    changed = causal_attention(queries.bfloat16(), keys.bfloat16(), values.bfloat16())
    assert torch.equal(low[:, :, :5], changed[:, :, :5])


def test_linear_attention_sums_values_times_products_over_the_root_of_their_number():
    queries, keys, values = torch.randn(3, 2, 3, 7, 4, dtype=torch.float64).unbind()
    found = linear_attention(queries, keys, values, causal_sight(7, queries.device))
    for t in range(7):
        products = torch.einsum("bhe,bhse->bhs", queries[:, :, t], keys[:, :, : t + 1])
        expected = torch.einsum("bhs,bhse->bhe", products, values[:, :, : t + 1]) / 2 / math.sqrt(t + 1)
        torch.testing.assert_close(found[:, :, t], expected)


def test_sine_positions_follow_the_formula():
    table = sine_table(7, 6, torch.device("cpu"))
    for place in range(7):
        for i in range(3):
            angle = place / 10_000 ** (i / 3)
            assert table[place, i].item() == pytest.approx(math.sin(angle), abs=1e-5)
            assert table[place, 3 + i].item() == pytest.approx(math.cos(angle), abs=1e-5)


def test_rotary_scores_depend_on_the_distance_between_tokens_only():
    query, key = torch.randn(2, 1, 1, 1, 8, dtype=torch.float64).unbind()
    queries, keys = rotate(query.expand(1, 1, 10, 8), key.expand(1, 1, 10, 8))
    scores = (queries @ keys.transpose(-1, -2))[0, 0].numpy()
    for offset in range(-9, 10):
        assert np.ptp(np.diagonal(scores, offset)) < 1e-5
    assert abs(scores[0, 0] - scores[5, 0]) > 1e-3


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match=r"heads must divide width \(heads 3, width 16\)"):
        Transformer(heads=3, width=16)
