"""Errors that a person can act on: what was given, where, and what is allowed."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails


class PriormixError(ValueError):
    """A mistake of the user or of the surroundings; its text is meant to be read by a person.

    The command line prints the text on one line and exits with the status, 2.
    """

    status: ClassVar[int] = 2


class LostContactError(PriormixError):
    """Another process of the same run has ended; it has said why, this one cannot know."""

    # that of a failure which is gone when one tries again
    status: ClassVar[int] = 75


class Interrupted(KeyboardInterrupt):
    """The process was asked to end by a signal, and has saved what it had; the text says how to go on.

    The command line prints the text and exits with status 128 + signum.
    """

    def __init__(self, text: str, signum: int) -> None:
        super().__init__(text)
        self.signum = signum


def describe_invalid(source: str, error: ValidationError) -> PriormixError:
    """Turn a validation error into one that names the file, the field, the value and what is allowed."""
    lines = [_describe(detail) for detail in error.errors(include_url=False)]
    rest = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return PriormixError(f"{source}: {lines[0]}{rest}")


def _describe(detail: ErrorDetails) -> str:
    path = dotted(detail["loc"])
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return f"{path}: there is no such field"
    if detail["type"] == "missing":
        return f"{path}: this field is required"
    where = f"{path}: " if path else ""
    return f"{where}{message[0].lower()}{message[1:]}{_given(detail['input'])}"


def _given(value: Any) -> str:
    if isinstance(value, str | int | float | bool) or value is None:
        return f" (given: {value!r})"
    return ""


def dotted(location: Sequence[str | int]) -> str:
    """Write a location such as ("components", 1, "dim") as components[1].dim."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path
