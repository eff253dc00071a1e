"""The command line as a user runs it, mistakes included."""

import json
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import yaml

from command_line import in_process, priormix, refuse
from priormix.studies.results import read_table
from priormix.zoo.catalogue import model_folder

RECIPE = {
    "mixture": {"kind": "dense_linear", "dim": 2},
    "n_points": 5,
    "network": {"backbone": {"kind": "transformer", "layers": 1, "heads": 1, "width": 8}},
    "steps": 6,
    "batch": 4,
}


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A smoke study of figures 1, 3 and 5, reproduced once."""
    out = tmp_path_factory.mktemp("results")
    done = priormix("reproduce", "--preset", "smoke", "--figures", "1,5,3", "--out", out, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    return out, done


def test_reproduce_leaves_a_report_with_verdicts_and_one_table(study):
    out, done = study
    folder = out / "smoke"
    page = (folder / "index.html").read_text()
    for name in ("Figure 1.", "Figure 3.", "Figure 5.", "Figure 5, over many prompts."):
        assert name in page
    assert "Figure 2." not in page
    decided = {verdict["claim"]: verdict for verdict in json.loads((folder / "verdicts.json").read_text())}
    assert set(decided) == {"C2", "C3", "C4"}
    assert {"claim", "holds", "estimate", "low", "high", "threshold"} <= set(decided["C4"])
    # ten steps of pretraining reproduce nothing, and the report must say so
    assert decided["C2"]["holds"] is not True
    assert f"C2  {decided['C2']['verdict']}" in done.stdout
    assert "Linear functions of 4 inputs" in page
    table = pl.read_parquet(folder / "results.parquet")
    assert set(table["figure"]) == {"1", "3", "5"}


def test_the_page_needs_nothing_but_itself(study):
    page = (study[0] / "smoke" / "index.html").read_text()
    assert 'src="data:image/png;base64,' in page
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.skipif(
    not model_folder("linear-sinusoid-1d").exists(), reason="this checkout has no weights in its zoo"
)
def test_reproduce_from_shipped_networks_trains_nothing(tmp_path):
    done = priormix("reproduce", "--pretrained", "--figures", "5,S3", "--out", tmp_path, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    table = read_table(tmp_path / "pretrained" / "results.parquet")
    assert set(table["figure"]) == {"5", "S3"}
    assert "trained" not in done.stderr
    assert not (tmp_path / "runs").exists()
    # the shipped model fits a cosine of frequency 1, on its own and far better than it fits a blend
    shares = table.filter(model="linear + sinusoid", metric="unexplained_share", scenario="weight")
    alone, blended = (shares.filter(parameter=weight)["mean"].item() for weight in (0.0, 0.5))
    assert alone < 0.1 < blended


def test_a_second_reproduce_trains_and_measures_nothing_again(study):
    out, _ = study
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    parts = {path: path.stat().st_mtime_ns for path in (out / "smoke" / "parts").iterdir()}
    assert len(before) == 6
    again = priormix(
        "reproduce", "--preset", "smoke", "--figures", "1,3,5", "--out", out, "--device", "cpu", "--json"
    )
    assert again.returncode == 0, again.stderr
    assert "measuring" not in again.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert {path: path.stat().st_mtime_ns for path in parts} == parts
    assert {verdict["claim"] for verdict in json.loads(again.stdout)["verdicts"]} == {"C2", "C3", "C4"}


def test_a_killed_reproduce_goes_on_where_it_stood(tmp_path):
    command = [Path(sys.executable).with_name("priormix"), "reproduce", "--preset", "smoke", "--figures", "5"]
    with subprocess.Popen(
        [*command, "--out", tmp_path, "--device", "cpu"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as victim:
        deadline = time.monotonic() + 120
        while not (finished := list(tmp_path.rglob("*.safetensors"))) and time.monotonic() < deadline:
            time.sleep(0.02)
        victim.kill()
    assert finished
    before = {path: path.stat().st_mtime_ns for path in finished}
    again = priormix("reproduce", "--preset", "smoke", "--figures", "5", "--out", tmp_path, "--device", "cpu")
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list(tmp_path.rglob("*.safetensors"))) == 3


def test_train_then_evaluate(recipe, tmp_path):
    trained = priormix("train", recipe, "--out", tmp_path / "run", "--device", "cpu", "--tensorboard")
    assert trained.returncode == 0, trained.stderr
    assert (tmp_path / "run" / "weights.safetensors").exists()
    assert list((tmp_path / "run" / "tensorboard").iterdir())
    measured = priormix("evaluate", tmp_path / "run", "--prompts", "50", "--device", "cpu", "--json")
    curves = json.loads(measured.stdout)["curves"]
    assert set(curves) == {"model", "least squares", "exact Bayes"}
    assert len(curves["model"]["mean"]) == 5
    assert curves["exact Bayes"]["mean"][3] == pytest.approx(0, abs=1e-6)


def test_the_schema_describes_recipes(capsys):
    _, out, _ = in_process(capsys, "schema")
    assert {"DenseLinear", "Mixture", "Transformer", "Muon"} <= set(json.loads(out)["$defs"])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"mixture": {"kind": "cubic"}}, "mixture: unknown function class kind 'cubic'"),
        ({"mixture": {"kind": "sparse_linear", "dim": 2, "nonzeros": 3}}, "nonzeros 3, dim 2"),
        ({"batch": "many"}, "batch: input should be a valid integer"),
    ],
)
def test_a_bad_recipe_is_refused_before_anything_is_written(capsys, tmp_path, change, complaint):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**RECIPE, **change}))
    assert complaint in refuse(capsys, "train", path, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_mistakes_on_the_command_line_are_one_line_each(capsys, tmp_path, recipe):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "unknown preset 'big'" in refuse(capsys, "reproduce", "--preset", "big", "--out", tmp_path)
    assert "has figures 1, 2, 3, 4, 5, 6, S1, S2, S3, S4, given: 12" in refuse(
        capsys, "reproduce", "--figures", "12,1", "--out", tmp_path
    )
    assert "given: ONE" in refuse(capsys, "reproduce", "--figures", "one")
    wrong = refuse(capsys, "reproduce", "--pretrained", "--preset", "paper", "--out", tmp_path)
    assert "no networks are shipped for preset 'paper'" in wrong
    wrong = refuse(capsys, "reproduce", "--pretrained", "--seeds", "2", "--out", tmp_path)
    assert "one pretraining run of every model, given: 2" in wrong
    assert "'cuda:7' is absent" in refuse(
        capsys, "train", recipe, "--device", "cuda:7", "--out", tmp_path / "run"
    )
    assert "no such recipe file" in refuse(capsys, "train", tmp_path / "absent.yaml")
    assert "no such results table" in refuse(capsys, "report", tmp_path)
    assert "holds no trained run" in refuse(capsys, "evaluate", empty)
    (tmp_path / "results.parquet").write_bytes(b"PAR1 but not really")
    assert "damaged or not a Parquet file" in refuse(capsys, "report", tmp_path)


def test_scenarios_that_a_network_cannot_read_are_refused(capsys, tmp_path):
    backbone = {"kind": "transformer", "layers": 1, "heads": 1, "width": 8, "positions": "learned"}
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({**RECIPE, "network": {"backbone": backbone}}))
    assert in_process(capsys, "train", recipe, "--out", tmp_path / "run", "--device", "cpu")[0] == 0
    for change, complaint in (
        ({"n_points": 9}, "learned positions for 5 tokens, the prompt needs 9"),
        ({"functions": {"kind": "dense_linear", "dim": 3}}, "reads inputs with 2 coordinates"),
        ({"functions": {"kind": "cubic"}}, "functions: unknown function class kind 'cubic'"),
        ({"name": None}, "name: input should be a valid string"),
        ({"inputs": {"kind": "shifted", "mean": [1, 2, 3]}}, "inputs.mean has 3 entries, but x has 2"),
        ({"query": {"kind": "distant"}}, "query: unknown query kind 'distant'"),
        (
            {"query": {"kind": "overlapping", "overlap": 2}},
            "query.overlap: input should be less than or equal",
        ),
        ({"shifts": [{"kind": "rotated", "severity": 1}]}, "shifts[0]: unknown shift kind 'rotated'"),
        (
            {"shifts": [{"kind": "subspace", "severity": 1}]},
            "shifts[0].severity: input should be less than 1",
        ),
        ({"shifts": [{"kind": "frequency", "severity": 1}]}, "scenario.yaml: frequency: applies to sinusoid"),
        ({"shifts": [{"kind": "longer_prompts", "severity": 2}]}, "5 tokens, the prompt needs 10"),
    ):
        scenario = tmp_path / "scenario.yaml"
        fields = {"name": "test", "functions": {"kind": "dense_linear", "dim": 2}, "n_points": 5}
        scenario.write_text(yaml.safe_dump({**fields, **change}))
        assert complaint in refuse(capsys, "evaluate", tmp_path / "run", "--on", scenario, "--device", "cpu")


def test_a_scenario_file_shifts_what_a_network_is_asked_for(capsys, tmp_path, recipe):
    assert in_process(capsys, "train", recipe, "--out", tmp_path / "run", "--device", "cpu")[0] == 0
    scenario = tmp_path / "scenario.yaml"
    fields = {"name": "test", "functions": {"kind": "dense_linear", "dim": 2}, "n_points": 5}
    shifts = [{"kind": "scaled_inputs", "severity": 2}, {"kind": "overlapping_query", "severity": 1}]
    scenario.write_text(yaml.safe_dump({**fields, "shifts": shifts}))
    command = ("evaluate", tmp_path / "run", "--on", scenario, "--prompts", "50", "--device", "cpu", "--json")
    status, out, err = in_process(capsys, *command)
    assert status == 0, err
    measured = json.loads(out)
    assert measured["scenario"] == "test, x times 2, query overlapping the context (correlation 1)"
    # one that has been met is known after a single example, where a new one would not be
    assert measured["curves"]["least squares"]["mean"][1] == pytest.approx(0, abs=1e-12)
    assert measured["curves"]["model"]["mean"][1] > 0.1
