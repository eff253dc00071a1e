"""What the README and the docs show works as it is shown.

The site's build runs the Python of the tutorials; see test_site.py.
"""

import re
import shutil
import subprocess
import tomllib

import pytest
import torch
import typer
import yaml

from command_line import in_process
from documented_blocks import (
    PAGES,
    REPOSITORY,
    USAGE_ERROR,
    blocks_of,
    commands_in,
    is_notebook,
    named_in_text,
    parse,
)
from predictor_contract import gaussian_prompts
from priormix.functions import DenseLinear, FunctionClass, Mixture
from priormix.measure import Scenario
from priormix.models import Backbone
from priormix.recipe import parse_recipe
from priormix.sweeps.sweep import read_sweep

README = REPOSITORY / "README.md"
START = REPOSITORY / "docs" / "index.md"
ARCHITECTURE = REPOSITORY / "docs" / "architecture.md"
PERFORMANCE = REPOSITORY / "docs" / "performance.md"
TUTORIALS = REPOSITORY / "docs" / "tutorials"

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
CHEAP = {"priormix zoo list", "priormix schema"}


@pytest.fixture
def without_new_members():
    families = [FunctionClass.family, Backbone.family]
    before = [family.members() for family in families]
    yield
    for family, members in zip(families, before, strict=True):
        family._members = members


def run(blocks):
    """Run blocks one after the other, each with the names of those before; returns the names."""
    names = {"__name__": "documented"}
    for block in blocks:
        exec(compile(block.text, str(block), "exec"), names)
    return names


# ---- every block, by its language


def check_python(block, place):
    # the tests below run these pages, the site's build the notebooks
    assert block.page in (README, START, ARCHITECTURE, PERFORMANCE) or is_notebook(block.page)


def check_yaml(block, place):
    fields = yaml.safe_load(block.text)
    if is_notebook(block.page):
        # the page's own kind
        run(blocks_of(block.page, "python")[:1])
    if "apiVersion" in fields:
        check_ray_job(fields)
    elif "search" in fields:
        shutil.copytree(REPOSITORY / "recipes", place / "recipes")
        (place / "docs").mkdir()
        (place / "docs" / "sweep.yaml").write_text(block.text)
        assert len(read_sweep(place / "docs" / "sweep.yaml")[1]) > 1
    elif "functions" in fields:
        Scenario.model_validate(fields)
    else:
        parse_recipe(fields, str(block))


def check_ray_job(fields):
    assert (fields["apiVersion"], fields["kind"]) == ("ray.io/v1", "RayJob")
    parse(fields["spec"]["entrypoint"].split())
    cluster = fields["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        (container,) = group["template"]["spec"]["containers"]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in group["template"]["spec"]["volumes"]}


def check_shell(block, place):
    # Jupytext makes a cell of bash, which the site's build would run
    assert block.language == "shell" or not is_notebook(block.page)
    checked = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    for words in commands_in(block.text):
        if block.text.startswith("#!"):
            # of a batch job only what it runs of priormix: the cluster's own commands are not here
            words = words[words.index("priormix") :] if "priormix" in words else ["true"]
        check_command(words)


def check_command(words):
    name, *arguments = words
    if name == "priormix" and arguments != ["--install-completion"]:
        parse(words)
    elif name == "make":
        assert set(arguments) <= set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.M))
    elif name == "pip":
        check_pip(arguments)
    elif name == "source":
        assert arguments == [".venv/bin/activate"]
    else:
        assert name in ("priormix", "true"), f"no test knows the command {name}"


def check_pip(arguments):
    what, *rest = arguments
    assert what == "install"
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for package in rest:
        folder, _, extra = package.rstrip("]").partition("[")
        assert (REPOSITORY / folder / "pyproject.toml").exists()
        assert not extra or extra in extras


def check_toml(block, place):
    groups = tomllib.loads(block.text)["project"]["entry-points"]
    families = "\n".join(path.read_text() for path in (REPOSITORY / "src").rglob("*.py"))
    assert set(groups) <= set(re.findall(r'Family\("[^"]+", "([^"]+)"\)', families))


def check_text(block, place):
    # formulas and diagrams: nothing that a reader would type
    assert not re.search(r"^\s*(\$|>>>|priormix|make|pip|python) ", block.text, re.M)


CHECKS = {
    "python": check_python,
    "yaml": check_yaml,
    "bash": check_shell,
    "shell": check_shell,
    "toml": check_toml,
    "text": check_text,
}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_is_what_it_says(block, tmp_path, without_new_members):
    assert block.language in CHECKS, f"no test reads blocks of {block.language!r}"
    CHECKS[block.language](block, tmp_path)


