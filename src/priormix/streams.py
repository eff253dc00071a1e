"""Counter-based random streams: (seed, role, step) names a generator, and nothing else does.

A batch drawn for step 1,000 is the same whether the 999 before it were drawn or not, so runs resume
exactly and evaluation never disturbs training.
"""

import hashlib

import torch

_MASK = 0xFFFFFFFF


def generator(
    seed: int, role: str, step: int = 0, device: torch.device | str | None = None
) -> torch.Generator:
    """The random generator of one step of one role.

    PyTorch's CPU generator reads 32 bits of its seed and the CUDA generator 64. The lower 32 bits are
    therefore a bijection of the step, so that no two of a stream's first 2³² steps ever coincide; the
    upper 32 bits hold the stream.
    """
    digest = hashlib.blake2b(f"{seed}/{role}".encode(), digest_size=12).digest()
    before, after, upper = (int.from_bytes(digest[i : i + 4], "little") for i in (0, 4, 8))
    lower = _scramble((step & _MASK) ^ before) ^ after
    # manual_seed of the returned generator, not of the process-wide one
    return torch.Generator(device=device or "cpu").manual_seed((upper << 32) | lower)


def _scramble(word: int) -> int:
    """A bijection of 32-bit words in which every input bit moves every output bit (murmur3's finaliser)."""
    word = ((word ^ (word >> 16)) * 0x85EBCA6B) & _MASK
    word = ((word ^ (word >> 13)) * 0xC2B2AE35) & _MASK
    return word ^ (word >> 16)
