"""Model cards: what a network was pretrained on, what it loses, and how to build it again."""

import json

import yaml

from priormix.functions import FunctionClass, Mixture
from priormix.recipe import Recipe
from priormix.training.weights import build_network
from priormix.zoo.catalogue import name_of
from priormix.zoo.measuring import EXACT_BAYES, Measured, MeasuredScenario, in_words

_MOST_ROWS = 12


def write_card(name: str, recipe: Recipe, measured: Measured | None) -> str:
    """The card in Markdown, with metadata for the hub ahead of it; `name` is what loads the model."""
    parts = [_metadata(recipe, measured), f"# {name}", _what_it_is(recipe), _use(name)]
    if measured is not None:
        parts.append(_errors(measured))
    parts.append(_built(recipe))
    return "\n\n".join(parts) + "\n"


def prior_in_words(functions: FunctionClass) -> str:
    """A prior in a few words, such as "0.5 dense linear + 0.5 sinusoid (frequency 0)"."""
    if not isinstance(functions, Mixture):
        return in_words(functions)
    shares = zip(functions.weights, functions.components, strict=True)
    return " + ".join(f"{weight:.3g} {prior_in_words(component)}" for weight, component in shares)


def _metadata(recipe: Recipe, measured: Measured | None) -> str:
    fields: dict[str, object] = {
        "library_name": "priormix",
        "license": "apache-2.0",
        "pipeline_tag": "tabular-regression",
        "tags": ["in-context-learning", "model_hub_mixin", *sorted(_kinds(recipe.mixture))],
    }
    if measured is not None:
        fields["model-index"] = [_index_entry(recipe, measured)]
    return f"---\n{yaml.safe_dump(fields, sort_keys=False)}---"


def _index_entry(recipe: Recipe, measured: Measured) -> dict[str, object]:
    results = [
        {
            "task": {"type": "tabular-regression"},
            "dataset": {"type": "synthetic", "name": one.scenario},
            "metrics": [
                {
                    "type": "mse",
                    "name": "mean squared error above exact Bayes, over all prefixes",
                    "value": round(one.distance.mean, 5),
                }
            ],
        }
        for one in measured.scenarios
        if one.distance is not None
    ]
    return {"name": recipe.run_id, "results": results}


def _kinds(functions: FunctionClass) -> set[str]:
    if isinstance(functions, Mixture):
        return set().union(*map(_kinds, functions.components))
    return {functions.kind.replace("_", "-")}


def _what_it_is(recipe: Recipe) -> str:
    parameters = build_network(recipe).n_parameters
    noise = f", label noise {recipe.noise_std:g}" if recipe.noise_std else ""
    return (
        f"A network of {parameters:,} parameters, pretrained to predict f(x) in context from examples.\n"
        f"Prior: {prior_in_words(recipe.mixture)}, {recipe.mixture.dim} input coordinates, inputs "
        f"`{json.dumps(recipe.inputs.model_dump(mode='json'))}`{noise}.\n"
        f"Prompts had {recipe.n_points} points, so at most {recipe.n_points - 1} examples; there were "
        f"{recipe.steps * recipe.batch:,} prompts. Beyond such inputs, labels and lengths nothing is known."
    )


def _use(name: str) -> str:
    return (
        "## Use\n\n```python\nimport priormix\n\n"
        f'model = priormix.load("{name}")\n'
        f'regressor = priormix.InContextRegressor(model="{name}")  # fit(X, y), predict(X)\n```'
    )


def _errors(measured: Measured) -> str:
    parts = [
        "## Measured",
        "Mean squared error with 95% intervals, by the number of examples in the context. Exact Bayes has "
        "the prior of pretraining; no predictor has a smaller mean error on that prior.",
    ]
    return "\n\n".join([*parts, *(_one_scenario(one) for one in measured.scenarios)])


def _one_scenario(one: MeasuredScenario) -> str:
    head = f"### {one.scenario[0].upper()}{one.scenario[1:]}\n\n{one.n_prompts:,} prompts. "
    if one.distance is not None:
        head += (
            f"Distance from {EXACT_BAYES}, over all prefixes: **{one.distance.mean:.4f}** "
            f"({one.distance.low:.4f} to {one.distance.high:.4f})."
        )
    lines = [
        "| examples | " + " | ".join(one.curves) + " |",
        "|---:|" + "---:|" * len(one.curves),
    ]
    for k in _rows(one.n_points):
        cells = (
            f"{curve.mean[k]:.4f} ± {(curve.high[k] - curve.low[k]) / 2:.4f}" for curve in one.curves.values()
        )
        lines.append(f"| {k} | " + " | ".join(cells) + " |")
    return head.rstrip() + "\n\n" + "\n".join(lines)


def _rows(n_points: int) -> list[int]:
    """All numbers of examples where these are few, else the first, the last, and some between."""
    if n_points <= _MOST_ROWS:
        return list(range(n_points))
    step = -(-(n_points - 5) // (_MOST_ROWS - 5))
    return sorted({*range(5), *range(n_points - 1, 4, -step)})


def _built(recipe: Recipe) -> str:
    shipped = name_of(recipe)
    command = f"priormix zoo build {shipped} --out models" if shipped else "priormix train recipe.yaml"
    return (
        "## Build it again\n\n"
        f"```bash\n{command}\n```\n\n"
        f"Run `{recipe.run_id}`; its recipe, with every default written out:\n\n"
        f"```yaml\n{recipe.to_yaml()}```"
    )