def test_a_mistake_in_a_block_is_seen():
    for words in ("priormix trian recipe.yaml", "priormix train recipe.yaml --pan", "priormix zoo lst"):
        with pytest.raises(USAGE_ERROR):
            check_command(words.split())
    with pytest.raises(AssertionError, match="no test knows"):
        check_command(["conda", "install", "priormix"])
    with pytest.raises(AssertionError):
        check_command(["make", "everything"])


def test_commands_in_the_text_have_the_options_that_it_names():
    seen = 0
    for page in PAGES:
        for words in named_in_text(page):
            seen += 1
            try:
                parse(words)
            except typer.BadParameter as error:
                # prose may leave out the recipe
                if type(error).__name__ != "MissingParameter":
                    raise
    assert seen > 5


def test_commands_that_only_look_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scripts = [block.text for block in BLOCKS if block.language in ("bash", "shell")]
    shown = {" ".join(words) for script in scripts for words in commands_in(script)}
    assert shown >= CHEAP
    for command in sorted(CHEAP):
        status, out, _ = in_process(capsys, *command.split()[1:])
        assert status == 0
        assert "linear" in out


# ---- the pages whose Python runs here


def test_the_readmes_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run(blocks_of(README, "python"))
    assert "exact Bayes" in capsys.readouterr().out
    assert (tmp_path / "runs" / "first" / "weights.safetensors").exists()


def test_the_start_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run(blocks_of(START, "python"))
    printed = capsys.readouterr().out
    assert printed.index("network") < printed.index("truth") < printed.index("Bayes")
    (recipe,) = blocks_of(START, "yaml")
    (tmp_path / "recipe.yaml").write_text(recipe.text)
    status, out, _ = in_process(capsys, "train", "recipe.yaml", "--plan", "--device", "cpu")
    assert status == 0
    assert "parameters" in out


def test_the_performance_page_shows_what_its_python_prints(capsys):
    run(blocks_of(PERFORMANCE, "python"))
    printed = capsys.readouterr().out
    assert printed.startswith("| 0.03 |")
    assert printed in PERFORMANCE.read_text()


def test_the_readmes_recipe_is_a_mixture_of_two():
    (block,) = blocks_of(README, "yaml")
    assert parse_recipe(yaml.safe_load(block.text), "README.md").mixture.n_components == 2


def test_the_documented_sweeps_have_as_many_runs_as_the_text_implies(tmp_path):
    shutil.copytree(REPOSITORY / "recipes", tmp_path / "recipes")
    (tmp_path / "docs").mkdir()
    sizes = []
    for block in blocks_of(REPOSITORY / "docs" / "sweeps.md", "yaml")[:2]:
        file = tmp_path / "docs" / "sweep.yaml"
        file.write_text(block.text)
        sizes.append(len(read_sweep(file)[1]))
    assert sizes == [12, 40]


@pytest.mark.parametrize(
    ("tutorial", "example"),
    [("function-class.md", "function_class/quadratic.py"), ("backbone.md", "backbone/gru.py")],
)
def test_a_tutorials_file_is_the_examples(tutorial, example):
    code = blocks_of(TUTORIALS / tutorial, "python")[0].text
    assert code == (REPOSITORY / "examples" / example).read_text()
    assert len(code.splitlines()) <= 25


def test_a_tutorials_entry_point_is_the_examples():
    (shown,) = blocks_of(TUTORIALS / "function-class.md", "toml")
    package = tomllib.loads((REPOSITORY / "examples" / "function_class" / "pyproject.toml").read_text())
    assert tomllib.loads(shown.text)["project"]["entry-points"] == package["project"]["entry-points"]


def test_a_function_class_of_ones_own_needs_one_file(without_new_members):
    (code,) = blocks_of(ARCHITECTURE, "python")
    assert len(code.text.splitlines()) <= 30
    run([code])
    quadratic = FunctionClass.parse({"kind": "quadratic", "dim": 3})
    prompts = Mixture(components=(DenseLinear(dim=3), quadratic)).sample(40, 5, dtype=torch.float64)
    assert prompts.ys.shape == (40, 5)
    drawn = quadratic.draw(40, torch.Generator().manual_seed(0))
    xs, _ = gaussian_prompts(40, 5, 3, torch.float32)
    assert torch.allclose(drawn(xs), drawn(-xs))


def test_every_source_that_a_docstring_or_a_page_cites_is_listed(repository):
    references = repository / "docs" / "references.md"
    cited = set()
    for path in (*(repository / "src").rglob("*.py"), *PAGES):
        if path != references:
            cited |= set(re.findall(r"\[([a-z]+\d{4})\]", path.read_text(encoding="utf-8")))
    listed = re.findall(r"\*\*\[([a-z]+\d{4})\]\*\*", references.read_text())
    assert len(listed) == len(set(listed))
    assert cited <= set(listed)
