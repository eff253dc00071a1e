"""Files from strangers: weights, recipes, checkpoints and tables never run code, and are refused in words."""

import ast
import hashlib
import json
import os
import pickle

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save, save_file

from interrupted_runs import RECIPE, go_on, train_until
from priormix.errors import PriormixError
from priormix.functions import DecisionTree
from priormix.models import Network, Transformer
from priormix.plain_data import check_bounds
from priormix.recipe import read_recipe
from priormix.studies.results import read_table
from priormix.training import Pace, train
from priormix.training.weights import build_network, write_weights
from priormix.zoo import load

FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
FORBIDDEN_CALLS = {
    "torch.load",
    "torch.save",
    "np.load",
    "numpy.load",
    "yaml.load",
    "yaml.load_all",
    "yaml.full_load",
    "yaml.unsafe_load",
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
}
# an import by a name from a file, behind allow_imports; and those by names that the source itself holds
ALLOWED = {("kinds.py", "importlib.import_module"), ("__init__.py", "import_module")}


def forbidden_in(source, name="some.py"):
    """What a source imports or calls that could run a file's content as code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from {alias.name.partition(".")[0] for alias in node.names} & FORBIDDEN_MODULES
        if isinstance(node, ast.ImportFrom):
            yield from {(node.module or "").partition(".")[0]} & FORBIDDEN_MODULES
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in FORBIDDEN_CALLS or called.endswith("import_module"):
                yield from {(name, called)} - ALLOWED


def test_no_source_opens_a_pickle_or_runs_a_files_content(repository):
    sources = sorted((repository / "src").rglob("*.py"))
    assert len(sources) > 50
    found = {path.name: list(forbidden_in(path.read_text(), path.name)) for path in sources}
    assert not {name: what for name, what in found.items() if what}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "yaml.load(text, Loader=yaml.Loader)",
        "importlib.import_module(kind)",
        "eval(text)",
    ],
)
def test_the_search_finds_what_it_looks_for(source):
    assert list(forbidden_in(source))


class Trap:
    """Unpickling this creates a file."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def trap(tmp_path):
    """A pickle that would leave a mark, and the mark."""
    mark = tmp_path / "mark"
    content = pickle.dumps(Trap(mark))
    pickle.loads(content)
    assert mark.exists()  # the trap works
    mark.rmdir()
    return content, mark


def test_a_malicious_pickle_is_refused_wherever_a_file_is_read(tmp_path, trap, caplog):
    content, mark = trap
    weights, table, recipe = (tmp_path / name for name in ("weights.safetensors", "a.parquet", "recipe.yaml"))
    for path in (weights, table, recipe):
        path.write_bytes(content)
    for read, complaint in (
        (lambda: load(weights, device="cpu"), "damaged or not a safetensors file"),
        (lambda: read_table(table), "damaged or not a Parquet file"),
        (lambda: read_recipe(recipe), "cannot be read as text|not valid YAML"),
    ):
        with pytest.raises(PriormixError, match=complaint):
            read()
    run = tmp_path / "run"
    train_until(20, RECIPE, run, Pace(steps=7))
    name = hashlib.sha256(content).hexdigest()
    (run / "checkpoints" / f"99999999-{name}.safetensors").write_bytes(content)
    go_on(RECIPE, run)
    assert "damaged" in caplog.text
    assert not mark.exists()


def test_a_torch_archive_with_a_trap_is_refused(tmp_path, trap):
    _, mark = trap
    torch.save({"weights": Trap(mark)}, tmp_path / "weights.safetensors")
    with pytest.raises(PriormixError, match="damaged or not a safetensors file"):
        load(tmp_path / "weights.safetensors", device="cpu")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("!!python/object/apply:os.mkdir ['{mark}']", "not valid YAML"),
        ("mixture: {{kind: 'os:mkdir'}}", "would import code; pass --allow-imports"),
        ("a: &a [x, x]\nb: [*a, *a]\nc: &c [*c]", "nested more than 50 levels"),
        ("[" * 60 + "]" * 60, "nested more than 50 levels"),
        ("[" * 3000 + "]" * 3000, "not valid YAML"),
        ("steps: 1" + "0" * 5000, "not valid YAML"),
        ("steps: 1" + "0" * 30, "more than 64 bits"),
        ("when: 2020-99-99", "not valid YAML"),
        ("x: '" + "y" * (1 << 20) + "'", "too large for a recipe"),
    ],
)
def test_recipes_that_would_run_code_or_grow_without_bound_are_refused(tmp_path, text, complaint):
    path = tmp_path / "recipe.yaml"
    path.write_text(text.format(mark=tmp_path / "mark"))
    with pytest.raises(PriormixError, match=complaint):
        read_recipe(path)
    assert not (tmp_path / "mark").exists()


