"""Runs in processes of this machine."""

import os

import torch

from priormix.errors import PriormixError
from priormix.runs.backend import Backend, Running
from priormix.runs.child import Child
from priormix.runs.job import Job, Resources

GIB = 2**30


class LocalProcesses(Backend):
    """At most `slots` processes at once, each on the least used cards where it needs any."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._load = dict.fromkeys(visible_cards(), 0.0)

    def start(self, job: Job) -> Running:
        """Start the run's process now."""
        shares = self._shares(job.resources.gpus) if job.device == "cuda" else {}
        environment = {"CUDA_VISIBLE_DEVICES": ",".join(shares)} if shares else None
        child = Child(job.folder, job.device, job.resources.cpus, job.imports, environment)
        for card, share in shares.items():
            self._load[card] += share
        return _Process(child, self._load, shares)

    def _shares(self, gpus: float) -> dict[str, float]:
        least_used = sorted(self._load, key=lambda card: self._load[card])
        return dict.fromkeys(least_used[: max(1, int(gpus))], min(gpus, 1.0))


class _Process(Running):
    def __init__(self, child: Child, load: dict[str, float], shares: dict[str, float]) -> None:
        self._child, self._load, self._shares = child, load, shares

    def ended(self) -> bool:
        return self._child.ended()

    def reason(self) -> str | None:
        reason = self._child.reason()
        self._give_back()
        return reason

    def stop(self) -> None:
        self._child.stop()
        self._give_back()

    def _give_back(self) -> None:
        for card, share in self._shares.items():
            self._load[card] -= share
        self._shares = {}


def visible_cards() -> list[str]:
    """The graphics cards that this process may use, by the names that CUDA_VISIBLE_DEVICES takes."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    cards = [str(index) for index in range(torch.cuda.device_count())]
    return named.split(",")[: len(cards)] if named else cards


def fitting(resources: Resources) -> int:
    """How many runs this machine carries at once; raises PriormixError where it cannot carry one."""
    offers = {"cpus": float(os.cpu_count() or 1), "gpus": float(len(visible_cards())), "memory": _memory()}
    fits = []
    for name, offered in offers.items():
        asked = float(getattr(resources, name) or 0)
        if asked and asked > offered:
            raise PriormixError(f"resources.{name}: a run asks for {asked:g}, this machine has {offered:g}")
        if asked:
            fits.append(_times(asked, offered, name))
    return min(fits)


def _times(asked: float, offered: float, name: str) -> int:
    """How often `asked` goes into `offered`; a share of a card must lie on one card."""
    if name == "gpus" and asked < 1:
        return int(1 / asked + 1e-9) * int(offered)
    return int(offered / asked + 1e-9)


def _memory() -> float:
    """GiB of memory; unlimited where the system does not tell."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return float("inf")
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB
