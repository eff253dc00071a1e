"""Which device a computation runs on."""

from typing import Any

import torch

from priormix.errors import PriormixError


def resolve_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" is a CUDA card where there is one and the CPU elsewhere.

    Raises PriormixError for a name that PyTorch does not know or a device that is absent.
    """
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    available = available_devices()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise PriormixError(f"device: unknown device {name!r}; available: {', '.join(available)}") from error
    if device == torch.device("cuda"):
        device = torch.device("cuda", 0)
    if str(device) not in available:
        raise PriormixError(f"device: {name!r} is absent; available: {', '.join(available)}")
    return device


def available_devices() -> list[str]:
    """Names of the devices that this machine offers."""
    cards = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ["cpu", *cards, *(["mps"] if torch.backends.mps.is_available() else [])]


def is_fast_in_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16 products; elsewhere they are emulated, and slow."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        # older releases of torch cannot tell
        found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        return bool(found.get("amx_bf16") or found.get("avx512_bf16"))
    return False
