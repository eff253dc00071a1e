"""The command line."""

from priormix.cli.commands import app, main

__all__ = ["app", "main"]
