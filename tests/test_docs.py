"""What the README and the docs show works as it is shown."""

import re
import shlex

import pytest
import torch
import yaml

from predictor_contract import gaussian_prompts
from priormix import cli
from priormix.functions import DenseLinear, FunctionClass, Mixture
from priormix.recipe import parse_recipe


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def test_the_readmes_python_runs(repository, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # the later block goes on with the names of the first
    names = {}
    for code in blocks(repository / "README.md", "python"):
        exec(compile(code, "README.md", "exec"), names)
    assert "exact Bayes" in capsys.readouterr().out
    assert (tmp_path / "runs" / "first" / "weights.safetensors").exists()


def test_the_readmes_recipe_is_a_recipe(repository):
    (text,) = blocks(repository / "README.md", "yaml")
    assert parse_recipe(yaml.safe_load(text), "README.md").mixture.n_components == 2


def test_the_readmes_commands_exist(repository):
    known = {command.callback.__name__ for command in cli.app.registered_commands}
    known |= {group.name for group in cli.app.registered_groups} | {"--install-completion"}
    lines = "\n".join(blocks(repository / "README.md", "bash")).splitlines()
    used = {shlex.split(line, comments=True)[1] for line in lines if line.startswith("priormix ")}
    assert used
    assert used <= known
    targets = re.findall(r"^([a-z]+):", (repository / "Makefile").read_text(), re.MULTILINE)
    assert {shlex.split(line, comments=True)[1] for line in lines if line.startswith("make ")} <= set(targets)


def test_every_source_that_a_docstring_cites_is_listed(repository):
    cited = set()
    for path in (repository / "src").rglob("*.py"):
        cited |= set(re.findall(r"\[([a-z]+\d{4})\]", path.read_text(encoding="utf-8")))
    listed = re.findall(r"\*\*\[([a-z]+\d{4})\]\*\*", (repository / "docs" / "references.md").read_text())
    assert len(listed) == len(set(listed))
    assert cited <= set(listed)


@pytest.fixture
def without_new_members():
    before = FunctionClass.family.members()
    yield
    FunctionClass.family._members = before


def test_a_function_class_of_ones_own_needs_one_file(repository, without_new_members):
    (code,) = blocks(repository / "docs" / "architecture.md", "python")
    assert len(code.splitlines()) <= 30
    exec(compile(code, "architecture.md", "exec"), {"__name__": "quadratic"})
    quadratic = FunctionClass.parse({"kind": "quadratic", "dim": 3})
    prompts = Mixture(components=(DenseLinear(dim=3), quadratic)).sample(40, 5, dtype=torch.float64)
    assert prompts.ys.shape == (40, 5)
    drawn = quadratic.draw(40, torch.Generator().manual_seed(0))
    xs, _ = gaussian_prompts(40, 5, 3, torch.float32)
    assert torch.allclose(drawn(xs), drawn(-xs))
