"""The commands; each parses its arguments, calls the room that does the work, and prints."""

import json
import logging
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from priormix.errors import PriormixError
from priormix.kinds import allow_imports

if TYPE_CHECKING:
    from priormix.training import Plan

app = typer.Typer(
    help="Pretrain sequence models on mixtures of function classes, and measure what they learn in context.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
stdout, stderr = Console(), Console(stderr=True)
_BENCHMARKS = ("train", "evaluate", "time-to-bayes", "plan")

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")]
Address = Annotated[
    str | None,
    typer.Option(help="A Ray cluster that trains: ray://HOST:10001, or auto for the one on this machine."),
]
AllowImports = Annotated[
    bool,
    typer.Option("--allow-imports", help="Let a kind name a class as package.module:Class; runs its code."),
]


def main() -> None:
    """Run the command line; a user's mistake ends with one line and status 2."""
    try:
        app()
    except PriormixError as error:
        stderr.print(f"priormix: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        stderr.print("priormix: interrupted; run the same command again to go on")
        sys.exit(130)


@app.command(epilog="Example: priormix reproduce --preset quick --figures 1,2 --out results")
def reproduce(
    preset: Annotated[
        str, typer.Option(help="quick, standard, paper, or smoke (checks the installation).")
    ] = "quick",
    figures: Annotated[
        str | None, typer.Option(help="Names such as 1,2,S1; all of the preset by default.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Pretraining runs of every model.")] = 1,
    device: Device = "auto",
    out: Annotated[Path, typer.Option(help="Folder for runs, tables and pages.")] = Path("results"),
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Pretrain what the study needs, measure it, and draw the report."""
    from priormix.devices import resolve_device
    from priormix.report import write_report
    from priormix.studies.preset import find_preset
    from priormix.studies.runner import run_study

    run_study(
        find_preset(preset),
        out,
        figures=_names(figures),
        seeds=seeds,
        device=resolve_device(device),
        console=stderr,
        address=address,
    )
    _print_report(write_report(out / preset), as_json)


@app.command(epilog="Example: priormix sweep widths.yaml --out sweeps/widths")
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
        print(json.dumps({"page": str(page), "runs": table.to_dicts()}))
    else:
        stdout.print(f"{len(table) - len(failed)} finished, {len(failed)} failed: {page}", soft_wrap=True)
    if len(failed):
        raise typer.Exit(1)


@app.command(epilog="Example: priormix report results/quick")
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a study, with its results.parquet.")],
    as_json: AsJson = False,
) -> None:
    """Draw the report again from the table of a study."""
    from priormix.report import write_report

    _print_report(write_report(folder), as_json)


@app.command(epilog="Example: priormix train recipe.yaml --out runs/mine")
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe in YAML or JSON.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/<run_id> by default.")] = None,
    device: Device = "auto",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Log to the run's folder too.")] = False,
    wandb: Annotated[bool, typer.Option("--wandb", help="Log to Weights & Biases too.")] = False,
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Print size, memory and time of the run, and do not run it.")
    ] = False,
    as_json: AsJson = False,
    imports: AllowImports = False,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
) -> None:
    """Pretrain one network."""
    if with_parent:
        _end_with_parent()
    from priormix import training
    from priormix.devices import resolve_device
    from priormix.recipe import read_recipe

    # it would announce the precision, which the recipe has said already
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    with allow_imports(imports):
        wanted = read_recipe(recipe)
        if only_plan:
            _print_plan(training.plan(wanted, resolve_device(device)), as_json)
            return
        folder = out or Path("runs") / wanted.run_id
        reporters: list[training.Reporter] = [training.ProgressBar(wanted, wanted.run_id)]
        if tensorboard:
            reporters.append(training.TensorBoard(folder / "tensorboard"))
        if wandb:
            reporters.append(training.WeightsAndBiases(wanted))
        training.train(wanted, folder, device=device, reporters=reporters)
    stdout.print(f"trained: {folder}", highlight=False, soft_wrap=True)


@app.command(epilog="Example: priormix evaluate runs/mine --on scenario.yaml --json")
def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a run, or a weights file.")],
    on: Annotated[
        Path | None, typer.Option(help="A scenario in YAML; the run's own prior by default.")
    ] = None,
    prompts: Annotated[int, typer.Option(min=2, help="Number of prompts.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the prompts.")] = 0,
    device: Device = "auto",
    as_json: AsJson = False,
    imports: AllowImports = False,
) -> None:
    """Measure a trained network's learning curve beside least squares and the exact Bayes predictor."""
    from priormix.studies.single import measure_run, read_scenario

    with allow_imports(imports):
        scenario = None if on is None else read_scenario(on)
        measured = measure_run(run, scenario, prompts, seed, device)
    if as_json:
        print(json.dumps(measured))
        return
    table = Table(title=f"mean squared error on {measured['scenario']}, {prompts} prompts, 95% intervals")
    table.add_column("examples", justify="right")
    for name in measured["curves"]:
        table.add_column(name, justify="right")
    for k in range(measured["n_points"]):
        table.add_row(str(k), *(_with_interval(curve, k) for curve in measured["curves"].values()))
    stdout.print(table)


@app.command(
    epilog="Example: priormix bench train --json train.json",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)
def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="train, evaluate, time-to-bayes or plan; --help tells more.")],
) -> None:
    """Time priormix beside a reference on this machine; needs a checkout, for its folder benchmarks/."""
    script = _benchmark(name)
    sys.exit(subprocess.run([sys.executable, str(script), *context.args], check=False).returncode)


@app.command(epilog="Example: priormix schema > recipe.schema.json")
def schema() -> None:
    """Print the JSON schema of a recipe, for editors that complete and check YAML."""
    from priormix.kinds import json_schema
    from priormix.recipe import Recipe

    print(json.dumps(json_schema(Recipe), indent=2))


def _benchmark(name: str) -> Path:
    """The script of a benchmark, in the checkout that this package is run from or the current one."""
    folders = (Path(__file__).parents[2] / "benchmarks", Path("benchmarks"))
    folder = next((folder for folder in folders if (folder / "machine.py").exists()), None)
    if folder is None:
        raise PriormixError("bench: the benchmarks are not part of the package; run this in a checkout")
    if name not in _BENCHMARKS:
        raise PriormixError(f"bench: unknown benchmark {name!r}; known: {', '.join(_BENCHMARKS)}")
    return folder / f"{name.replace('-', '_')}.py"


def _print_plan(plan: "Plan", as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(plan)))
        return
    table = Table(show_header=False)
    for what, amount in plan.in_words().items():
        table.add_row(what, amount)
    stdout.print(table)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip().upper() for part in text.split(",")]


def _with_interval(curve: dict[str, list[float]], k: int) -> str:
    return f"{curve['mean'][k]:.4f} ± {(curve['high'][k] - curve['low'][k]) / 2:.4f}"


def _print_report(page: Path, as_json: bool) -> None:
    decided: list[dict[str, Any]] = json.loads((page.parent / "verdicts.json").read_text(encoding="utf-8"))
    if as_json:
        print(json.dumps({"report": str(page), "verdicts": decided}))
        return
    for verdict in decided:
        words = f"{verdict['verdict']}, {verdict['second_verdict']}"
        stdout.print(f"{verdict['claim']}  {words}: {verdict['text']}", highlight=False)
    stdout.print(f"report: {page}", highlight=False, soft_wrap=True)


def _end_with_parent() -> None:
    """End this process when the one that started it ends: its end of our standard input closes then."""

    def wait() -> None:
        # not sys.stdin: its lock would be held when the interpreter shuts down
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
