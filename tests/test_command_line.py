"""What holds for every command: help with an example, JSON, colours and bars only where they are wanted."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
import yaml

from command_line import in_process, priormix
from priormix import cli

# the one prints JSON whatever is said, the other serves a page until it is stopped
PRINT_NO_RESULTS = {"schema", "explore"}
COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-8]|9[0-7])[0-9;]*m")


def commands(group=None, above="") -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """Every command that help shows, by its whole name, such as "zoo list"."""
    group = group or typer.main.get_command(cli.app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{above}{name} ")
        elif not command.hidden:
            yield f"{above}{name}", command


COMMANDS = dict(commands())


def on_a_terminal(*arguments, **variables):
    """What a command writes where its output is a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    surroundings = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    command = [sys.executable, "-m", "priormix", *map(str, arguments)]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**surroundings, "TERM": "xterm-256color", "COLUMNS": "100", **variables},
    ) as process:
        os.close(theirs)
        written = b""
        while chunk := _read(ours):
            written += chunk
    os.close(ours)
    assert process.returncode == 0
    return written.decode()


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:
        # how Linux tells that the other side is closed
        return b""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    backbone = {"kind": "transformer", "layers": 1, "heads": 1, "width": 8}
    fields = {"mixture": {"kind": "dense_linear", "dim": 2}, "n_points": 5, "steps": 6, "batch": 4}
    path.write_text(yaml.safe_dump({**fields, "network": {"backbone": backbone}}))
    return path


def test_all_commands_are_walked():
    assert {"reproduce", "train", "evaluate", "report", "schema", "zoo list", "zoo push"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example_that_it_takes(capsys, name):
    status, out, _ = in_process(capsys, *name.split(), "--help")
    assert status == 0
    (example,) = re.findall(rf"Example: priormix {name}(.*)", out)
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", example)) <= options


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - PRINT_NO_RESULTS))
def test_every_command_that_prints_results_prints_them_as_json(name):
    assert "--json" in {option for parameter in COMMANDS[name].params for option in parameter.opts}


def test_the_version_is_told(capsys):
    assert in_process(capsys, "--version") == (0, f"priormix {version('priormix')}\n", "")


def test_train_says_nothing_but_where_the_run_is(recipe, tmp_path):
    done = priormix("train", recipe, "--out", tmp_path / "run", "--device", "cpu", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"trained": str(tmp_path / "run")}


def test_bars_and_colours_are_for_terminals_without_no_color(recipe, tmp_path):
    shown = on_a_terminal("train", recipe, "--out", tmp_path / "shown", "--device", "cpu")
    assert "prompts/s" in shown
    assert COLOUR.search(shown)
    plain = on_a_terminal("train", recipe, "--out", tmp_path / "plain", "--device", "cpu", NO_COLOR="1")
    assert "prompts/s" in plain
    assert not COLOUR.search(plain)
    assert not COLOUR.search(on_a_terminal("evaluate", "--help", NO_COLOR="1"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_after_install_completion(tmp_path, shell):
    surroundings = {
        **os.environ,
        "HOME": str(tmp_path),
        # takes the shell as an argument in place of looking at the process that called
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    command = [Path(sys.executable).with_name("priormix"), "--install-completion", shell]
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings)
    assert done.returncode == 0, done.stderr
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "_PRIORMIX_COMPLETE" in written


def test_completion_offers_commands_and_the_names_of_the_zoo():
    def offered(words):
        asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
        command = [str(Path(sys.executable).with_name("priormix"))]
        surroundings = {**os.environ, "_PRIORMIX_COMPLETE": "complete_bash", **asked}
        done = subprocess.run(command, capture_output=True, text=True, env=surroundings)
        return done.stdout.split()

    assert offered("priormix tr") == ["train"]
    assert offered("priormix zoo show linear-s") == ["linear-sinusoid-1d", "linear-sinusoid-1d-small"]
