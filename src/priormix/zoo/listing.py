"""What there is to say of a model in a few fields, and its card."""

from priormix.kinds import Frozen
from priormix.recipe import Recipe
from priormix.training.weights import build_network
from priormix.zoo.card import prior_in_words, write_card
from priormix.zoo.catalogue import model_folder, names, shipped_recipe
from priormix.zoo.loading import load
from priormix.zoo.measuring import Interval, Measured
from priormix.zoo.pretrained import WEIGHTS


class Entry(Frozen):
    """A model in a list. `has_weights` is whether it can be loaded; `distance` is from exact Bayes.

    `distance` is the mean squared error above exact Bayes on the model's own prior over all prefixes; None
    where that was not measured.
    """

    name: str
    prior: str
    dim: int
    most_examples: int
    n_parameters: int
    has_weights: bool
    distance: Interval | None


class Description(Frozen):
    """Everything about one model: the recipe, its run_id, and what was measured."""

    name: str
    run_id: str
    has_weights: bool
    recipe: Recipe
    measured: Measured | None

    @property
    def card(self) -> str:
        """The model card in Markdown."""
        return write_card(self.name, self.recipe, self.measured)


def entries() -> list[Entry]:
    """All models of the zoo."""
    return [_entry(describe(name)) for name in names()]


def describe(source: str) -> Description:
    """Describe what `priormix.load` would load; a model of the zoo without weights by its recipe alone.

    Raises PriormixError as `load` does.
    """
    if source in names():
        weights = model_folder(source) / WEIGHTS
        measured = Measured.beside(weights)
        return _description(source, shipped_recipe(source), measured, weights.exists())
    model = load(source, device="cpu")
    return _description(source, model.recipe, model.measured, True)


def _description(name: str, recipe: Recipe, measured: Measured | None, has_weights: bool) -> Description:
    return Description(
        name=name, run_id=recipe.run_id, has_weights=has_weights, recipe=recipe, measured=measured
    )


def _entry(model: Description) -> Entry:
    return Entry(
        name=model.name,
        prior=prior_in_words(model.recipe.mixture),
        dim=model.recipe.mixture.dim,
        most_examples=model.recipe.n_points - 1,
        n_parameters=build_network(model.recipe).n_parameters,
        has_weights=model.has_weights,
        distance=model.measured.scenarios[0].distance if model.measured else None,
    )
