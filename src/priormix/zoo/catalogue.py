"""The models that the package ships: their recipes, and their weights where those have been built."""

from importlib.resources import files
from pathlib import Path

from priormix.errors import PriormixError
from priormix.recipe import Recipe, read_recipe

# the package is installed as files, never as an archive: torch needs that too
_PLACE = Path(str(files("priormix.zoo")))
RECIPES, MODELS = _PLACE / "recipes", _PLACE / "models"


def names() -> list[str]:
    """The names of the models that the package knows."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def shipped_recipe(name: str) -> Recipe:
    """The recipe of a model in the zoo; raises PriormixError that lists the names."""
    _check(name)
    return read_recipe(RECIPES / f"{name}.yaml")


def model_folder(name: str) -> Path:
    """Where the package keeps the weights and the card of a model; it is absent where it has none.

    Raises PriormixError that lists the names for a name that is none of them.
    """
    _check(name)
    return MODELS / name


def name_of(recipe: Recipe) -> str | None:
    """The name of the model in the zoo with this very recipe, if there is one."""
    return names_by_run_id().get(recipe.run_id)


def names_by_run_id() -> dict[str, str]:
    """The names of all models of the zoo by the run_id of their recipes."""
    return {shipped_recipe(name).run_id: name for name in names()}


def unknown(name: str) -> PriormixError:
    """The error for a name that stands for no model."""
    return PriormixError(
        f"{name}: no such model. In the zoo: {', '.join(names())}. Anything else is the folder of a run, a "
        f"weights file, or the id owner/name of a repository on the Hugging Face hub"
    )


def _check(name: str) -> None:
    if name not in names():
        raise unknown(name)