def test_references_that_multiply_are_refused_at_once(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    path = tmp_path / "recipe.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(PriormixError, match="holds more than 100000 values"):
        read_recipe(path)


def test_bounds_count_depth_through_shared_parts():
    shared = 1
    for _ in range(40):
        shared = [shared]
    check_bounds([shared, shared], "x")
    deeper = shared
    for _ in range(20):
        deeper = [deeper]
    with pytest.raises(PriormixError, match="nested"):
        check_bounds([shared, deeper], "x")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"network": Network(backbone=Transformer(layers=1, heads=1, width=2**40))},
            "does not fit into memory",
        ),
        ({"network": Network(backbone=Transformer(layers=9, heads=1, width=2**20))}, "its parameters take"),
        ({"batch": 10**14}, "does not fit into memory"),
    ],
)
def test_runs_that_no_memory_holds_are_refused(change, complaint):
    with pytest.raises(PriormixError, match=complaint):
        train(RECIPE.model_copy(update=change), device="cpu")


def test_weights_of_the_first_format_load(repository):
    model = load(repository / "tests" / "data" / "weights-priormix-1.safetensors", device="cpu")
    xs = torch.linspace(-1, 1, 10).reshape(1, 5, 2)
    mean = model.predict(xs, torch.linspace(0, 1, 5)[None]).mean
    # by the version that wrote it
    written = torch.tensor([[-1.0009, -1.1299, -1.2575, -1.3135, -1.2401]])
    assert torch.allclose(mean, written, atol=1e-4)


@pytest.fixture
def weights(tmp_path):
    """Weights of a network that was not trained."""
    path = tmp_path / "weights.safetensors"
    write_weights(path, build_network(RECIPE), RECIPE)
    return path


def test_the_same_weights_give_the_same_file(tmp_path, weights):
    write_weights(tmp_path / "again", build_network(RECIPE), RECIPE)
    assert (tmp_path / "again").read_bytes() == weights.read_bytes()


def test_a_flipped_bit_in_a_weight_is_noticed(weights):
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.write_bytes(content)
    with pytest.raises(PriormixError, match="its tensors do not match the checksum in its header"):
        load(weights, device="cpu")


def rewritten(path, tensors=None, **changes):
    """The same file with other tensors or another header, and the checksum that belongs to them."""
    from priormix.training.weights import _checksum

    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["priormix"])
    tensors = load_file(path) if tensors is None else tensors
    header = {**header, "sha256": _checksum(tensors), **changes}
    path.write_bytes(save(tensors, {"priormix": json.dumps(header)}))


def test_types_shapes_names_and_recipes_are_checked_before_loading(weights):
    whole = weights.read_bytes()
    huge = RECIPE.model_dump(mode="json")
    huge["network"]["backbone"]["width"] = 2**30
    tree = RECIPE.model_copy(update={"mixture": DecisionTree(dim=7)})
    tensors = load_file(weights)
    halves = {name: tensor.half() for name, tensor in tensors.items()}
    for complaint, changed, changes in (
        ("is .*float16", halves, {}),
        ("is absent, the recipe needs", dict(list(tensors.items())[1:]), {}),
        ("the recipe needs no such tensor", {**tensors, "extra": torch.zeros(2)}, {}),
        ("the recipe needs", None, {"recipe": tree.model_dump(mode="json")}),
        ("the recipe needs|does not fit into memory", None, {"recipe": huge}),
        ("written as 'priormix-7', .* load it with the version", None, {"format": "priormix-7"}),
        ("header: expected a recipe", None, {"recipe": None}),
        ("mixture: this field is required", None, {"recipe": {}}),
    ):
        weights.write_bytes(whole)
        rewritten(weights, changed, **changes)
        with pytest.raises(PriormixError, match=complaint):
            load(weights, device="cpu")


@pytest.mark.parametrize("header", ["", "[]", "null", "[" * 5000, '{"format": []}', '"priormix-2"'])
def test_headers_that_are_no_headers_are_refused(weights, header):
    save_file(load_file(weights), weights, metadata={"priormix": header})
    with pytest.raises(PriormixError, match=r"header|format mark|written as"):
        load(weights, device="cpu")


def test_a_recipe_with_a_class_of_ones_own_is_not_imported_from_weights(tmp_path, weights):
    fields = RECIPE.model_dump(mode="json")
    fields["mixture"]["kind"] = "this_module_would_be_imported:Class"
    rewritten(weights, recipe=fields)
    with pytest.raises(PriormixError, match="would import code"):
        load(weights, device="cpu")
