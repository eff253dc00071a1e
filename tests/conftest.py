"""Every test starts from the same random numbers and leaves torch as it found it."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

REPOSITORY = Path(__file__).parent.parent

# the tests' networks are so small that threads would spend their time waiting for each other
torch.set_num_threads(1)

pytest.register_assert_rewrite(
    "predictor_contract", "prefix_oracle", "command_line", "documented_blocks", "installed_examples"
)


@pytest.fixture
def repository() -> Path:
    """The folder of the checkout."""
    return REPOSITORY


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
    numpy.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _torch_left_as_found() -> Iterator[None]:
    """Fails a test that changes torch's process-wide state, and puts the state back for the next one."""
    before = _torch_state()
    yield
    changed = {name: value for name, value in _torch_state().items() if value != before[name]}
    _restore(before, changed)
    assert not changed, f"the test left torch changed: {changed}"


def _torch_state() -> dict[str, Any]:
    return {name: read() for name, (read, _) in _STATE.items()}


def _restore(before: dict[str, Any], changed: dict[str, Any]) -> None:
    for name in changed:
        _STATE[name][1](before[name])


def _set_cudnn_deterministic(flag: bool) -> None:
    torch.backends.cudnn.deterministic = flag


def _set_cudnn_benchmark(flag: bool) -> None:
    torch.backends.cudnn.benchmark = flag


_STATE: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "default device": (torch.get_default_device, torch.set_default_device),
    "number of threads": (torch.get_num_threads, torch.set_num_threads),
    "gradients enabled": (torch.is_grad_enabled, torch.set_grad_enabled),
    "deterministic algorithms": (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    "deterministic cudnn": (lambda: torch.backends.cudnn.deterministic, _set_cudnn_deterministic),
    "cudnn benchmark": (lambda: torch.backends.cudnn.benchmark, _set_cudnn_benchmark),
    "matmul precision": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
}
