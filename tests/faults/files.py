"""Checkpoints that are damaged on the disk: cut short, bits flipped, zeros in place of what was written."""

import random
from pathlib import Path

from subject import Child, Outcome, checkpoints_of, finish

from priormix.training import Pace


def cut_short(content: bytearray, chance: random.Random) -> bytes:
    """As after a disk that lied about having written."""
    return bytes(content[: chance.randrange(len(content))])


def bit_flipped(content: bytearray, chance: random.Random) -> bytes:
    """As by a cosmic ray, anywhere in the file."""
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def tail_zeroed(content: bytearray, chance: random.Random) -> bytes:
    """As by a file system that extends a file before it writes it."""
    start = chance.randrange(len(content) - 1)
    content[start:] = bytes(len(content) - start)
    return bytes(content)


def damaged(root: Path, undisturbed: Path, chance: random.Random, times: int = 15) -> Outcome:
    """The newest checkpoint is damaged, now and then both: the one before is used, or the beginning."""
    outcome = Outcome("checkpoints cut short, flipped, zeroed")
    both_damaged = 0
    for number in range(times):
        folder = root / f"damaged-{number}"
        child = Child(folder, Pace(steps=5))
        child.until(lambda: len(checkpoints_of(folder)) == 2)  # noqa: B023
        child.kill()
        both = number % 5 == 4
        both_damaged += both
        for path in checkpoints_of(folder)[-2 if both else -1 :]:
            damage = (cut_short, bit_flipped, tail_zeroed)[number % 3]
            path.write_bytes(damage(bytearray(path.read_bytes()), chance))
        outcome.struck += 1
        again = Child(folder, Pace(steps=50))
        status = again.wait()
        wanted = "starting from the beginning" if both else "falling back to the checkpoint before it"
        outcome.survived += status == 0 and wanted in again.said and "Traceback" not in again.said
        finish(folder)
        outcome.ended(folder, undisturbed)
    outcome.note = f"{both_damaged} times both of the two"
    return outcome
