"""Several processes train one run: the same batches, the same losses, and they end together."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from priormix.recipe import read_recipe
from priormix.training import plan
from priormix.training.memory import outline_network

RECIPE = {
    "mixture": {"kind": "dense_linear", "dim": 3},
    "n_points": 6,
    "network": {
        "backbone": {"kind": "transformer", "layers": 2, "heads": 2, "width": 16, "positions": "none"}
    },
    "optimiser": {"kind": "adam", "learning_rate": 3e-3},
    # small enough to change every step
    "gradient_clip": 0.1,
    "precision": "float32",
    "steps": 50,
    "batch": 8,
}
MUON = {"optimiser": {"kind": "muon"}}
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(tmp_path, out, *options, **changes):
    """`priormix train` with the recipe, changed as given."""
    recipe = tmp_path / f"{out}.yaml"
    recipe.write_text(yaml.safe_dump({**RECIPE, **changes}))
    options = [*map(str, options), "--device", "cpu"]
    return ["priormix", "train", str(recipe), "--out", str(tmp_path / out), *options]


def run(arguments, launcher=()):
    done = subprocess.run(
        [sys.executable, "-m", *launcher, *arguments],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=200,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def trained(tmp_path, out, *options, launcher=(), **changes):
    """The loss of every step of a run that came to its end."""
    status, said, complaint = run(command(tmp_path, out, *options, **changes), launcher)
    assert status == 0, complaint
    assert said.count("trained:") == 1
    return losses(tmp_path / out)


def losses(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        rows = [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]
    assert [step for step, _ in rows] == list(range(1, RECIPE["steps"] + 1))
    return torch.tensor([loss for _, loss in rows], dtype=torch.float64)


def gap(one, other):
    return float((one - other).abs().max())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("devices")


@pytest.fixture(scope="module")
def alone(place):
    """The losses of one process."""
    found = trained(place, "alone")
    assert found[-1] != found[0]
    return found


@pytest.fixture(scope="module")
def copies(place):
    """The losses of two processes with a copy of the network each."""
    return trained(place, "copies", "--devices", 2, "--strategy", "ddp")


def test_two_processes_take_the_steps_of_one(alone, copies):
    assert gap(alone, copies) < 1e-5


def test_four_processes_take_the_steps_of_one(place, alone):
    assert gap(alone, trained(place, "four", "--devices", 4)) < 1e-5


def test_parts_of_the_network_take_the_steps_of_copies(place, copies):
    parts = trained(place, "parts", "--devices", 2, "--strategy", "fsdp")
    assert gap(copies, parts) < 1e-4


def test_whole_matrices_are_orthogonalised_alike(place):
    one = trained(place, "muon", **MUON)
    assert gap(one, trained(place, "muon-copies", "--devices", 2, **MUON)) < 1e-5


def test_torchrun_starts_them_too(place, alone):
    launcher = ["torch.distributed.run", "--nproc-per-node", "2", "-m"]
    assert gap(alone, trained(place, "torchrun", launcher=launcher)) < 1e-5


@pytest.mark.parametrize(
    ("before", "after"), [([], ["--devices", 2, "--strategy", "fsdp"]), (["--devices", 2], [])]
)
def test_a_run_goes_on_with_another_number_of_processes(place, alone, before, after):
    out = f"from-{len(before)}"
    interrupt(command(place, out, *before, "--checkpoint-steps", 5), place / out)
    assert gap(alone, trained(place, out, *after)) < 1e-5


def interrupt(arguments, folder):
    """Ask a run to end once it has reported; it must save first and say how to go on."""
    with subprocess.Popen(
        [sys.executable, "-m", *arguments], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        wait_for_a_step(folder, process)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "run the same command again to go on" in said
    assert not (folder / "weights.safetensors").exists()
    assert list((folder / "checkpoints").glob("*.safetensors"))


def wait_for_a_step(folder, process):
    deadline = time.monotonic() + 60
    while not ((folder / "metrics.csv").exists() and (folder / "metrics.csv").read_text().count("\n") > 2):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_where_one_process_is_killed_all_end_and_its_rank_is_named(place):
    arguments = command(place, "killed", "--devices", 2, steps=100_000)
    with subprocess.Popen(
        [sys.executable, "-m", *arguments], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        wait_for_a_step(place / "killed", process)
        ranks = children(process.pid)
        assert set(ranks) == {0, 1}
        os.kill(ranks[1], signal.SIGKILL)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "rank 1 of 2 was ended by SIGKILL" in said
    assert "Traceback" not in said
    assert not any(Path(f"/proc/{pid}").exists() for pid in ranks.values())


def children(pid):
    """The processes that this one has started, by their ranks."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        environ = Path(f"/proc/{child}/environ").read_text()
        fields = dict(part.split("=", 1) for part in environ.split("\0") if "=" in part)
        found[int(fields["RANK"])] = int(child)
    return found


@pytest.mark.parametrize(
    ("options", "changes", "complaint"),
    [
        (["--devices", 2, "--strategy", "fsdp"], MUON, "'muon' needs whole matrices"),
        (["--devices", 3], {}, "8 prompts have no equal shares for 3 processes"),
        (["--strategy", "fsdp"], {}, "needs at least 2, see --devices"),
    ],
)
def test_what_cannot_be_shared_is_refused_in_words(tmp_path, options, changes, complaint):
    status, _, said = run(command(tmp_path, "refused", *options, **changes))
    assert status == 2
    assert complaint in " ".join(said.split())
    assert "Traceback" not in said


def test_a_network_of_the_size_of_gpt2_xl_is_planned_without_being_built(repository):
    recipe = read_recipe(repository / "recipes" / "gpt2-xl.yaml")
    n_parameters = sum(parameter.numel() for parameter in outline_network(recipe).parameters())
    assert round(n_parameters / 1e9, 1) == 1.5
    shared = plan(recipe, torch.device("cpu"), devices=8, strategy="fsdp")
    assert shared.parameters == n_parameters
    assert shared.sharded
    assert shared.seconds is None or shared.seconds > 0
    # weights, gradients and both moments in four bytes each, an eighth of them on a device
    assert shared.memory_bytes_a_device > 16 * n_parameters // 8
    assert shared.memory_bytes_a_device < shared.memory_bytes / 7
    # the forward pass multiplies and adds every weight of a layer once a token, the backward pass twice
    assert shared.flops_per_prompt == pytest.approx(6 * n_parameters * recipe.n_points, rel=0.05)


def test_such_a_network_starts_in_parts_at_a_small_width(place, repository):
    fields = yaml.safe_load((repository / "recipes" / "gpt2-xl.yaml").read_text())
    fields["network"]["backbone"]["width"] = 50
    changes = {**fields, "steps": 2, "batch": 4, "precision": "float32"}
    arguments = command(place, "narrow", "--devices", 2, "--strategy", "fsdp", **changes)
    status, _, said = run(arguments)
    assert status == 0, said
    assert (place / "narrow" / "weights.safetensors").exists()
