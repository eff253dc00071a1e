"""Runs that are cut off go on from their last checkpoint and end the same to the bit."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from io import StringIO

import pytest
import torch
import yaml
from rich.console import Console
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from interrupted_runs import (
    ADAM,
    RECIPE,
    PullThePlug,
    assert_the_same,
    checkpoints_of,
    go_on,
    metrics_of,
    train_until,
)
from priormix.errors import Interrupted, PriormixError
from priormix.studies.training import train_all
from priormix.training import Pace, Reporter, pretraining, train

OFTEN = Pace(steps=7)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of a run of RECIPE that was never cut off."""
    folder = tmp_path_factory.mktemp("undisturbed")
    go_on(RECIPE, folder)
    return folder


@pytest.mark.parametrize("recipe", [RECIPE, ADAM], ids=["muon", "adam in bfloat16"])
def test_a_run_that_is_cut_off_ends_the_same_to_the_bit(tmp_path_factory, tmp_path, recipe):
    folder = tmp_path_factory.mktemp("undisturbed")
    go_on(recipe, folder)
    for step in (4, 50, 50, 121, 229):
        train_until(step, recipe, tmp_path, OFTEN)
        assert not (tmp_path / "weights.safetensors").exists()
        assert len(checkpoints_of(tmp_path)) == min(2, step // 7)
    go_on(recipe, tmp_path, OFTEN)
    assert_the_same(folder, tmp_path)


def test_a_finished_run_keeps_no_checkpoints(tmp_path):
    go_on(RECIPE, tmp_path, OFTEN)
    assert not (tmp_path / "checkpoints").exists()


def test_a_run_goes_on_and_does_not_start_again(tmp_path):
    train_until(120, RECIPE, tmp_path, OFTEN)
    first = []

    class First(PullThePlug):
        def update(self, metrics):
            first.append(metrics.step)

    train(RECIPE, tmp_path, device="cpu", reporters=[First(0)], pace=OFTEN)
    assert first[0] == 120  # the checkpoint of step 119 held the loss of step 119, not reported yet
    assert [int(row["step"]) for row in metrics_of(tmp_path)] == list(range(2, 231, 2))


def test_checkpoints_hold_no_pickle_and_name_their_recipe(tmp_path):
    train_until(120, RECIPE, tmp_path, OFTEN)
    with safe_open(checkpoints_of(tmp_path)[-1], framework="pt") as file:
        header = file.metadata()
    assert json.loads(header["recipe"]) == json.loads(RECIPE.to_json())
    assert json.loads(header["state"])


DAMAGES = {
    "cut short": lambda whole: whole[: len(whole) // 2],
    "one bit flipped in the tensors": lambda whole: whole[:-5] + bytes([whole[-5] ^ 8]) + whole[-4:],
    "one bit flipped in the header": lambda whole: whole[:40] + bytes([whole[40] ^ 1]) + whole[41:],
    "empty": lambda whole: b"",
    "longer": lambda whole: whole + b"\0",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(undisturbed, tmp_path, caplog, damage):
    train_until(120, RECIPE, tmp_path, OFTEN)
    newest = checkpoints_of(tmp_path)[-1]
    newest.write_bytes(DAMAGES[damage](newest.read_bytes()))
    train_until(126, RECIPE, tmp_path, OFTEN)
    assert "damaged (its checksum is not that in its name); falling back to the checkpoint" in caplog.text
    assert len(checkpoints_of(tmp_path)) == 2
    go_on(RECIPE, tmp_path, OFTEN)
    assert_the_same(undisturbed, tmp_path)


def test_without_a_whole_checkpoint_a_run_says_so_and_starts_again(undisturbed, tmp_path, caplog):
    train_until(120, RECIPE, tmp_path, OFTEN)
    for path in checkpoints_of(tmp_path):
        path.write_bytes(b"nothing")
    go_on(RECIPE, tmp_path, OFTEN)
    assert "no whole checkpoint is left; starting from the beginning" in caplog.text
    assert_the_same(undisturbed, tmp_path)


def renamed(path):
    """Give a rewritten checkpoint the name that its content asks for."""
    number = path.name.partition("-")[0]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(path.with_name(f"{number}-{digest}.safetensors"))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"format": "priormix-checkpoint-99"},
            "written as 'priormix-checkpoint-99', this version of priormix",
        ),
        ({"recipe": "{}"}, "of another recipe; delete the folder"),
    ],
)
def test_checkpoints_of_another_version_or_recipe_are_refused_and_kept(tmp_path, change, complaint):
    train_until(120, RECIPE, tmp_path, OFTEN)
    newest = checkpoints_of(tmp_path)[-1]
    with safe_open(newest, framework="pt") as file:
        header = file.metadata()
    save_file(load_file(newest), newest, metadata={**header, **change})
    newest = renamed(newest)
    with pytest.raises(PriormixError, match=complaint):
        go_on(RECIPE, tmp_path)
    assert newest.exists()


def test_a_pickle_in_a_checkpoints_place_is_not_opened(tmp_path, caplog):
    train_until(120, RECIPE, tmp_path, OFTEN)
    torch.save({"weights": torch.zeros(3)}, checkpoints_of(tmp_path)[-1])
    renamed(checkpoints_of(tmp_path)[-1])
    go_on(RECIPE, tmp_path)
    assert "damaged" in caplog.text


