"""`priormix bench`: runs the benchmarks of a checkout."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from priormix.errors import PriormixError

BENCHMARKS = ("train", "evaluate", "time-to-bayes", "profile-step", "plan", "growth")


def bench(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(BENCHMARKS)}.")],
    options: Annotated[
        list[str] | None, typer.Argument(help="Options of the benchmark, after --; -- --help lists them.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers to this file too.")
    ] = None,
) -> None:
    """Time priormix beside a reference on this machine; needs a checkout, for its folder benchmarks/."""
    written = [] if json_file is None else ["--json", str(json_file)]
    done = subprocess.run([sys.executable, str(_script(name)), *(options or []), *written], check=False)
    sys.exit(done.returncode)


def _script(name: str) -> Path:
    if name not in BENCHMARKS:
        raise PriormixError(f"bench: unknown benchmark {name!r}; known: {', '.join(BENCHMARKS)}")
    # beside the package in a checkout, or in the current folder
    for folder in (Path(__file__).parents[3] / "benchmarks", Path("benchmarks")):
        if (folder / "machine.py").exists():
            return folder / f"{name.replace('-', '_')}.py"
    raise PriormixError("bench: the benchmarks are not part of the package; run this in a checkout")
