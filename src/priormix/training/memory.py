"""Networks and batches that no memory holds are refused in words."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from priormix.errors import PriormixError
from priormix.models import InContextNetwork
from priormix.recipe import Recipe

BYTES_A_PARAMETER = 4
# what PyTorch says where an allocation fails, or where its size is no number of bytes at all
SYMPTOMS = (
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "Storage size calculation overflowed",
    "numel: integer multiplication overflow",
    "Invalid buffer size",
)


@contextmanager
def shortage_explained() -> Iterator[None]:
    """Turn a shortage of memory into a PriormixError that says what to make smaller."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and not any(
            symptom in str(error) for symptom in SYMPTOMS
        ):
            raise
        raise PriormixError(
            f"this does not fit into memory ({str(error).splitlines()[0]}); try a smaller batch, n_points or "
            f"network"
        ) from error


def outline_network(recipe: Recipe) -> InContextNetwork:
    """The recipe's network with the shapes and types of its tensors but no numbers, which takes no memory.

    Raises PriormixError where a tensor is larger than any memory.
    """
    with shortage_explained(), torch.device("meta"):
        return recipe.network.build(recipe.mixture.dim, recipe.n_points, recipe.seed)


def memory_of_this_machine() -> int:
    """The memory of the host, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_fits(recipe: Recipe) -> None:
    """Raise PriormixError where the parameters alone exceed this machine's memory."""
    needed = BYTES_A_PARAMETER * sum(p.numel() for p in outline_network(recipe).parameters())
    present = memory_of_this_machine()
    if needed > present:
        raise PriormixError(
            f"network: its parameters take {needed / 1e9:,.1f} GB, this machine has {present / 1e9:,.1f} GB"
        )
