"""Paths such as `mixture.components[0].nonzeros`, which name a field inside plain data."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator

Step = str | int
_PART = re.compile(r"([A-Za-z_]\w*)((?:\[(?:\d+|\*)\])*)")


def steps_of(path: str) -> tuple[Step, ...]:
    """The path as names, positions and "*", which stands for every item; raises ValueError for no path."""
    steps: list[Step] = []
    for part in path.split("."):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{path!r} is no path to a field, such as mixture.components[0].nonzeros")
        steps.append(match[1])
        steps += [int(item) if item != "*" else "*" for item in re.findall(r"\[(\d+|\*)\]", match[2])]
    return tuple(steps)


def _checked(path: str) -> str:
    steps_of(path)
    return path


FieldPath = Annotated[str, AfterValidator(_checked)]


def with_value(given: Any, complete: Any, path: str, value: Any) -> Any:
    """A copy of `given` in which the field at `path` is `value`.

    `complete` is the same data with every default written out: what `given` leaves out on the way is
    taken from there. Raises ValueError where the way leads nowhere.
    """
    return _set(given, complete, steps_of(path), value, path)


def _set(given: Any, complete: Any, steps: tuple[Step, ...], value: Any, path: str) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if step == "*" or isinstance(step, int):
        items = list(given) if isinstance(given, list | tuple) else []
        chosen = range(len(items)) if step == "*" else [int(step)]
        if not items or chosen[-1] >= len(items):
            raise ValueError(f"{path}: there is no item [{step}], the list has {len(items)}")
        for index in chosen:
            items[index] = _set(items[index], _inside(complete, index), rest, value, path)
        return items
    if not isinstance(given, dict):
        raise ValueError(f"{path}: {step!r} would lie inside {given!r}, which has no fields")
    inside = given.get(step, _inside(complete, step))
    if inside is None and rest:
        raise ValueError(f"{path}: {step!r} is absent or null here, so nothing inside it can be varied")
    return {**given, step: _set(inside, _inside(complete, step), rest, value, path)}


def value_at(data: Any, path: str) -> Any:
    """What lies at `path`, for "*" in the first item; None where there is nothing."""
    for step in steps_of(path):
        data = _inside(data, 0 if step == "*" else step)
    return data


def _inside(data: Any, step: Step) -> Any:
    if isinstance(data, dict):
        return data.get(str(step))
    if isinstance(data, list | tuple) and isinstance(step, int) and step < len(data):
        return data[step]
    return None
