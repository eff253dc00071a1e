"""What a run will cost: counted operations equal those counted by hand, and planning runs nothing."""

import json

import pytest
import torch

from command_line import in_process, priormix, refuse
from priormix import devices
from priormix.functions import DenseLinear
from priormix.models import Network, Transformer
from priormix.optimisation import Adam, Muon
from priormix.recipe import Recipe
from priormix.training import plan, training_flops
from priormix.training.stepper import Stepper

WIDTH, LAYERS, POINTS, DIM = 16, 2, 7, 3
RECIPE = Recipe(
    mixture=DenseLinear(dim=DIM),
    n_points=POINTS,
    network=Network(backbone=Transformer(layers=LAYERS, heads=2, width=WIDTH, positions="none")),
    steps=10,
    batch=4,
    precision="float32",
)


def forward_flops():
    """Two operations for every weight and token, and the two products of attention."""
    weights = LAYERS * 12 * WIDTH**2 + (2 * DIM + 2) * WIDTH + WIDTH * (1 + DIM)
    return 2 * weights * POINTS + LAYERS * 2 * 2 * POINTS**2 * WIDTH


def test_a_step_costs_three_forward_passes_less_the_gradient_of_the_tokens():
    of_tokens = 2 * (2 * DIM + 2) * WIDTH * POINTS
    assert training_flops(RECIPE) == 3 * forward_flops() - of_tokens


def test_queries_cost_the_product_of_coefficients_and_points_and_its_gradient():
    alone = RECIPE.model_copy(update={"network": RECIPE.network.model_copy(update={"layout": "examples"})})
    answers = 2 * POINTS * (POINTS + 5) * DIM
    assert training_flops(alone.model_copy(update={"queries": 5})) == training_flops(alone) + 2 * answers


@pytest.mark.parametrize(("optimiser", "states"), [(Adam(), 2), (Muon(), 1)])
def test_memory_holds_weights_gradients_and_the_optimisers_state(optimiser, states):
    recipe = RECIPE.model_copy(update={"optimiser": optimiser})
    small, large = (
        plan(recipe.model_copy(update={"batch": batch}), torch.device("cpu")) for batch in (1, 101)
    )
    kept = (large.memory_bytes - small.memory_bytes) / 100
    # every block keeps at least its two inputs, the joint projection and the hidden layer of the MLP
    assert kept > 4 * LAYERS * POINTS * WIDTH * (2 + 3 + 4)
    fixed = small.memory_bytes - kept
    assert fixed >= 4 * small.parameters * (2 + states)
    assert fixed < 4 * small.parameters * (2 + 2) + 4 * 100


def test_time_grows_with_the_steps_and_is_positive():
    found = plan(RECIPE.model_copy(update={"steps": 1000}), torch.device("cpu"))
    assert found.seconds > 0
    assert found.h100_seconds == pytest.approx(1000 * LAYERS * 5e-4)
    assert found.in_words()["parameters"] == f"{found.parameters:,}"


def test_the_command_prints_the_plan_and_writes_nothing(capsys, tmp_path):
    source = tmp_path / "recipe.yaml"
    source.write_text(RECIPE.to_yaml())
    command = ("train", source, "--out", tmp_path / "run", "--plan")
    status, out, _ = in_process(capsys, *command, "--json")
    assert status == 0
    assert json.loads(out)["flops_per_prompt"] == training_flops(RECIPE)
    assert "time on an H100" in in_process(capsys, *command)[1]
    assert not (tmp_path / "run").exists()


def test_an_unknown_benchmark_is_refused_with_the_known_ones(capsys):
    assert "known: train, evaluate, time-to-bayes, profile-step, plan, growth" in refuse(
        capsys, "bench", "nope"
    )


@pytest.mark.slow
def test_a_benchmark_of_the_checkout_runs_and_leaves_its_numbers(tmp_path):
    small = ("--layers", 1, "--heads", 1, "--width", 8, "--points", 5, "--batch", 4, "--repeats", 1)
    done = priormix("bench", "train", "--json", tmp_path / "train.json", "--", *small)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "train.json").read_text())["ratio"] > 0


@pytest.mark.parametrize(
    ("found", "expected"),
    [({"amx_bf16": True}, True), ({"avx512_bf16": True}, True), ({"avx2": True}, False)],
)
def test_bfloat16_is_used_where_the_processor_has_instructions_for_it(monkeypatch, found, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    cpu = torch.device("cpu")
    assert devices.is_fast_in_bfloat16(cpu) == expected
    stepper = Stepper(RECIPE.model_copy(update={"precision": "auto"}), cpu)
    assert stepper.precision == ("bf16-mixed" if expected else "32-true")
