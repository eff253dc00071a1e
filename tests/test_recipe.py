"""Recipes: files that survive a round trip, an address for every run, and errors that name the field."""

import json

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from priormix.errors import PriormixError
from priormix.functions import (
    DecisionTree,
    DenseLinear,
    GaussianInputs,
    Mixture,
    ReluNetwork,
    SparseLinear,
    UniformInputs,
)
from priormix.kinds import allow_imports, json_schema
from priormix.models import Network, Transformer
from priormix.optimisation import Adam, Constant, Divergence, InverseSquareRoot, Muon, WarmupDecay
from priormix.recipe import Recipe, parse_recipe, read_recipe

BASIC = {"mixture": {"kind": "dense_linear", "dim": 8}}

leaves = st.one_of(
    st.just(DenseLinear(dim=6)),
    st.builds(SparseLinear, dim=st.just(6), nonzeros=st.integers(1, 6)),
    st.builds(ReluNetwork, dim=st.just(6), width=st.integers(1, 50)),
    st.builds(DecisionTree, dim=st.just(6), depth=st.integers(1, 5)),
)
classes = st.recursive(
    leaves,
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda parts: Mixture(components=tuple(parts))),
    max_leaves=6,
)
recipes = st.builds(
    Recipe,
    mixture=classes,
    inputs=st.one_of(st.builds(GaussianInputs, mean=st.floats(-2, 2)), st.just(UniformInputs())),
    noise_std=st.floats(0, 2),
    n_points=st.integers(1, 100),
    network=st.builds(
        Network,
        layout=st.sampled_from(["paired", "interleaved", "examples"]),
        backbone=st.builds(
            Transformer,
            layers=st.integers(1, 30),
            positions=st.sampled_from(["sine", "learned", "rotary", "none"]),
        ),
    ),
    optimiser=st.one_of(st.builds(Muon), st.builds(Adam, learning_rate=st.floats(1e-6, 10))),
    schedule=st.one_of(st.just(Constant()), st.just(InverseSquareRoot()), st.just(WarmupDecay())),
    steps=st.integers(1, 10**7),
    seed=st.integers(0, 2**40),
)


@given(recipes)
def test_recipes_survive_yaml_and_json(recipe):
    assert parse_recipe(yaml.safe_load(recipe.to_yaml()), "yaml") == recipe
    assert parse_recipe(json.loads(recipe.to_json()), "json") == recipe
    assert parse_recipe(yaml.safe_load(recipe.to_yaml()), "yaml").run_id == recipe.run_id


@given(recipes)
def test_the_schema_accepts_every_recipe(recipe):
    SCHEMA.validate(json.loads(recipe.to_json()))


@given(recipes, recipes)
def test_different_recipes_have_different_addresses(one, two):
    assert (one.run_id == two.run_id) == (one == two)


def test_every_field_moves_the_address():
    base = Recipe(mixture=DenseLinear(dim=8))
    changed = [
        {"mixture": DenseLinear(dim=9)},
        {"noise_std": 0.1},
        {"n_points": 40},
        {"network": Network(layout="interleaved")},
        {"queries": 9},
        {"steps": 9},
        {"batch": 9},
        {"precision": "float32"},
        {"gradient_clip": None},
        {"divergence": Divergence(action="go_back")},
        {"seed": 1},
    ]
    addresses = {base.run_id, *(base.model_copy(update=update).run_id for update in changed)}
    assert len(addresses) == 1 + len(changed)


SCHEMA = jsonschema.Draft202012Validator(json_schema(Recipe))


