"""What a benchmark ran on, and the fastest matrix product that the machine does."""

import platform
import time
from pathlib import Path
from typing import Any

import torch

_SIZE = {"cpu": 1536, "cuda": 8192}
_REPEATS = 5
# widest first
_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx512_f", "avx2")


def describe(device: torch.device) -> dict[str, Any]:
    """Processor, threads, libraries, and measured matrix-product peaks in operations a second."""
    types = [torch.float32, torch.bfloat16]
    return {
        "device": _card(device) or _processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "peak_flops": {str(dtype).removeprefix("torch."): matrix_peak(device, dtype) for dtype in types},
    }


def matrix_peak(device: torch.device, dtype: torch.dtype) -> float:
    """The best of some large square matrix products, in floating-point operations a second."""
    size = _SIZE.get(device.type, 2048)
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    seconds = [_seconds(lambda: a @ b, device) for _ in range(_REPEATS)]
    return 2 * size**3 / min(seconds)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def print_machine(machine: dict[str, Any]) -> None:
    peaks = ", ".join(f"{name} {peak / 1e9:,.0f}" for name, peak in machine["peak_flops"].items())
    print(f"{machine['device']}, {machine['threads']} threads, torch {machine['torch']}")
    print(f"matrix products at best, in 10⁹ operations a second: {peaks}")


def _seconds(work: Any, device: torch.device) -> float:
    synchronise(device)
    started = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - started


def _card(device: torch.device) -> str | None:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                flags = torch.cpu.get_capabilities()
                widest = next((name for name in _INSTRUCTIONS if flags.get(name)), "")
                return f"{line.split(':', 1)[1].strip()} ({widest})"
    return platform.processor() or platform.machine()
