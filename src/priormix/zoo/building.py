"""Build a model of the zoo from its recipe: train, measure, write the card."""

from collections.abc import Sequence
from pathlib import Path

from priormix.files import write_atomically
from priormix.training import Reporter, train
from priormix.zoo.card import write_card
from priormix.zoo.catalogue import shipped_recipe
from priormix.zoo.measuring import measure
from priormix.zoo.pretrained import WEIGHTS, PretrainedNetwork

CARD = "README.md"


def build(
    name: str, out: Path, n_prompts: int, *, device: str = "auto", reporters: Sequence[Reporter] = ()
) -> PretrainedNetwork:
    """Build a model of the zoo in `out/name`: a finished run, what was measured of it, and its card.

    Training is not repeated where the folder holds the finished run; measuring is, on n_prompts prompts a
    scenario. Raises PriormixError for a name that is not in the zoo, and where training does.
    """
    recipe, folder = shipped_recipe(name), out / name
    train(recipe, folder, device=device, reporters=reporters)
    model = measured(PretrainedNetwork.read(folder / WEIGHTS, device), n_prompts)
    assert model.measured is not None
    model.measured.write(folder)
    write_atomically(folder / CARD, write_card(name, recipe, model.measured).encode())
    return model


def measured(model: PretrainedNetwork, n_prompts: int) -> PretrainedNetwork:
    """The same network with what it loses on n_prompts prompts of each scenario of its card."""
    found = measure(model, model.recipe, n_prompts, device=model.device)
    return PretrainedNetwork(model.network, model.recipe, model.chunk, found)
