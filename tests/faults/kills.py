"""Processes that are killed: anywhere, while a checkpoint is written, while a run is being finished."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from subject import RECIPE, Child, Outcome, damaged_bytes, finish, writing

from priormix.training import Pace

KILLS_A_RUN = 6


def anywhere(root: Path, undisturbed: Path, chance: random.Random, runs: int = 3) -> Outcome:
    """SIGKILL at random times."""
    outcome = Outcome("SIGKILL at random times")
    hits = 0
    for number in range(runs):
        folder = root / f"anywhere-{number}"
        for _ in range(KILLS_A_RUN):
            child = Child(folder, Pace(steps=chance.choice([2, 10, 30])))
            child.until(lambda: (folder / "metrics.csv").exists())  # noqa: B023
            time.sleep(chance.uniform(0, 0.4))
            hits += _struck(child, folder, outcome)
        _bring_to_end(folder, undisturbed, outcome)
    outcome.note = f"{hits} of them while a checkpoint was written"
    return outcome


def during_writing(root: Path, undisturbed: Path, chance: random.Random, runs: int = 4) -> Outcome:
    """SIGKILL within a few milliseconds of the start of a checkpoint."""
    outcome = Outcome("SIGKILL while a checkpoint is written")
    hits = 0
    for number in range(runs):
        folder = root / f"writing-{number}"
        for _ in range(KILLS_A_RUN):
            child = Child(folder, Pace(steps=chance.choice([1, 3])))
            skipped = chance.randrange(4)
            while skipped and child.until(lambda: writing(folder)):  # noqa: B023
                child.until(lambda: not writing(folder))  # noqa: B023
                skipped -= 1
            child.until(lambda: writing(folder))  # noqa: B023
            time.sleep(chance.uniform(0, 0.004))
            hits += _struck(child, folder, outcome)
        _bring_to_end(folder, undisturbed, outcome)
    outcome.note = f"{hits} left a checkpoint half written"
    return outcome


def while_finishing(root: Path, undisturbed: Path, chance: random.Random, runs: int = 5) -> Outcome:
    """SIGKILL around the moment at which the weights are written and the checkpoints dropped."""
    outcome = Outcome("SIGKILL while a run is finished")
    for number in range(runs):
        folder = root / f"finishing-{number}"
        child = Child(folder, Pace(steps=RECIPE.steps - 1))
        watched = [folder / ".weights.safetensors.partial", folder / "weights.safetensors"]
        child.until(lambda: any(path.exists() for path in watched))  # noqa: B023
        time.sleep(chance.uniform(0, 0.003))
        _struck(child, folder, outcome)
        _bring_to_end(folder, undisturbed, outcome)
    return outcome


def asked_to_stop(root: Path, undisturbed: Path, chance: random.Random, runs: int = 3) -> Outcome:
    """SIGTERM and Ctrl-C at random times: the process saves and says how to go on."""
    outcome = Outcome("SIGTERM and Ctrl-C at random times")
    for number in range(runs):
        folder = root / f"asked-{number}"
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            before = _written(folder / "metrics.csv")
            child = Child(folder, Pace())
            # a process that is still loading has nothing to save, and says nothing
            child.until(lambda: _written(folder / "metrics.csv") != before)  # noqa: B023
            time.sleep(chance.uniform(0, 0.2))
            status = child.kill(signum)
            if status == 0:
                continue
            outcome.struck += 1
            outcome.bytes_lost += damaged_bytes(folder)
            # one that comes while the run is finished has nothing to save, and ends the process afterwards
            finished = (folder / "weights.safetensors").exists()
            told = "run the same command again" in child.said
            outcome.survived += status == 128 + signum and (finished or told)
        _bring_to_end(folder, undisturbed, outcome)
    return outcome


def _written(path: Path) -> int:
    """When a file was last written, 0 where there is none."""
    return path.stat().st_mtime_ns if path.exists() else 0


def the_command(root: Path, undisturbed: Path, chance: random.Random, kills: int = 4) -> Outcome:
    """SIGKILL of `priormix train` itself, from its first import on."""
    outcome = Outcome("SIGKILL of the command `priormix train`")
    recipe = root / "recipe.yaml"
    recipe.write_text(RECIPE.to_yaml())
    folder = root / "command"
    command = [sys.executable, "-m", "priormix", "train", str(recipe), "--out", str(folder)]
    command += ["--device", "cpu", "--checkpoint-steps", "5"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for number in range(kills + 1):
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            if number < kills:
                while not (folder / "metrics.csv").exists() and process.poll() is None:
                    time.sleep(0.01)
                time.sleep(chance.uniform(0, 6) if number else 0.1)
                process.kill()
            _, said = process.communicate(timeout=600)
        if number < kills and process.returncode == -signal.SIGKILL:
            outcome.struck += 1
            outcome.bytes_lost += damaged_bytes(folder)
            outcome.survived += 1
        elif process.returncode != 0:
            raise AssertionError(said.decode())
    outcome.ended(folder, undisturbed)
    return outcome


def _struck(child: Child, folder: Path, outcome: Outcome) -> bool:
    """Kill the child; True where that hit the writing of a checkpoint."""
    status = child.kill()
    if status == 0:  # it was faster
        return False
    assert status == -signal.SIGKILL, child.said
    outcome.struck += 1
    outcome.bytes_lost += damaged_bytes(folder)
    outcome.survived += 1
    return writing(folder)


def _bring_to_end(folder: Path, undisturbed: Path, outcome: Outcome) -> None:
    finish(folder)
    outcome.ended(folder, undisturbed)
