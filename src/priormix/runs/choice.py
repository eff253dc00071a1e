"""Which backend carries out runs: Ray where it is installed, processes of this machine elsewhere."""

from importlib.util import find_spec
from typing import Literal, get_args

from rich.console import Console

from priormix.errors import PriormixError
from priormix.runs.backend import Backend
from priormix.runs.job import Resources
from priormix.runs.processes import LocalProcesses, fitting
from priormix.runs.ray_cluster import RayCluster

BackendName = Literal["auto", "ray", "processes"]


def choose_backend(name: str, address: str | None, resources: Resources, console: Console) -> Backend:
    """The backend of that name for runs that take these resources each.

    `auto` is Ray where it is installed, and one run after the other where it is not; `processes` runs as
    many at once as this machine carries. Raises PriormixError for another name, where Ray is asked for
    and not installed, and where this machine cannot carry a single run.
    """
    if name not in get_args(BackendName):
        raise PriormixError(f"backend: unknown backend {name!r}; known: {', '.join(get_args(BackendName))}")
    if address is not None and name == "processes":
        raise PriormixError("--address names a Ray cluster; leave out --backend processes")
    if find_spec("ray") is not None and name != "processes":
        return RayCluster(address)
    if address is not None or name == "ray":
        raise PriormixError("Ray is not installed: pip install 'priormix[ray]'")
    most = fitting(resources)
    if name == "processes":
        return LocalProcesses(most)
    console.print(
        "Ray is not installed, so the runs go one after the other; pip install 'priormix[ray]', or "
        "--backend processes for as many at once as this machine carries",
        markup=False,
        soft_wrap=True,
    )
    return LocalProcesses(1)
