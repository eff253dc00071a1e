"""Running commands as a user does: in a process of their own, or faster in this one."""

import subprocess
import sys
from pathlib import Path

import pytest

from priormix import cli


def priormix(*arguments, cwd=None):
    """Run the installed command in a process of its own."""
    command = [str(Path(sys.executable).with_name("priormix")), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL, timeout=300
    )


def in_process(capsys, *arguments):
    """Run a command in this process; returns its status, output and errors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["priormix", *map(str, arguments)])
        patch.setenv("COLUMNS", "300")
        try:
            cli.main()
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def refuse(capsys, *arguments):
    """A mistake ends with status 2, one line, and no traceback."""
    status, out, err = in_process(capsys, *arguments)
    assert status == 2, (status, out, err)
    assert out == ""
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1, err
    return err
