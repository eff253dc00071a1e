"""Plain data from YAML and JSON: never runs code, and stays within bounds whatever a file holds."""

from pathlib import Path
from typing import Any

import yaml

from priormix.errors import PriormixError

LARGEST_FILE = 1 << 20
MOST_VALUES = 100_000
DEEPEST = 50
LARGEST_INTEGER = (1 << 63) - 1


def read_yaml(path: Path, noun: str) -> Any:
    """The plain data in a YAML or JSON file; the noun says in errors what kind of file it is.

    Raises PriormixError where the file is missing, no text, no YAML, or larger than `check_bounds` allows.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise PriormixError(f"{path}: too large for a {noun} (more than {LARGEST_FILE} bytes)")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PriormixError(f"{path}: no such {noun} file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PriormixError(f"{path}: cannot be read as text ({error})") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, source: str) -> Any:
    """The plain data in a text of YAML or JSON; raises PriormixError that names the source as above."""
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise PriormixError(f"{source}: not valid YAML ({' '.join(str(error).split())})") from error
    check_bounds(data, source)
    return data


def check_bounds(data: Any, source: str) -> None:
    """Raise PriormixError that names the source for data that only a mistake or an attack would hold.

    That is data nested deeply or in itself, too many values (references to one value count as often as they
    occur), and whole numbers of more than 64 bits.
    """
    _measure(data, source, 0, {})


def _measure(data: Any, source: str, depth: int, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many values the data holds, and on how many levels; containers are measured once each."""
    if isinstance(data, int) and abs(data) > LARGEST_INTEGER:
        raise PriormixError(f"{source}: holds a whole number of more than 64 bits")
    if not isinstance(data, dict | list | tuple | set):
        return 1, 0
    if id(data) not in known:
        # the depth bounds this descent where the data holds itself
        levels = depth
        total = 1
        for part in [*data.keys(), *data.values()] if isinstance(data, dict) else data:
            values, height = _measure(part, source, depth + 1, known) if depth < DEEPEST else (0, DEEPEST)
            total += values
            levels = max(levels, depth + 1 + height)
        known[id(data)] = total, levels - depth
        if total > MOST_VALUES:
            raise PriormixError(f"{source}: holds more than {MOST_VALUES} values")
    total, height = known[id(data)]
    if depth + height > DEEPEST:
        raise PriormixError(f"{source}: nested more than {DEEPEST} levels deep")
    return total, height
