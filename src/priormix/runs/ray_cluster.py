"""Runs on Ray: on this machine, or on a cluster that stands already."""

import logging
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from priormix.errors import PriormixError
from priormix.runs.backend import Backend, Running
from priormix.runs.child import train_in_child
from priormix.runs.job import Job, Resources

GIB = 2**30
QUEUED = 1000


class RayCluster(Backend):
    """Hands every run to Ray, which starts it where its resources are free.

    Without an address Ray starts on this machine and ends with this process. On a cluster the runs'
    folders must lie on storage that all machines share; where this user has one of Ray's tokens, the
    cluster is shown it. Raises PriormixError on entry where the cluster cannot be reached.
    """

    slots = QUEUED

    def __init__(self, address: str | None) -> None:
        self._address = address
        # Ray speaks of other ways to use it at every start
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        if address and _has_token():
            # a cluster asks for a token by default, and Ray shows it only where it is told to
            os.environ.setdefault("RAY_AUTH_MODE", "token")

    def __enter__(self) -> "RayCluster":
        import ray

        local: dict[str, Any] = {} if self._address else {"include_dashboard": False}
        try:
            ray.init(
                address=self._address or "local", log_to_driver=False, logging_level=logging.ERROR, **local
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise PriormixError(f"Ray at {self._address or 'this machine'}: {error}") from error
        self._train = ray.remote(max_retries=0)(train_in_child)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        import ray

        ray.shutdown()

    def start(self, job: Job) -> Running:
        """Queue the run; Ray starts it when its resources are free."""
        self._check_fits(job.resources)
        memory = job.resources.memory
        task = self._train.options(
            name=job.name,
            num_cpus=job.resources.cpus,
            num_gpus=job.resources.gpus,
            memory=None if memory is None else int(memory * GIB),
        )
        return _Task(task.remote(str(job.folder.resolve()), job.device, job.resources.cpus, job.imports))

    def _check_fits(self, resources: Resources) -> None:
        """On this machine what does not fit never will; a cluster may grow."""
        if self._address:
            return
        import ray

        offered: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        asked = {"CPU": resources.cpus, "GPU": resources.gpus, "memory": (resources.memory or 0) * GIB}
        for name, amount in asked.items():
            if amount > offered.get(name, 0):
                unit = GIB if name == "memory" else 1
                raise PriormixError(
                    f"resources: a run asks for {amount / unit:g} {name}, Ray has "
                    f"{offered.get(name, 0) / unit:g} on this machine"
                )


class _Task(Running):
    def __init__(self, reference: Any) -> None:
        self._reference = reference

    def ended(self) -> bool:
        import ray

        return bool(ray.wait([self._reference], timeout=0)[0])

    def reason(self) -> str | None:
        import ray

        try:
            reason: str | None = ray.get(self._reference)
        except ray.exceptions.RayError as error:
            return f"Ray: {' '.join(str(error).split())}"
        return reason

    def stop(self) -> None:
        import ray

        ray.cancel(self._reference)
        ray.wait([self._reference], timeout=10)


def _has_token() -> bool:
    if "RAY_AUTH_TOKEN" in os.environ or "RAY_AUTH_TOKEN_PATH" in os.environ:
        return True
    return (Path.home() / ".ray" / "auth_token").exists()
