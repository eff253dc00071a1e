"""`priormix sweep`: many runs on one recipe."""

from pathlib import Path
from typing import Annotated

import typer

from priormix.cli.options import Address, AllowImports, AsJson, print_json, stderr, stdout
from priormix.kinds import allow_imports


def sweep(
    file: Annotated[Path, typer.Argument(metavar="SWEEP", help="A sweep in YAML or JSON.")],
    out: Annotated[Path, typer.Option(help="Folder for the runs, the table and the page.")],
    address: Address = None,
    backend: Annotated[
        str, typer.Option(help="auto (Ray where it is installed), ray or processes.")
    ] = "auto",
    as_json: AsJson = False,
    imports: AllowImports = False,
) -> None:
    """Pretrain many networks that differ in some fields of their recipe; status 1 if some failed."""
    from priormix.report.sweep_page import write_sweep_page
    from priormix.runs.choice import choose_backend
    from priormix.sweeps.runner import run_sweep
    from priormix.sweeps.sweep import read_sweep

    with allow_imports(imports):
        wanted, members = read_sweep(file)
        where = choose_backend(backend, address, wanted.resources, stderr)
        table = run_sweep(wanted, members, out, where, stderr, imports)
    page = write_sweep_page(out)
    failed = table.filter(table["status"] == "failed")
    if as_json:
        print_json({"page": str(page), "runs": table.to_dicts()})
    else:
        text = f"{len(table) - len(failed)} finished, {len(failed)} failed: {page}"
        stdout.print(text, highlight=False, markup=False, soft_wrap=True)
    if len(failed):
        raise typer.Exit(1)