def test_other_surroundings_are_pointed_out(tmp_path, caplog, monkeypatch):
    train_until(120, RECIPE, tmp_path, OFTEN)
    here = pretraining._surroundings
    go_on(RECIPE.model_copy(update={"seed": 1}), tmp_path / "another")
    assert "to the bit" not in caplog.text
    monkeypatch.setattr(pretraining, "_surroundings", lambda device: {**here(device), "threads": 64})
    go_on(RECIPE, tmp_path)
    assert "'threads': 64} what was begun under" in caplog.text
    assert "the numbers will not be the same to the bit" in caplog.text


class Signalled(Reporter):
    """Sends this process a signal at a step."""

    def __init__(self, step, signum):
        self.step, self.signum = step, signum

    def __exit__(self, *_):
        pass

    def update(self, metrics):
        if metrics.step == self.step:
            os.kill(os.getpid(), self.signum)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signals_save_and_say_how_to_go_on(undisturbed, tmp_path, signum):
    before = signal.getsignal(signum)
    with pytest.raises(Interrupted, match=r"after 120 of 230 steps, saved in .*; run the same command again"):
        train(RECIPE, tmp_path, device="cpu", reporters=[Signalled(120, signum)])
    assert signal.getsignal(signum) == before
    assert len(checkpoints_of(tmp_path)) == 1
    go_on(RECIPE, tmp_path)
    assert_the_same(undisturbed, tmp_path)


def test_a_signal_while_a_run_is_finished_waits_for_the_weights(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, tmp_path, device="cpu", reporters=[Signalled(230, signal.SIGINT)])
    assert (tmp_path / "weights.safetensors").exists()


def test_training_outside_the_main_thread_leaves_signals_alone(undisturbed, tmp_path):
    worker = threading.Thread(target=go_on, args=(RECIPE, tmp_path))
    worker.start()
    worker.join()
    assert_the_same(undisturbed, tmp_path)


def start(recipe, folder, *options):
    source = folder.with_suffix(".yaml")
    source.write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    command = [
        sys.executable,
        "-m",
        "priormix",
        "train",
        str(source),
        "--out",
        str(folder),
        "--device",
        "cpu",
    ]
    return subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for_a_checkpoint(folder, process):
    deadline = time.monotonic() + 300
    while not checkpoints_of(folder):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_the_command_is_killed_and_gone_on_with(tmp_path, signum, status):
    recipe = RECIPE.model_copy(update={"steps": 500})
    with start(recipe, tmp_path / "run", "--checkpoint-steps", "20") as victim:
        wait_for_a_checkpoint(tmp_path / "run", victim)
        victim.send_signal(signum)
        _, said = victim.communicate(timeout=300)
    assert victim.returncode == status, said
    assert "Traceback" not in said
    if signum != signal.SIGKILL:
        assert "run the same command again to go on" in said
        assert len(said.strip().splitlines()) == 1
    go_on(recipe, tmp_path / "run")
    go_on(recipe, tmp_path / "undisturbed")
    assert_the_same(tmp_path / "undisturbed", tmp_path / "run")


def test_a_second_writer_is_told_who_the_first_is(tmp_path):
    recipe = RECIPE.model_copy(update={"steps": 100_000})
    with start(recipe, tmp_path / "run", "--checkpoint-steps", "20") as first:
        wait_for_a_checkpoint(tmp_path / "run", first)
        with pytest.raises(PriormixError, match=rf"in use by another priormix process \(pid {first.pid}\)"):
            go_on(recipe, tmp_path / "run")
        first.kill()


def test_runs_of_a_study_go_on_too(tmp_path):
    folder = tmp_path / RECIPE.run_id
    train_until(120, RECIPE, folder, OFTEN)
    before = (folder / "metrics.csv").read_text().splitlines()
    train_all([("a model", RECIPE)], tmp_path, torch.device("cpu"), Console(file=StringIO()))
    after = (folder / "metrics.csv").read_text().splitlines()
    assert len(after) == 1 + 115
    # the columns of the clock are those of the first attempt up to its last checkpoint
    assert after[:60] == before[:60]


def test_a_folder_that_is_deleted_meanwhile_ends_the_run_with_an_error(tmp_path):
    class Delete(Signalled):
        def update(self, metrics):
            if metrics.step == self.step:
                shutil.rmtree(tmp_path / "run")

    with pytest.raises(PriormixError, match="run"):
        train(RECIPE, tmp_path / "run", device="cpu", reporters=[Delete(120, 0)], pace=OFTEN)


def test_a_folder_that_is_replaced_meanwhile_is_left_alone(tmp_path):
    class Replace(Signalled):
        def update(self, metrics):
            if metrics.step == self.step:
                shutil.move(tmp_path / "run", tmp_path / "moved")
                (tmp_path / "run").mkdir()

    with pytest.raises(PriormixError, match="deleted, moved or replaced"):
        train(RECIPE, tmp_path / "run", device="cpu", reporters=[Replace(118, 0)], pace=OFTEN)
    assert not list((tmp_path / "run").glob("checkpoints/*"))
    assert len(checkpoints_of(tmp_path / "moved")) == 2


def test_a_checkpoint_that_cannot_be_written_leaves_those_before_it(undisturbed, tmp_path):

    class InTheWay(Signalled):
        def update(self, metrics):
            if metrics.step == self.step:
                (tmp_path / "checkpoints" / ".partial").mkdir()

    with pytest.raises(PriormixError, match=r"a checkpoint cannot be written .* those before it are intact"):
        train(RECIPE, tmp_path, device="cpu", reporters=[InTheWay(118, 0)], pace=OFTEN)
    assert len(checkpoints_of(tmp_path)) == 2
    (tmp_path / "checkpoints" / ".partial").rmdir()
    go_on(RECIPE, tmp_path)
    assert_the_same(undisturbed, tmp_path)
