"""Trains the networks that a study needs, on the backends that sweeps use too."""

import os
from contextlib import closing
from pathlib import Path

import torch
from rich.console import Console

from priormix.errors import PriormixError
from priormix.recipe import Recipe
from priormix.runs.backend import Backend
from priormix.runs.job import Job, Resources
from priormix.runs.pool import carry_out, unfinished
from priormix.runs.processes import LocalProcesses
from priormix.runs.ray_cluster import RayCluster


def train_all(
    recipes: list[tuple[str, Recipe]],
    runs: Path,
    device: torch.device,
    console: Console,
    address: str | None = None,
) -> None:
    """Train every named recipe that is not finished in `runs/<run_id>`, several at once on a CPU.

    On a CPU there is one process a core; on a card one process at a time. With an address the Ray cluster
    there trains them. Raises PriormixError that names the run where one fails; the others are stopped,
    what is finished stays.
    """
    jobs = [Job(name, recipe, runs / recipe.run_id, str(device)) for name, recipe in recipes]
    waiting = unfinished(jobs)
    backend, threads = _backend(len(waiting), device, address)
    resources = Resources(cpus=threads, gpus=1 if device.type == "cuda" else 0)
    shared = [Job(job.name, job.recipe, job.folder, job.device, resources) for job in waiting]
    with closing(carry_out(shared, backend, console)) as outcomes:
        for outcome in outcomes:
            if outcome.reason is not None:
                raise PriormixError(f"training of {outcome.job.name!r} failed: {outcome.reason}")


def _backend(n_runs: int, device: torch.device, address: str | None) -> tuple[Backend, int]:
    """Where to train, and the number of threads that each run has."""
    if address is not None:
        return RayCluster(address), 1
    cores = os.cpu_count() or 1
    at_once = max(1, min(n_runs, cores)) if device.type == "cpu" else 1
    return LocalProcesses(at_once), cores // at_once
