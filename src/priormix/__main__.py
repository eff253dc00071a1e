"""Lets `python -m priormix` stand for the command `priormix`."""

from priormix.cli import main

main()
