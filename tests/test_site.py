"""The documentation site: it builds without a warning, its tutorials run, every public name has its entry."""

import inspect
import os
import re
import shutil
import subprocess
import sys
import zlib
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import pytest

import priormix
from documented_blocks import PAGES, REPOSITORY, blocks_of, is_notebook

pytestmark = pytest.mark.skipif(
    find_spec("mkdocs") is None or find_spec("nbclient") is None,
    reason="the site needs MkDocs and Jupyter's client: pip install 'priormix[docs]'",
)

ROOMS = [
    "functions",
    "posterior",
    "predictors",
    "models",
    "optimisation",
    "training",
    "measure",
    "zoo",
    "report",
]
FILES = ("mkdocs.yml", "docs", "docs_build")


def build(checkout, site):
    surroundings = {
        **os.environ,
        "NO_MKDOCS_2_WARNING": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(REPOSITORY / "src"),
    }
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", site]
    return subprocess.run(
        command, cwd=checkout, env=surroundings, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The whole site, built once."""
    place = tmp_path_factory.mktemp("site")
    done = build(REPOSITORY, place)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.fixture(scope="module")
def entries(site):
    """Where each name of the API is described, from the inventory that other projects' links use."""
    inventory = (site / "objects.inv").read_bytes()
    # four lines of text come before the compressed part
    lines = zlib.decompress(inventory.split(b"\n", 4)[4]).decode().splitlines()
    found = {}
    for line in lines:
        name, _, _, address, _ = line.split(" ", 4)
        found[name] = address.replace("$", name)
    return found


@pytest.fixture
def small(tmp_path):
    """A checkout whose site has three pages, to break."""
    for name in FILES:
        source = REPOSITORY / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    kept = {"references.md", "derivations.md"}
    for page in (tmp_path / "docs").rglob("*.md"):
        if page.name not in kept:
            page.unlink()
    settings = (tmp_path / "mkdocs.yml").read_text()
    nav = "nav: [index.md, derivations.md, references.md]\n\n"
    (tmp_path / "mkdocs.yml").write_text(re.sub(r"^nav:\n(  .*\n)+\n", nav, settings, flags=re.M))
    return tmp_path


def test_every_page_is_built_and_loads_nothing_from_elsewhere(site):
    docs = REPOSITORY / "docs"
    for page in PAGES[1:]:
        html = (site / page.relative_to(docs).with_suffix(".html")).read_text(encoding="utf-8")
        assert not re.search(r'<(script|link|img|iframe)[^>]+(src|href)="(https?:)?//', html), page


def test_the_tutorials_show_what_every_cell_prints_and_draws(site):
    notebooks = [page for page in PAGES if is_notebook(page)]
    assert len(notebooks) == 4
    for page in notebooks:
        html = (site / page.relative_to(REPOSITORY / "docs").with_suffix(".html")).read_text(encoding="utf-8")
        cells = [block.text for block in blocks_of(page, "python")]
        pictures = re.findall(r'<img [^>]*src="([^"]+\.svg)"', html)
        assert len(pictures) == sum("plt.subplots" in cell for cell in cells) > 0, page
        for picture in pictures:
            assert "</svg>" in (site / "tutorials" / picture).read_text(encoding="utf-8")
        printed = html.count('class="output highlight"')
        assert printed >= sum(bool(re.search(r"^ *print\(", cell, re.M)) for cell in cells), page


def test_every_public_name_is_described_where_it_is_at_home(entries):
    homes = {f"{home}.{name}" for name, home in priormix._HOMES.items()}
    assert homes | {"priormix.predictors.Predictor"} <= set(entries)
    overview = (REPOSITORY / "docs" / "api" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[`px\.(\w+)`\]\(([^)]+)\) \| (.+) \|$", overview, re.M)
    assert [name for name, _, _ in listed] == priormix.__all__
    for name, target, described in listed:
        if name in priormix._HOMES:
            full = f"{priormix._HOMES[name]}.{name}"
            assert target == entries[full].removeprefix("api/").replace(".html", ".md")
            assert described == " ".join(inspect.getdoc(getattr(priormix, name)).split("\n\n")[0].split())


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_of_a_room_is_described(entries, room):
    module = import_module(f"priormix.{room}")
    # Any… are annotations of fields, which say no more than the class in their name
    names = {
        name
        for name in module.__all__
        if not name.startswith("Any") and not isinstance(getattr(module, name), ModuleType)
    }
    assert {f"priormix.{room}.{name}" for name in names} <= set(entries)


def test_shapes_and_fields_can_be_read(site):
    functions = (site / "api" / "functions.html").read_text(encoding="utf-8")
    text = re.sub(r"<[^>]+>", "", functions).replace("&#39;", "'")
    assert re.search(r"xs:\s+Float\[Tensor,\s+['\"]B T D['\"]\]", text)
    assert "number of coordinates that matter, at least 1, default 2" in text


def test_citations_lead_to_the_references(site):
    described = (site / "api" / "functions.html").read_text(encoding="utf-8")
    assert 'href="../references.html#yadlowsky2023"' in described
    references = (site / "references.html").read_text(encoding="utf-8")
    for key in re.findall(r'references\.html#(\w+)"', described):
        assert f'id="{key}"' in references


KERNEL = "{display_name: Python 3, name: python3, language: python}"
HEADER = f"---\njupyter:\n  jupytext: {{}}\n  kernelspec: {KERNEL}\n---\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("# Start\n\nSee [this](nowhere.md).", "nowhere.md"),
        ("# Start\n\nSee [this](derivations.md#no-such-section).", "no-such-section"),
        (f"{HEADER}# Start\n\nSee [this](nowhere.md).", "nowhere.md"),
        (f"{HEADER}# Start\n\n```python\n1 / 0\n```", "ZeroDivisionError"),
        (f"{HEADER}# Start\n\n```python\nimport sys\n\nsys.stderr.write('hm')\n```", "the error stream: hm"),
    ],
    ids=["a link", "an anchor", "a link in a notebook", "a cell that fails", "a cell that complains"],
)
def test_a_mistake_fails_the_build(small, tmp_path, text, complaint):
    (small / "docs" / "index.md").write_text(text)
    done = build(small, tmp_path / "site")
    assert done.returncode == 1
    assert complaint in done.stdout + done.stderr


def test_a_notebook_imports_this_priormix(small, tmp_path):
    code = "import priormix\n\nprint(priormix.__file__)"
    (small / "docs" / "index.md").write_text(f"{HEADER}# Start\n\n```python\n{code}\n```\n")
    done = build(small, tmp_path / "site")
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(priormix.__file__) in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
