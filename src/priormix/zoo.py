"""Pretrained networks: load them from the folder of a run or from a weights file."""

from pathlib import Path

from priormix.devices import resolve_device
from priormix.errors import PriormixError
from priormix.models import NetworkPredictor
from priormix.recipe import Recipe
from priormix.training import read_weights


def load(source: str | Path, *, device: str = "auto") -> NetworkPredictor:
    """Load a trained network as a predictor, from a run's folder or a weights file.

    Raises PriormixError where there is nothing to load, or it is damaged or of another version.
    """
    return load_with_recipe(source, device=device)[0]


def load_with_recipe(source: str | Path, *, device: str = "auto") -> tuple[NetworkPredictor, Recipe]:
    """Load a trained network as a predictor, with the recipe that it was trained by."""
    network, recipe = read_weights(_weights_file(Path(source)))
    return NetworkPredictor(network.to(resolve_device(device))), recipe


def _weights_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    if (path / "weights.safetensors").exists():
        return path / "weights.safetensors"
    if (path / "recipe.yaml").exists():
        raise PriormixError(f"{path}: this run is not finished, it has no weights yet")
    raise PriormixError(f"{path}: holds no trained run (no weights.safetensors)")
