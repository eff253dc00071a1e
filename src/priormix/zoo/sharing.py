"""Copy models between the zoo, the hub and folders on this machine."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from priormix.errors import PriormixError
from priormix.files import make_folder
from priormix.zoo import hub
from priormix.zoo.building import measured
from priormix.zoo.loading import is_hub_id, load, weights_file
from priormix.zoo.pretrained import FILES, PretrainedNetwork


def pull(source: str, folder: Path) -> PretrainedNetwork:
    """Copy the model that a name, a hub id or a path stands for into a new folder.

    The folder appears when the copy is whole and can be read. Raises PriormixError where it exists, and as
    `priormix.load` does.
    """
    if folder.exists():
        raise PriormixError(f"{folder}: exists already; choose another --out")
    files = hub.download(source) if is_hub_id(source) else weights_file(source).parent
    make_folder(folder.parent)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as partial:
        place = Path(partial) / folder.name
        place.mkdir()
        for name in FILES:
            if (files / name).exists():
                shutil.copyfile(files / name, place / name)
        load(place, device="cpu")
        place.rename(folder)
    return load(folder, device="cpu")


def push(source: str, repository: str, n_prompts: int, *, private: bool) -> str:
    """Upload a model with its card to the hub; returns the address of the commit.

    What has not been measured yet is measured first, on n_prompts prompts a scenario, so that the card can
    tell it. Raises PriormixError where the model cannot be loaded, or the hub cannot be reached or refuses.
    """
    model = load(source)
    if model.measured is None:
        model = measured(model, n_prompts)
    return hub.upload(model, repository, private)
