"""Load a pretrained network by the name that a person has for it."""

import re
from pathlib import Path

from priormix.errors import PriormixError
from priormix.zoo import hub
from priormix.zoo.catalogue import model_folder, names, unknown
from priormix.zoo.pretrained import WEIGHTS, PretrainedNetwork

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def load(source: str | Path, *, device: str = "auto") -> PretrainedNetwork:
    """Load a trained network as a predictor.

    Args:
        source: a name in the zoo such as "linear-sinusoid-1d"; the folder of a run, or a weights file; or
            the id "owner/name" of a repository on the Hugging Face hub. A name in the zoo comes first, and
            what lies on this machine comes before the hub.
        device: where the network computes.

    Raises:
        PriormixError: there is nothing to load, or it is damaged or of another version.
    """
    if is_hub_id(source):
        return hub.load(str(source), device)
    return PretrainedNetwork.read(weights_file(source), device)


def is_hub_id(source: str | Path) -> bool:
    """Whether this can only mean a repository on the hub: owner/name where no folder `owner` is here."""
    return (
        isinstance(source, str)
        and _HUB_ID.fullmatch(source) is not None
        and not Path(source).exists()
        and not Path(source).parent.exists()
        and not source.endswith(".safetensors")
    )


def weights_file(source: str | Path) -> Path:
    """The weights that a name in the zoo, a folder or a file on this machine stands for.

    Raises PriormixError where there are none.
    """
    if isinstance(source, str) and source in names():
        return _shipped(source)
    path = Path(source)
    if not path.is_dir():
        if isinstance(source, str) and path.name == source and not path.exists():
            raise unknown(source)
        return path
    if (path / WEIGHTS).exists():
        return path / WEIGHTS
    if (path / "recipe.yaml").exists():
        raise PriormixError(f"{path}: this run is not finished, it has no weights yet")
    raise PriormixError(f"{path}: holds no trained run (no {WEIGHTS})")


def _shipped(name: str) -> Path:
    path = model_folder(name) / WEIGHTS
    if not path.exists():
        raise PriormixError(
            f"{name}: this installation holds the recipe of this model, not its weights; build them with "
            f"`priormix zoo build {name} --out models`, then load models/{name}"
        )
    return path