def test_the_schema_is_valid_and_refuses_what_the_recipe_refuses():
    jsonschema.Draft202012Validator.check_schema(json_schema(Recipe))
    for wrong in (
        {"mixture": {"kind": "cubic"}},
        {**BASIC, "stepz": 3},
        {**BASIC, "network": {"layout": "woven"}},
        {**BASIC, "noise_std": -1},
    ):
        assert not SCHEMA.is_valid(wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mixture": {"kind": "cubic"}}, "mixture: unknown function class kind 'cubic'; known: "),
        (
            {"mixture": {"kind": "sparse_linear", "dim": 3, "nonzeros": 5}},
            "mixture: nonzeros must be at most dim",
        ),
        (
            {"mixture": {"kind": "mixture", "components": [{"kind": "dense_linear", "dim": "x"}]}},
            "mixture.components[0].dim: input should be a valid integer",
        ),
        ({"steps": 0}, "steps: input should be greater than 0 (given: 0)"),
        ({"stepz": 3}, "stepz: there is no such field"),
        (
            {"network": {"layout": "woven"}},
            "network.layout: input should be 'interleaved', 'paired', 'examples' or 'cells' (given: 'woven')",
        ),
        (
            {"queries": 8},
            "my.yaml: queries needs a network.layout whose tokens do not hold x_t, examples or cells ",
        ),
        (
            {"network": {"layout": "examples", "head": "linear"}},
            "network: a linear head needs tokens that hold x_t (layout examples, allowed with it: ",
        ),
        (
            {"network": {"backbone": {"kind": "transformer", "heads": 3}}},
            "network.backbone: heads must divide width",
        ),
        ({"optimiser": {"kind": "sgd"}}, "optimiser: unknown optimiser kind 'sgd'; known: adam, muon"),
        (
            {"inputs": {"kind": "gaussian", "mean": [0, 1]}},
            "my.yaml: inputs.mean has 2 entries, but x has 8 coordinates",
        ),
        ({"noise_std": float("nan")}, "noise_std: input should be a finite number"),
        ({"curriculum": {}}, "curriculum.dims.end must be at most the dim of the mixture (end 20, dim 8)"),
        ({"mixture": {"kind": "os:getcwd"}}, "mixture: function class kind 'os:getcwd' would import code"),
    ],
)
def test_errors_name_the_file_the_field_and_what_is_allowed(change, message):
    with pytest.raises(PriormixError) as caught:
        parse_recipe({**BASIC, **change}, "my.yaml")
    assert str(caught.value).startswith("my.yaml: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_field_and_further_mistakes_are_counted():
    with pytest.raises(PriormixError, match=r"my.yaml: mixture: this field is required \(and 1 more\)"):
        parse_recipe({"steps": 0}, "my.yaml")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"mixture: [", "not valid YAML"),
        (b"- 1\n- 2\n", "expected a recipe"),
        (b"", "expected a recipe"),
        (b"\xff\xfe\x00", "cannot be read as text"),
    ],
)
def test_files_that_are_no_recipes_are_refused(tmp_path, content, complaint):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(PriormixError, match=complaint):
        read_recipe(path)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(PriormixError, match="no such recipe file"):
        read_recipe(tmp_path / "absent.yaml")
    with pytest.raises(PriormixError, match="cannot be read"):
        read_recipe(tmp_path)


def test_a_class_may_be_named_by_its_path_when_imports_are_allowed():
    fields = {"mixture": {"kind": "priormix.functions.linear:DenseLinear", "dim": 4}}
    with allow_imports():
        assert parse_recipe(fields, "my.yaml").mixture == DenseLinear(dim=4)


@pytest.mark.parametrize(
    "kind", ["no_such_package:X", "priormix.functions:Nothing", "priormix.models:Transformer"]
)
def test_paths_that_lead_nowhere_are_refused(kind):
    with allow_imports(), pytest.raises(PriormixError, match=kind):
        parse_recipe({"mixture": {"kind": kind}}, "my.yaml")


@pytest.mark.parametrize("name", ["yadlowsky2023", "garg2022"])
def test_the_published_recipes_load(name, repository):
    recipe = read_recipe(repository / "recipes" / f"{name}.yaml")
    assert recipe.network.backbone == Transformer(
        layers=12, heads=8, width=256, positions="sine" if name == "yadlowsky2023" else "learned"
    )
    assert recipe.network.layout == "interleaved"
