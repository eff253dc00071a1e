"""The commands; each parses its arguments, calls the room that does the work, and prints."""

import json
import os
import signal
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from priormix.cli.bench import bench
from priormix.cli.interruption import Commands, end_with_parent, terminated
from priormix.cli.options import (
    Address,
    AllowImports,
    AsJson,
    Device,
    Strategy,
    print_json,
    print_path,
    stderr,
    stdout,
)
from priormix.cli.sweep import sweep
from priormix.cli.zoo import Source, zoo
from priormix.errors import PriormixError
from priormix.kinds import allow_imports

if TYPE_CHECKING:
    from priormix.training import Plan


app = typer.Typer(
    cls=Commands,
    help="Pretrain sequence models on mixtures of function classes, and measure what they learn in context.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(zoo, name="zoo")
app.command(epilog="Example: priormix bench train --json train.json")(bench)
app.command(epilog="Example: priormix sweep widths.yaml --out sweeps/widths --json")(sweep)


def main() -> None:
    """Run the command line; a user's mistake ends with one line and status 2."""
    before = signal.signal(signal.SIGTERM, terminated)
    try:
        app()
    except PriormixError as error:
        stderr.print(f"priormix: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.status)
    finally:
        signal.signal(signal.SIGTERM, before)


def _print_version(wanted: bool) -> bool:
    if wanted:
        print(f"priormix {version('priormix')}")
        raise typer.Exit
    return wanted


@app.callback(epilog="Example: priormix reproduce --preset smoke, then open results/smoke/index.html")
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: priormix reproduce --preset quick --figures 1,2 --out results")
def reproduce(
    preset: Annotated[
        str, typer.Option(help="quick, standard, paper, or smoke (checks the installation).")
    ] = "quick",
    figures: Annotated[
        str | None, typer.Option(help="Names such as 1,2,S1; all of the preset by default.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Pretraining runs of every model.")] = 1,
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="Train nothing: measure the networks that priormix ships.")
    ] = False,
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

    if pretrained:
        if preset not in ("quick", "pretrained"):
            raise PriormixError(f"--pretrained: no networks are shipped for preset {preset!r}; leave it out")
        preset = "pretrained"
    run_study(
        find_preset(preset),
        out,
        figures=_names(figures),
        seeds=seeds,
        device=resolve_device(device),
        console=stderr,
        address=address,
    )
    _print_report(write_report(out / preset, os.cpu_count() or 1), as_json)


@app.command(epilog="Example: priormix report results/quick")
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a study, with its results.parquet.")],
    as_json: AsJson = False,
) -> None:
    """Draw the report again from the table of a study."""
    from priormix.report import write_report

    _print_report(write_report(folder, os.cpu_count() or 1), as_json)


@app.command(epilog="Example: priormix train recipe.yaml --out runs/mine")
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe in YAML or JSON.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/<run_id> by default.")] = None,
    device: Device = "auto",
    devices: Annotated[
        int, typer.Option(min=1, help="Devices of this machine that train it together, a process each.")
    ] = 1,
    strategy: Annotated[
        Strategy,
        typer.Option(help="ddp: a copy of the network each; fsdp: a part of it each; auto: fsdp if it must."),
    ] = "auto",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Log to the run's folder too.")] = False,
    wandb: Annotated[bool, typer.Option("--wandb", help="Log to Weights & Biases too.")] = False,
    checkpoint_every: Annotated[
        float, typer.Option(min=0, help="Seconds between two checkpoints; see also --checkpoint-steps.")
    ] = 60.0,
    checkpoint_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps between two checkpoints, in place of seconds.")
    ] = None,
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Print size, memory and time of the run, and do not run it.")
    ] = False,
    as_json: AsJson = False,
    imports: AllowImports = False,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
) -> None:
    """Pretrain one network; a run that was cut off goes on from its last checkpoint.

    Under torchrun, or with --devices, several processes share every batch; the result is that of one.
    """
    if with_parent:
        end_with_parent()
    from priormix import training
    from priormix.devices import resolve_device
    from priormix.recipe import read_recipe

    with allow_imports(imports):
        wanted = read_recipe(recipe)
        if devices > 1 and not only_plan and not training.Ranks.launched():
            training.run_ranks(sys.argv[1:], devices)
            return
        ranks = training.Ranks.of_environment(strategy)
        if only_plan:
            _print_plan(training.plan(wanted, resolve_device(device), devices, strategy), as_json)
            return
        folder = out or Path("runs") / wanted.run_id
        reporters: list[training.Reporter] = [training.ProgressBar(wanted, wanted.run_id)]
        if tensorboard:
            reporters.append(training.TensorBoard(folder / "tensorboard"))
        if wandb:
            reporters.append(training.WeightsAndBiases(wanted))
        pace = training.Pace(checkpoint_every, checkpoint_steps)
        training.train(wanted, folder, device=device, reporters=reporters, pace=pace, ranks=ranks)
    if ranks.is_first:
        print_path("trained", folder, as_json)


