"""Runs a sweep: trains what is missing, goes on past failures, and keeps one table."""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import polars as pl
from rich.console import Console

from priormix.errors import PriormixError
from priormix.files import sole_writer, write_atomically
from priormix.runs.backend import Backend
from priormix.runs.job import Job, Resources
from priormix.runs.pool import carry_out
from priormix.runs.progress import latest_metrics
from priormix.sweeps.results import Ending, to_table, write_results
from priormix.sweeps.sweep import Member, Sweep
from priormix.training import RunDirectory

MEMBERS = "members.json"


def run_sweep(
    sweep: Sweep,
    members: Sequence[Member],
    out: Path,
    backend: Backend,
    console: Console,
    imports: bool = False,
) -> pl.DataFrame:
    """Train the members that are not finished yet in `out/runs/<run_id>`, and return the sweep's table.

    A run that fails is named in the table with its reason, and the others go on; it is tried again when
    the sweep is run again. The table is written anew whenever a run ends.

    Raises PriormixError where the folder holds runs of another sweep, is in use or cannot be written.
    """
    with sole_writer(out):
        _claim(out, members)
        jobs = {member.recipe.run_id: _job(member, out, sweep.resources, imports) for member in members}
        endings = {run_id: _ending(job) for run_id, job in jobs.items()}
        write_results(out, _table(members, endings))
        with closing(carry_out(list(jobs.values()), backend, console)) as outcomes:
            for outcome in outcomes:
                endings[outcome.job.recipe.run_id] = _ending(outcome.job, outcome.reason)
                write_results(out, _table(members, endings))
        return _table(members, endings)


def _claim(out: Path, members: Sequence[Member]) -> None:
    """Note which runs the folder is for; a sweep may grow, but another one may not take its place."""
    path = out / MEMBERS
    wanted = {member.recipe.run_id: member.values for member in members}
    try:
        held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise PriormixError(f"{path}: damaged ({error}); remove it if this is the sweep's folder") from error
    lost = [run_id for run_id in held if run_id not in wanted]
    if lost:
        raise PriormixError(
            f"{out}: holds a sweep with {len(lost)} runs that this one does not have, such as {lost[0]} "
            f"({held[lost[0]]}); choose another output folder"
        )
    write_atomically(path, json.dumps(wanted, indent=2, default=str).encode())


def _job(member: Member, out: Path, resources: Resources, imports: bool) -> Job:
    # a class that was imported by its path is known by its kind in this process only
    requested = json.dumps(member.fields) if imports else None
    device = "cuda" if resources.gpus else "cpu"
    folder = out / "runs" / member.recipe.run_id
    return Job(member.name, member.recipe, folder, device, resources, requested, imports)


def _table(members: Sequence[Member], endings: Mapping[str, Ending]) -> pl.DataFrame:
    return to_table([(member.values, endings[member.recipe.run_id]) for member in members])


def _ending(job: Job, reason: str | None = None) -> Ending:
    run_id = job.recipe.run_id
    if reason is not None:
        return Ending(run_id, "failed", reason)
    metrics = latest_metrics(job)
    if not RunDirectory(job.folder, job.recipe).finished or metrics is None:
        return Ending(run_id, "unfinished")
    return Ending(
        run_id,
        "finished",
        loss=metrics.loss,
        excess=metrics.excess,
        seconds=metrics.seconds,
        prompts_per_second=metrics.prompts_per_second,
        prompts=metrics.prompts,
    )
