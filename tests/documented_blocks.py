"""The fenced blocks of the README and the pages, and the commands that they and the text name."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import typer

from priormix import cli

REPOSITORY = Path(__file__).parent.parent
PAGES = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md")))

# click's own, wherever typer keeps click
USAGE_ERROR = typer.BadParameter.__base__

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<info>.*)$")


@dataclass(frozen=True)
class Block:
    """A fenced block; `language` is everything that stands behind the opening fence."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def blocks_of(page, language=None):
    """The blocks of a page, all of them or those in one language."""
    found, opened, start = [], None, 0
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened, start = fence, number
        elif opened is not None and line.strip() == opened["ticks"]:
            text = "\n".join(lines[start : number - 1]) + "\n"
            found.append(Block(page, start, opened["info"].strip(), text))
            opened = None
    assert opened is None, f"{page}:{start}: the block is not closed"
    return [block for block in found if language in (None, block.language)]


def is_notebook(page):
    """Whether the site's build runs the page's Python."""
    return bool(re.match(r"---\n(.*\n)*?jupyter:\n(.*\n)*?---\n", page.read_text(encoding="utf-8")))


def commands_in(script):
    """The words of every command line of a shell script, without comments, settings and redirections."""
    for line in script.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.match(r"\w+=", words[0]):
            words = words[1:]
        if ">" in words:
            words = words[: words.index(">")]
        if words:
            yield words


def named_in_text(page):
    """The priormix commands in code spans, with a number in the place of N."""
    prose = re.sub(r"^ *(```|~~~).*?^ *\1`*$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    for span in re.findall(r"`(priormix [^`]+)`", prose):
        # a name alone stands for the command with all that may follow it
        if "…" not in span and (" -" in span or "." in span):
            yield shlex.split(span.replace(" N", " 1"))


def parse(words, command=None, parent=None):
    """Read a command line as priormix does, without carrying it out.

    Raises USAGE_ERROR where a command, an option or a value is none.
    """
    command = command or typer.main.get_command(cli.app)
    context = command.make_context(words[0], list(words[1:]), parent=parent)
    if hasattr(command, "resolve_command"):
        name, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        parse([name, *rest], inner, context)
    elif command.name == "bench":
        assert context.params["name"] in cli.bench.BENCHMARKS, words