@app.command(epilog="Example: priormix evaluate runs/mine --on scenario.yaml --beside lasso --json")
def evaluate(
    model: Source,
    on: Annotated[
        Path | None, typer.Option(help="A scenario in YAML; the run's own prior by default.")
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(help="A predictor to compare with: a kind, or '{kind: ridge, penalty: 2}'; repeatable."),
    ] = None,
    prompts: Annotated[int, typer.Option(min=2, help="Number of prompts.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the prompts.")] = 0,
    device: Device = "auto",
    as_json: AsJson = False,
    imports: AllowImports = False,
) -> None:
    """Measure a trained network's learning curve beside least squares and the exact Bayes predictor."""
    from priormix.studies.single import measure_run, read_predictors, read_scenario

    with allow_imports(imports):
        scenario = None if on is None else read_scenario(on)
        others = read_predictors(beside or [])
        measured = measure_run(model, scenario, prompts, seed, device, others)
    if as_json:
        print_json(measured)
        return
    table = Table(title=f"mean squared error on {measured['scenario']}, {prompts} prompts, 95% intervals")
    table.add_column("examples", justify="right")
    for name in measured["curves"]:
        table.add_column(name, justify="right")
    for k in range(measured["n_points"]):
        table.add_row(str(k), *(_with_interval(curve, k) for curve in measured["curves"].values()))
    stdout.print(table)


@app.command(epilog="Example: priormix explore results/quick --model runs/mine")
def explore(
    results: Annotated[
        Path | None, typer.Argument(help="Folder of a study, with its results.parquet; none needed.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A network of one input, by name or folder; may be given several times."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 5006,
    address: Annotated[
        str, typer.Option(help="Where to listen; only this machine by default.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Put points on a plane in the browser, and see what models and exact Bayes make of them."""
    from priormix.explorer import require_extra

    require_extra()
    from priormix.explorer.models import load_models, shipped_models
    from priormix.explorer.server import serve
    from priormix.studies.results import pool_seeds, read_table

    table = None if results is None else pool_seeds(read_table(results / "results.parquet"))
    models = load_models(model) if model else shipped_models()
    if not models:
        stderr.print("priormix: no trained network is shown; give one with --model", highlight=False)
    serve(
        models,
        table,
        address=address,
        port=port,
        announce=lambda url: print(f"explorer: {url}", flush=True),
        open_browser=browser,
    )


@app.command(epilog="Example: priormix schema > recipe.schema.json")
def schema() -> None:
    """Print the JSON schema of a recipe, for editors that complete and check YAML."""
    from priormix.kinds import json_schema
    from priormix.recipe import Recipe

    print(json.dumps(json_schema(Recipe), indent=2))


def _print_plan(plan: "Plan", as_json: bool) -> None:
    if as_json:
        print_json(asdict(plan))
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
        print_json({"report": str(page), "verdicts": decided})
        return
    for verdict in decided:
        words = f"{verdict['verdict']}, {verdict['second_verdict']}"
        stdout.print(f"{verdict['claim']}  {words}: {verdict['text']}", highlight=False)
    print_path("report", page, as_json)
