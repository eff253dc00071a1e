"""The report: it needs no PyTorch, and every drawing can be drawn."""

import subprocess
import sys

import polars as pl
import pytest
import torch

from priormix.models import NetworkPredictor
from priormix.palette import _STROKES, stroke
from priormix.report import write_report
from priormix.report.drawings import DRAWINGS
from priormix.studies.figure import Bench
from priormix.studies.figures import FIGURES
from priormix.studies.preset import find_preset
from priormix.studies.results import to_table
from priormix.tables import write_table
from priormix.training.weights import build_network


def test_the_report_never_loads_torch():
    check = "import sys, priormix.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_importing_priormix_loads_no_torch_and_its_public_names_exist():
    check = (
        "import sys, priormix; assert 'torch' not in sys.modules; "
        "[getattr(priormix, name) for name in priormix.__all__]"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All nine figures of the smoke preset, from networks that were never trained."""
    preset = find_preset("smoke")
    tables = []
    for figure in FIGURES.values():
        recipes = figure.models(preset, 0)
        models = {name: NetworkPredictor(build_network(recipe)) for name, recipe in recipes.items()}
        tables.append(to_table(figure.rows(Bench(preset, models, torch.device("cpu")), 0)))
    folder = tmp_path_factory.mktemp("smoke")
    write_table(folder / "results.parquet", pl.concat(tables))
    return folder


def test_every_figure_has_a_drawing_and_every_drawing_is_on_the_page(folder):
    assert {drawing.figure for drawing in DRAWINGS} == set(FIGURES)
    page = write_report(folder).read_text()
    for drawing in DRAWINGS:
        assert f"Figure {drawing.name}. {drawing.title}" in page
    pictures = {path.name for path in (folder / "figures").iterdir()}
    assert len(pictures) == len(DRAWINGS)


def test_the_same_table_gives_the_same_page(folder):
    first = write_report(folder).read_bytes()
    assert write_report(folder).read_bytes() == first


def test_the_numbers_behind_a_figure_travel_with_the_page(folder):
    import base64

    page = write_report(folder).read_text()
    encoded = page.split("data:text/csv;base64,")[1].split('"')[0]
    assert base64.b64decode(encoded).decode().startswith("figure,model,scenario,")


def test_models_that_are_drawn_together_have_different_strokes():
    for together in (
        ["dense", "sparse", "dense 25% + sparse 75%", "dense 50% + sparse 50%", "dense 75% + sparse 25%"],
        ["linear", "sinusoid", "linear + sinusoid"],
        ["small", "medium", "large", "least squares", "Bayes: mixture"],
    ):
        assert len({stroke(model) for model in together}) == len(together)
    assert stroke("dense 50% + sparse 50%").colour == _STROKES["linear + sinusoid"].colour
