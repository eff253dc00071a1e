"""The commands of the zoo: list, show, build, pull and push pretrained models."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown
from rich.table import Table

from priormix.cli.options import AsJson, Device, print_json, print_path, stdout

zoo = typer.Typer(help="Pretrained models: list, show, build, pull, push.", no_args_is_help=True)

SHIPPED = Path(__file__).parent.parent / "zoo" / "recipes"


def _complete(incomplete: str) -> list[str]:
    """Names in the zoo, read off the folder of recipes: completion must not wait for PyTorch."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml") if path.stem.startswith(incomplete))


Name = Annotated[str, typer.Argument(help="A name in the zoo.", autocompletion=_complete)]
Source = Annotated[
    str,
    typer.Argument(
        help="A name in the zoo, the folder of a run, a weights file, or owner/name on the hub.",
        autocompletion=_complete,
    ),
]
Prompts = Annotated[int, typer.Option(min=2, help="Prompts a scenario to measure on, for the card.")]


@zoo.command("list", epilog="Example: priormix zoo list --json")
def list_models(as_json: AsJson = False) -> None:
    """List the models of the zoo, with their distance from exact Bayes."""
    from priormix.zoo.listing import entries

    models = entries()
    if as_json:
        print_json([model.model_dump(mode="json") for model in models])
        return
    table = Table(title="distance: mean squared error above exact Bayes on the model's prior, 95% intervals")
    for name in ("model", "prior", "distance"):
        table.add_column(name, no_wrap=name != "prior")
    table.add_column("examples", justify="right")
    for model in models:
        distance = "not measured" if model.has_weights else "not built"
        if model.distance:
            half = (model.distance.high - model.distance.low) / 2
            distance = f"{model.distance.mean:.4f} ± {half:.4f}"
        table.add_row(model.name, model.prior, distance, str(model.most_examples))
    stdout.print(table)


@zoo.command(epilog="Example: priormix zoo show linear-sinusoid-1d")
def show(source: Source, as_json: AsJson = False) -> None:
    """Show the card of a model: recipe, measured curves, distance from exact Bayes."""
    from priormix.zoo.listing import describe

    model = describe(source)
    if as_json:
        print_json(model.model_dump(mode="json"))
        return
    # the card opens with metadata for the hub
    text = model.card.split("---\n", 2)[2].lstrip()
    if stdout.is_terminal:
        stdout.print(Markdown(text))
    else:
        print(text, end="")


@zoo.command(epilog="Example: priormix zoo build linear-1d-small --out models")
def build(
    name: Name,
    out: Annotated[Path, typer.Option(help="The model goes into a folder of its name in here.")] = Path(
        "models"
    ),
    prompts: Prompts = 2000,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train a model of the zoo from its recipe, measure it, and write its card."""
    from priormix.training import ProgressBar
    from priormix.zoo.building import build as build_model
    from priormix.zoo.catalogue import shipped_recipe

    bar = ProgressBar(shipped_recipe(name), name)
    build_model(name, out, prompts, device=device, reporters=[bar])
    print_path("model", out / name, as_json)


@zoo.command(epilog="Example: priormix zoo pull owner/name --out models/name")
def pull(
    source: Source,
    out: Annotated[Path | None, typer.Option(help="New folder; models/<name> by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Copy a model from the zoo or from the Hugging Face hub into a new folder."""
    from priormix.zoo.sharing import pull as pull_model

    folder = out or Path("models") / Path(source).name
    pull_model(source, folder)
    print_path("model", folder, as_json)


@zoo.command(epilog="Example: priormix zoo push runs/mine owner/name --private")
def push(
    source: Source,
    repository: Annotated[str, typer.Argument(help="owner/name on the hub; made where it is absent.")],
    private: Annotated[bool, typer.Option("--private", help="Make the repository private.")] = False,
    prompts: Prompts = 2000,
    as_json: AsJson = False,
) -> None:
    """Upload a model with its card to the Hugging Face hub, as the user that `hf auth login` knows."""
    from priormix.zoo.sharing import push as push_model

    commit = push_model(source, repository, prompts, private=private)
    if as_json:
        print_json({"repository": repository, "commit": commit})
    else:
        stdout.print(f"uploaded: {commit}", highlight=False, markup=False, soft_wrap=True)
