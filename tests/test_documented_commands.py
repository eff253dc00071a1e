"""The commands of the README and the pages run as they stand there.

Where a page says to save a recipe, the recipe is that of the page with fewer steps. What sets up a machine
(`make`, `pip install`), a cluster or a shell is left to those; that `pip install ./examples/...` makes the
kinds known is tested with the examples.
"""

import subprocess
import sys

import pytest
import torch
import yaml

from command_line import in_process
from documented_blocks import REPOSITORY, blocks_of, commands_in
from installed_examples import install, priormix
from priormix.models import NetworkPredictor
from priormix.studies.figure import Bench
from priormix.studies.figures import FIGURES
from priormix.studies.preset import find_preset
from priormix.studies.results import to_table
from priormix.tables import write_table
from priormix.training.weights import build_network

DOCS = REPOSITORY / "docs"
STEPS = 20
LONG = ["reproduce --pretrained", "zoo build linear-1d-small"]
# tested with a shell around it
APART = {*LONG, "--install-completion"}
SWEEP = """
recipe: recipe.yaml
search: {kind: grid, fields: {optimiser.learning_rate: [0.002]}}
"""


def commands_of(page):
    """The arguments of every priormix command in a page's blocks, in order, as they follow each other."""
    scripts = [block for block in blocks_of(page) if block.language in ("bash", "shell")]
    lines = [words for block in scripts for words in commands_in(block.text)]
    return [words[1:] for words in lines if words[0] == "priormix" and " ".join(words[1:]) not in APART]


def save_recipe(page, folder):
    """The recipe that the page tells to save, with fewer steps."""
    recipes = [yaml.safe_load(block.text) for block in blocks_of(page, "yaml")]
    (recipe,) = (fields for fields in recipes if "mixture" in fields)
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**recipe, "steps": STEPS}))


def save_study(folder):
    """One figure of a study whose networks were never trained."""
    preset, figure = find_preset("smoke"), FIGURES["4"]
    networks = {name: build_network(recipe) for name, recipe in figure.models(preset, 0).items()}
    bench = Bench(
        preset, {name: NetworkPredictor(each) for name, each in networks.items()}, torch.device("cpu")
    )
    folder.mkdir(parents=True)
    write_table(folder / "results.parquet", to_table(figure.rows(bench, 0)))


def run(capsys, arguments):
    if arguments[0] == "explore":
        assert serves(arguments)
        return
    status, _, complaint = in_process(capsys, *arguments)
    assert status == 0, (arguments, complaint)


def serves(arguments):
    command = [sys.executable, "-m", "priormix", *arguments, "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        line = server.stdout.readline()
        server.terminate()
    return line.startswith("explorer: http://127.0.0.1:")


def test_those_of_the_readme(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_recipe(REPOSITORY / "README.md", tmp_path)
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    save_study(tmp_path / "results" / "quick")
    commands = commands_of(REPOSITORY / "README.md")
    assert len(commands) == 8
    for arguments in commands:
        run(capsys, arguments)
    assert (tmp_path / "runs" / "mine" / "weights.safetensors").exists()
    assert (tmp_path / "results" / "quick" / "index.html").exists()


def test_those_of_the_start_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_recipe(DOCS / "index.md", tmp_path)
    commands = commands_of(DOCS / "index.md")
    assert [arguments[0] for arguments in commands] == ["zoo", "explore", "train", "train", "evaluate"]
    for arguments in commands:
        run(capsys, arguments)


def test_those_of_the_questions(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (scenario,) = blocks_of(DOCS / "questions.md", "yaml")
    (tmp_path / "half.yaml").write_text(scenario.text)
    commands = commands_of(DOCS / "questions.md")
    assert [arguments[0] for arguments in commands] == ["evaluate", "evaluate"]
    for arguments in commands:
        run(capsys, arguments)


@pytest.mark.slow
@pytest.mark.parametrize("command", LONG)
def test_the_long_ones(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    run(capsys, command.split())
    assert list(tmp_path.glob("results/pretrained/index.html")) or list(tmp_path.glob("models/*/README.md"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return install(tmp_path_factory.mktemp("installed"))


SMALL = {"mixture": {"kind": "quadratic", "dim": 1}, "n_points": 5, "steps": STEPS}


def test_those_of_the_tutorial_on_a_class_of_ones_own(installed, tmp_path):
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(SMALL))
    by_name, evaluate, by_path, evaluate_by_path = commands_of(DOCS / "tutorials" / "function-class.md")
    for arguments in (by_name, evaluate):
        assert priormix(installed, *arguments, cwd=tmp_path).returncode == 0
    path = {**SMALL, "mixture": {"kind": "quadratic:Quadratic", "dim": 1}}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "recipe.yaml").write_text(yaml.safe_dump(path))
    for arguments in (by_path, evaluate_by_path):
        done = priormix(REPOSITORY / "examples" / "function_class", *arguments, cwd=elsewhere)
        assert done.returncode == 0, done.stderr


def test_those_of_the_tutorial_on_a_backbone_of_ones_own(installed, tmp_path):
    save_recipe(DOCS / "tutorials" / "backbone.md", tmp_path)
    (arguments,) = commands_of(DOCS / "tutorials" / "backbone.md")
    done = priormix(installed, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_those_of_the_tutorial_on_sweeps(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text(
        yaml.safe_dump({**SMALL, "mixture": {"kind": "dense_linear", "dim": 2}})
    )
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    (arguments,) = commands_of(DOCS / "tutorials" / "sweep.md")
    run(capsys, arguments)
    assert (tmp_path / "sweeps" / "width" / "index.html").exists()
