"""Optimisers, schedules and curricula: the published constants, and every parameter owned once."""

import pytest
import torch

from priormix.models import Network, Transformer
from priormix.optimisation import Adam, Curriculum, InverseSquareRoot, Muon, Ramp, WarmupDecay


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
    shapes = sorted(tuple(parameter.shape) for parameter in muon.param_groups[0]["params"])
    assert shapes == sorted([(48, 16), (16, 16), (64, 16), (16, 64)] * 2)


def test_adam_takes_the_textbook_step():
    network = torch.nn.Linear(2, 1, bias=False)
    before = network.weight.detach().clone()
    (optimiser,) = Adam(learning_rate=0.1).build(network)
    network.weight.grad = torch.tensor([[3.0, -0.5]])
    optimiser.step()
    # the first bias-corrected step of Adam is the learning rate times the sign of the gradient
    assert torch.allclose(network.weight, before - 0.1 * torch.tensor([[1.0, -1.0]]), atol=1e-6)
