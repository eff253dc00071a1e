"""Options that several commands share, and the two consoles that they print to."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

# both leave out colours where NO_COLOR is set, and everything but text where there is no terminal
stdout, stderr = Console(), Console(stderr=True)

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Strategy = Literal["auto", "ddp", "fsdp"]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON in place of text.")]
Address = Annotated[
    str | None,
    typer.Option(help="A Ray cluster that trains: ray://HOST:10001, or auto for the one on this machine."),
]
AllowImports = Annotated[
    bool,
    typer.Option("--allow-imports", help="Let a kind name a class as package.module:Class; runs its code."),
]


def print_json(value: Any) -> None:
    """Print plain data as one line of JSON, which no terminal width breaks."""
    print(json.dumps(value))


def print_path(label: str, path: Path, as_json: bool) -> None:
    """Print where something lies."""
    if as_json:
        print_json({label: str(path)})
    else:
        stdout.print(f"{label}: {path}", highlight=False, markup=False, soft_wrap=True)
