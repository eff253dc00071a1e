"""Optimisers, schedules and curricula: the published constants, and every parameter owned once."""

import pytest
import torch
from torch import optim

from priormix.models import Network, Transformer
from priormix.optimisation import Adam, Curriculum, InverseSquareRoot, Muon, Ramp, WarmupDecay, muon
from priormix.optimisation.muon import BatchedMuon, orthogonalised


def a_network(positions="learned"):
    return Network(backbone=Transformer(layers=2, heads=2, width=16, positions=positions)).build(3, 6)


def test_the_studys_schedule_peaks_at_8_8e_4_after_5000_steps():
    schedule = InverseSquareRoot(width=256, warmup=5000)
    factors = [schedule.factor(step, 10**6) for step in range(12_000)]
    assert factors.index(max(factors)) == 4999
    assert max(factors) == pytest.approx(8.84e-4, rel=1e-3)
    assert factors[0] == pytest.approx(max(factors) / 5000)
    assert schedule.factor(19_999, 10**6) == pytest.approx(max(factors) / 2)


def test_warm_up_and_decay_start_and_end_near_zero():
    schedule = WarmupDecay(warmup=0.1, decay=0.5)
    factors = [schedule.factor(step, 100) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9:50] == [1.0] * 41
    assert factors[-1] == pytest.approx(0.02)
    assert factors[50:] == sorted(factors[50:], reverse=True)


def test_gargs_curriculum_grows_dims_and_points_every_2000_steps():
    curriculum = Curriculum()
    assert [curriculum.dims.at(step) for step in (0, 1999, 2000, 30_000, 10**6)] == [5, 5, 6, 20, 20]
    assert [curriculum.points.at(step) for step in (0, 1999, 2000, 30_000, 10**6)] == [11, 11, 13, 41, 41]


def test_a_ramp_never_passes_its_end():
    assert max(Ramp(start=1, end=4, increment=3, every=2).at(step) for step in range(50)) == 4


@pytest.mark.parametrize("optimiser", [Adam(), Muon()])
def test_every_parameter_is_owned_once(optimiser):
    network = a_network()
    owned = [
        parameter
        for torch_optimiser in optimiser.build(network)
        for group in torch_optimiser.param_groups
        for parameter in group["params"]
    ]
    assert len(owned) == len({id(parameter) for parameter in owned})
    assert {id(parameter) for parameter in owned} == {id(parameter) for parameter in network.parameters()}


def test_muon_takes_the_backbones_matrices_and_nothing_else():
    network = a_network()
    muon, _ = Muon().build(network)
    shapes = sorted(tuple(matrix.shape) for group in muon.param_groups for matrix in group["params"])
    assert shapes == sorted([(48, 16), (16, 16), (64, 16), (16, 64)] * 2)


def test_orthogonalising_by_gram_matrices_gives_what_the_textbooks_steps_give():
    for shape in ((3, 20, 6), (3, 6, 20), (2, 8, 8)):
        matrices = torch.randn(shape, dtype=torch.float64)
        expected = matrices.mT if shape[1] > shape[2] else matrices
        expected = expected / expected.norm(dim=(1, 2), keepdim=True)
        for _ in range(5):
            gram = expected @ expected.mT
            expected = 3.4445 * expected + (-4.7750 * gram + 2.0315 * gram @ gram) @ expected
        found = orthogonalised(matrices)
        torch.testing.assert_close(found.mT if shape[1] > shape[2] else found, expected, atol=1e-6, rtol=0)


def test_singular_values_end_near_one_in_single_precision_too():
    values = torch.linalg.svdvals(orthogonalised(torch.randn(4, 64, 192)))
    assert 0.6 < values.min() < values.max() < 1.25


@pytest.mark.parametrize("shape", [(3, 96, 96), (3, 256, 96)])
def test_large_matrices_are_nearly_as_orthogonal_in_bfloat16(monkeypatch, shape):
    # singular values over four powers of ten, as gradients have them
    left, right = (torch.linalg.qr(torch.randn(3, n, 96)).Q for n in shape[1:])
    matrices = left * torch.logspace(0, -4, 96) @ right.mT
    monkeypatch.setattr(muon, "is_fast_in_bfloat16", lambda device: False)
    exact = orthogonalised(matrices)
    monkeypatch.setattr(muon, "is_fast_in_bfloat16", lambda device: True)
    rounded = orthogonalised(matrices)
    assert not torch.equal(rounded, exact)
    assert (rounded - exact).norm() < 0.1 * exact.norm()
    assert torch.linalg.matrix_norm(rounded, 2).max() < 1.25


def test_batched_muon_takes_the_steps_of_torchs_muon():
    torch.manual_seed(3)
    ours = [torch.nn.Parameter(torch.randn(*shape)) for shape in [(12, 4), (4, 4), (4, 12)] * 2]
    theirs = [torch.nn.Parameter(matrix.detach().clone()) for matrix in ours]
    options = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1}
    one, other = BatchedMuon(ours, **options), optim.Muon(theirs, **options, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        for matrix, twin in zip(ours, theirs, strict=True):
            matrix.grad = torch.randn_like(matrix)
            twin.grad = matrix.grad.clone()
        one.step()
        other.step()
    for matrix, twin in zip(ours, theirs, strict=True):
        # torch orthogonalises in bfloat16, so that its steps are off by up to a hundredth
        torch.testing.assert_close(matrix, twin, atol=3 * 0.02 * 0.2 * 12**0.5 * 0.01, rtol=0)


def test_adam_takes_the_textbook_step():
    network = torch.nn.Linear(2, 1, bias=False)
    before = network.weight.detach().clone()
    (optimiser,) = Adam(learning_rate=0.1).build(network)
    network.weight.grad = torch.tensor([[3.0, -0.5]])
    optimiser.step()
    # the first bias-corrected step of Adam is the learning rate times the sign of the gradient
    assert torch.allclose(network.weight, before - 0.1 * torch.tensor([[1.0, -1.0]]), atol=1e-6)
