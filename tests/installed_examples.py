"""The packages of examples/, installed by pip into a folder that only the commands below see."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
EXAMPLES = {"function_class": "quadratic", "predictor": "running_mean", "backbone": "gru"}


def install(place):
    """Install all of them into a folder, without a network; returns the folder."""
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory() as source:
        # building leaves traces, which must not lie in the checkout
        shutil.copytree(REPOSITORY / "examples", source, dirs_exist_ok=True)
        packages = [Path(source) / name for name in EXAMPLES]
        command = [sys.executable, "-m", "pip", "install", *options, "--target", place, *packages]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return place


def environment(place):
    return {**os.environ, "PYTHONPATH": str(place)}


def priormix(place, *arguments, cwd=None):
    """Run a command that sees the packages of a folder."""
    command = [sys.executable, "-m", "priormix", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment(place), cwd=cwd, timeout=300
    )
