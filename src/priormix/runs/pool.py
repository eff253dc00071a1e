"""Carries out many runs on one backend, and shows how they are doing."""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from rich.console import Console

from priormix.files import make_folder, write_atomically
from priormix.runs.backend import Backend, Running
from priormix.runs.child import REQUESTED
from priormix.runs.job import Job, Outcome
from priormix.runs.progress import RunBars
from priormix.training import RunDirectory

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class _Started:
    job: Job
    running: Running


def carry_out(jobs: Sequence[Job], backend: Backend, console: Console) -> Generator[Outcome, None, None]:
    """Train every job whose folder holds no finished run; yields each outcome as the run ends.

    The most expensive runs start first, so that none is left over at the end. Closing the iterator stops
    the runs that have not ended.
    """
    waiting = sorted(unfinished(jobs), key=_cost, reverse=True)
    if not waiting:
        return
    started: list[_Started] = []
    with backend, RunBars(len(waiting), console) as bars:
        try:
            while waiting or started:
                while waiting and len(started) < backend.slots:
                    started.append(_start(waiting.pop(0), backend))
                time.sleep(POLL_SECONDS)
                bars.follow([each.job for each in started])
                for ended in [each for each in started if each.running.ended()]:
                    started.remove(ended)
                    outcome = Outcome(ended.job, ended.running.reason())
                    bars.end(outcome)
                    yield outcome
        finally:
            for each in started:
                each.running.stop()


def unfinished(jobs: Sequence[Job]) -> list[Job]:
    """The jobs that have yet to be trained, each run once."""
    distinct = {job.recipe.run_id: job for job in jobs}
    return [job for job in distinct.values() if not RunDirectory(job.folder, job.recipe).finished]


def _cost(job: Job) -> int:
    recipe = job.recipe
    return recipe.steps * recipe.batch * recipe.n_points * recipe.network.backbone.width


def _start(job: Job, backend: Backend) -> _Started:
    make_folder(job.folder)
    write_atomically(job.folder / REQUESTED, job.text.encode())
    return _Started(job, backend.start(job))
