"""Packages that add a function class, a predictor or a backbone: installed, found by name, used.

They are installed by pip, without a network, into a folder that only the commands below see.
"""

import csv
import io
import json
import os
import subprocess
import sys
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from command_line import refuse
from installed_examples import EXAMPLES, environment, install, priormix
from priormix import DecisionTree, PriormixError, bayes
from priormix.models import Backbone
from priormix.sweeps.results import read_results

RECIPE = {
    "mixture": {
        "kind": "mixture",
        "components": [{"kind": "quadratic", "dim": 2}, {"kind": "dense_linear", "dim": 2}],
    },
    "n_points": 6,
    "network": {"backbone": {"kind": "gru", "width": 8}},
    "steps": 5,
    "batch": 4,
}


MISNAMED = """
from typing import Literal
from priormix.models import Backbone
class Net(Backbone):
    kind: Literal["other_net"] = "other_net"
    width: int = 8
    def build(self, max_tokens): ...
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return install(tmp_path_factory.mktemp("installed"))


@pytest.mark.parametrize(("folder", "module"), EXAMPLES.items())
def test_each_is_one_file_of_at_most_25_lines(repository, folder, module):
    files = {path.name for path in (repository / "examples" / folder).iterdir() if path.is_file()}
    assert files == {"pyproject.toml", f"{module}.py"}
    assert len((repository / "examples" / folder / f"{module}.py").read_text().splitlines()) <= 25


def test_a_network_is_trained_and_evaluated_with_them_by_name(installed, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE))
    trained = priormix(installed, "train", recipe, "--out", tmp_path / "run", "--device", "cpu")
    assert trained.returncode == 0, trained.stderr
    scenario = tmp_path / "scenario.yaml"
    functions = {"kind": "quadratic", "dim": 2}
    scenario.write_text(yaml.safe_dump({"name": "paraboloids", "functions": functions, "n_points": 6}))
    command = [
        "evaluate",
        tmp_path / "run",
        "--on",
        scenario,
        "--prompts",
        "200",
        "--device",
        "cpu",
        "--json",
    ]
    more = "{kind: running_mean, pseudo_examples: 9}"
    measured = priormix(installed, *command, "--beside", "running_mean", "--beside", more)
    assert measured.returncode == 0, measured.stderr
    curves = json.loads(measured.stdout)["curves"]
    assert list(curves)[:2] == ["model", "least squares"]
    # no label is known before the first example, and more pseudo-examples change what is said after some
    plain, shrunk = curves["running_mean"]["mean"], curves[more]["mean"]
    assert plain[0] == shrunk[0]
    assert plain[5] != shrunk[5]


def test_a_class_named_by_its_path_is_found_again(repository, tmp_path):
    place = os.pathsep.join(str(repository / "examples" / name) for name in ("function_class", "backbone"))
    recipe = tmp_path / "recipe.yaml"
    fields = {**RECIPE, "mixture": {"kind": "quadratic:Quadratic", "dim": 2}}
    recipe.write_text(yaml.safe_dump({**fields, "network": {"backbone": {"kind": "gru:Gru", "width": 8}}}))
    train = ["train", recipe, "--out", tmp_path / "run", "--device", "cpu", "--allow-imports"]
    trained = priormix(place, *train)
    assert trained.returncode == 0, trained.stderr
    weights = (tmp_path / "run" / "weights.safetensors").stat().st_mtime_ns
    assert priormix(place, *train).returncode == 0
    assert (tmp_path / "run" / "weights.safetensors").stat().st_mtime_ns == weights
    evaluate = ["evaluate", tmp_path / "run", "--prompts", "50", "--device", "cpu"]
    measured = priormix(place, *evaluate, "--allow-imports")
    assert measured.returncode == 0, measured.stderr
    refused = priormix(place, *evaluate)
    assert refused.returncode == 2
    assert "'quadratic:Quadratic' would import code" in " ".join(refused.stderr.split())


def test_a_sweep_tries_them_by_name(installed, tmp_path):
    transformer = {"kind": "transformer", "layers": 1, "heads": 1, "width": 8}
    search = {"kind": "grid", "fields": {"network.backbone": [RECIPE["network"]["backbone"], transformer]}}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({"recipe": RECIPE, "search": search}))
    out = tmp_path / "sweep"
    done = priormix(installed, "sweep", tmp_path / "sweep.yaml", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    table = read_results(out)
    assert table.height == 2
    assert set(table["status"]) == {"finished"}
    assert [json.loads(backbone)["kind"] for backbone in table["network.backbone"]] == ["gru", "transformer"]


def test_the_explorer_shows_them_by_name(installed, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    fields = {**RECIPE, "mixture": {"kind": "quadratic", "dim": 1}}
    recipe.write_text(yaml.safe_dump(fields))
    trained = priormix(installed, "train", recipe, "--out", tmp_path / "bent", "--device", "cpu")
    assert trained.returncode == 0, trained.stderr
    command = [sys.executable, "-m", "priormix", "explore", "--no-browser", "--port", "0"]
    command += ["--model", str(tmp_path / "bent")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(installed)) as server:
        try:
            url = server.stdout.readline().removeprefix("explorer: ").strip()
            query = urlencode({"function": "random quadratic", "n_points": 5})
            with urlopen(f"{url}export.csv?{query}") as answer:
                rows = list(csv.DictReader(io.TextIOWrapper(answer, "utf-8")))
        finally:
            server.terminate()
    drawn = [(row["what"], row["name"]) for row in rows]
    assert drawn.count(("prediction", "bent")) > 100
    assert [what for what, _ in drawn].count("example") == 5
    truth = {float(row["x"]): float(row["value"]) for row in rows if row["what"] == "truth"}
    # a paraboloid of one input has its roots at 1 and -1
    between = [y for x, y in truth.items() if abs(x) < 1]
    beyond = [y for x, y in truth.items() if abs(x) > 1]
    assert max(between) < 0 < min(beyond) or min(between) > 0 > max(beyond)


def test_the_schema_describes_them(installed):
    schema = json.loads(priormix(installed, "schema").stdout)
    assert {"Quadratic", "Gru"} <= set(schema["$defs"])
    assert {"$ref": "#/$defs/Gru"} in schema["$defs"]["Backbone"]["oneOf"]
    assert schema["$defs"]["Gru"]["properties"]["width"]["default"] == 64


@pytest.fixture
def backbones():
    """The family of backbones, put back as it was afterwards."""
    before = Backbone.family.members()
    yield Backbone.family
    Backbone.family._members = before


def test_error_messages_list_them(installed, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(installed)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({**RECIPE, "network": {"backbone": {"kind": "lstm"}}}))
    refused = refuse(capsys, "train", recipe, "--out", tmp_path / "run")
    assert "unknown backbone kind 'lstm'; known: transformer, axial, gru" in refused
    with pytest.raises(PriormixError, match=r"approximate predictors: .*running_mean"):
        bayes(DecisionTree(dim=2, depth=2))


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("import no_such_module", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        ("Net = 3", "'net_of_a_test:Net' is not a backbone"),
        (MISNAMED, "offers the backbone kind 'other_net' under the name 'some_net'"),
    ],
)
def test_a_package_that_does_not_work_is_named(backbones, tmp_path, monkeypatch, capsys, code, complaint):
    (tmp_path / "net_of_a_test.py").write_text(code)
    described = tmp_path / "net_of_a_test-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Name: net-of-a-test\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[priormix.backbones]\nsome_net = net_of_a_test:Net\n")
    monkeypatch.syspath_prepend(tmp_path)
    refused = refuse(capsys, "schema")
    sys.modules.pop("net_of_a_test", None)
    assert "installed package 'net-of-a-test'" in refused
    assert complaint in refused


def test_the_example_predictor_keeps_the_contract(repository):
    # in a process of its own, so that this one's families stay as they are
    code = (
        "import sys, torch; sys.path[:0] = sys.argv[1:]\n"
        "from predictor_contract import check_predictor, check_round_trip, gaussian_prompts\n"
        "from running_mean import RunningMean\n"
        "check_round_trip(RunningMean(pseudo_examples=2.0))\n"
        "for dtype in (torch.float32, torch.float64):\n"
        "    check_predictor(RunningMean(), *gaussian_prompts(3, 7, 2, dtype))\n"
        "print('kept')"
    )
    paths = [str(repository / "tests"), str(repository / "examples" / "predictor")]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True)
    assert done.stdout == "kept\n", done.stderr
