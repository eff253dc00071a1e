"""The processes that train one run together: which of them this is, and what they agree on."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, TypeVar

import torch
from torch import Tensor, distributed

from priormix.devices import resolve_device
from priormix.errors import LostContactError, PriormixError
from priormix.training.tensor_tree import flatten, unflatten

Strategy = Literal["auto", "ddp", "fsdp"]
Answer = TypeVar("Answer")

# what a launcher such as torchrun tells every process that it starts
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
# what the libraries below say where the process at the other end of a connection is gone
SYMPTOMS = ("gloo", "nccl", "connection closed", "connection reset", "broken pipe", "socket timeout")


@dataclass(frozen=True)
class Ranks(AbstractContextManager["Ranks"]):
    """The `size` processes of one run, of which this is number `rank`; the first writes, all compute.

    Is entered while they train. Every method must be called by all of them, at the same place.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    strategy: Strategy = "auto"

    @classmethod
    def launched(cls) -> bool:
        """Whether a launcher has started this process as one of several."""
        return all(name in os.environ for name in VARIABLES)

    @classmethod
    def of_environment(cls, strategy: Strategy = "auto") -> "Ranks":
        """What the launcher has told this process; a process on its own where there was none."""
        if not cls.launched():
            return cls(strategy=strategy)
        rank, size, local_rank, local_size = (int(os.environ[name]) for name in VARIABLES[:4])
        return cls(rank, size, local_rank, local_size, strategy)

    def __enter__(self) -> "Ranks":
        if self.size > 1:
            distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.size == 1:
            return
        if error is None:
            distributed.destroy_process_group()
        elif isinstance(error, RuntimeError) and any(each in str(error).lower() for each in SYMPTOMS):
            raise LostContactError(
                f"rank {self.rank} of {self.size}: lost contact with the other processes, since one of them "
                f"has ended ({str(error).splitlines()[0]})"
            ) from error

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """This process's device: a card of its own where the name is auto or cuda.

        Raises PriormixError for a device that several processes cannot share, and where one is absent.
        """
        if self.size == 1:
            return resolve_device(name)
        device = resolve_device(name)
        if device.type == "mps" or "cuda:" in name:
            raise PriormixError(
                f"device: {self.size} processes cannot share {name!r}; allowed: auto, cpu, cuda"
            )
        return resolve_device(f"cuda:{self.local_rank}") if device.type == "cuda" else device

    def rows(self, batch: int) -> slice:
        """This process's rows of a global batch; raises PriormixError where the batch has no equal shares."""
        if batch % self.size:
            raise PriormixError(
                f"batch: {batch} prompts have no equal shares for {self.size} processes; choose a multiple "
                f"of {self.size}"
            )
        share = batch // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean of a tensor over the processes."""
        if self.size == 1:
            return tensor
        total = tensor.clone()
        distributed.all_reduce(total)
        return total / self.size

    def highest(self, *numbers: int) -> tuple[int, ...]:
        """The largest value of each number over the processes; does not wait for their devices."""
        if self.size == 1:
            return numbers
        largest = torch.tensor(numbers)
        distributed.all_reduce(largest, distributed.ReduceOp.MAX)
        return tuple(largest.tolist())

    def first_finding(self, own: str | None) -> str | None:
        """What the lowest rank that has found something has found."""
        if self.size == 1:
            return own
        findings: list[str | None] = [None] * self.size
        distributed.all_gather_object(findings, own)
        return next((finding for finding in findings if finding is not None), None)

    def first_does(self, action: Callable[[], Answer]) -> Answer:
        """Let the first process act, and tell all of them its answer: nested tensors and plain values.

        A PriormixError that it meets is raised in all of them.
        """
        if self.size == 1:
            return action()
        answer, failure = None, None
        if self.is_first:
            try:
                answer = action()
            except PriormixError as error:
                failure = str(error)
        tensors, outline = flatten(answer)
        shapes = {path: (tensor.shape, tensor.dtype) for path, tensor in tensors.items()}
        told = [failure, outline, shapes]
        distributed.broadcast_object_list(told)
        failure, outline, shapes = told
        if failure is not None:
            raise PriormixError(failure)
        for path, (shape, dtype) in shapes.items():
            tensor = tensors[path].cpu().contiguous() if self.is_first else torch.empty(shape, dtype=dtype)
            distributed.broadcast(tensor, 0)
            tensors[path] = tensor
        told_answer: Answer = unflatten(tensors, outline)
        return told_answer


ALONE = Ranks()
