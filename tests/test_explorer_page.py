"""The explorer in a real browser: the mouse, the keyboard, a bad file; skipped where there is no Chromium."""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
import torch

from made_up_study import row
from priormix import DenseLinear, Mixture, Recipe, Sinusoid
from priormix.explorer.prompt import read_points
from priormix.models import Network, Transformer
from priormix.studies.results import to_table
from priormix.tables import write_table
from priormix.training.weights import build_network, write_weights

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# where the screenshots of these tests go, if anywhere
SHOTS = os.environ.get("PRIORMIX_SCREENSHOTS")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The URL of an explorer in a process of its own, with two small networks and a made-up study."""
    folder = tmp_path_factory.mktemp("explorer")
    line, wave = DenseLinear(dim=1), Sinusoid()
    for name, mixture in {"linear": line, "linear-sinusoid": Mixture(components=(line, wave))}.items():
        write_untrained(folder / f"{name}.safetensors", mixture)
    write_table(folder / "results.parquet", to_table(a_study()))
    command = [Path(sys.executable).with_name("priormix"), "explore", folder, "--no-browser", "--port", "0"]
    command += ["--model", folder / "linear.safetensors"]
    command += ["--model", folder / "linear-sinusoid.safetensors"]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as server:
        try:
            yield re.fullmatch(r"explorer: (http://127.0.0.1:\d+/)\n", server.stdout.readline())[1]
        finally:
            server.terminate()


def write_untrained(path, mixture):
    """Weights that make something of every prompt, though nothing sensible; training would take longer."""
    network = Network(backbone=Transformer(layers=2, heads=2, width=32, positions="none"))
    recipe = Recipe(mixture=mixture, n_points=25, network=network)
    built = build_network(recipe)
    torch.nn.init.normal_(built.read_out.weight, std=0.2, generator=torch.Generator().manual_seed(0))
    write_weights(path, built, recipe)


def a_study():
    for model, level in (("dense", 0.3), ("sparse", 0.6)):
        for k in range(5):
            yield row("2", model, "dense", "mse", level / (1 + k), n_examples=k)
        for nonzeros in (1.0, 2.0, 3.0):
            yield row("3", model, "nnz", "mse", level * nonzeros, parameter=nonzeros, n_examples=4)
            pair = f"dense 50% + sparse 50% vs {model}"
            yield row("3", pair, "nnz", "relative_distance", level, parameter=nonzeros, n_examples=4)
    for metric in ("own_bayes_error", "prior_excess", "network_excess"):
        for scenario in ("line", "sinusoid"):
            yield row("S2", "linear + sinusoid", scenario, metric, 0.2, n_examples=4)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser, request):
    """An empty page of 1280×800 that fails the test for any error in it and any request to elsewhere."""
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    problems = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    opened.on("request", lambda sent: problems.append(sent.url) if is_elsewhere(sent.url) else None)
    yield opened
    if SHOTS:
        opened.screenshot(path=Path(SHOTS) / f"{request.node.name}.png")
    opened.close()
    assert problems == []


def is_elsewhere(url):
    return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))


def open_at(page, url):
    page.goto(url)
    page.get_by_text("Posterior of exact Bayes").wait_for(timeout=30_000)
    # the plot is drawn a moment after the words
    page.wait_for_function(PLOT, timeout=10_000)


# the plot of the plane is found by its name, its curves by theirs
PLOT = "() => Bokeh.documents[0]?.get_model_by_name('plane') != null"
CURVES = """() => Object.fromEntries(
  Bokeh.documents[0].get_model_by_name('plane').renderers.filter(r => r.name)
    .map(r => [r.name, Array.from(r.data_source.data.y)]))"""
PLACE = """([x, y]) => {
  const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('plane'))
  const box = view.canvas_view.el.getBoundingClientRect()
  return [box.x + view.frame.x_scale.compute(x), box.y + view.frame.y_scale.compute(y)]
}"""
CHANGED = "['exact Bayes', 'least squares'].every(name => '' + now[name] !== '' + before[name])"
TOOLTIPS = """() => [...Bokeh.documents[0]._all_models.values()]
  .filter(m => m.type === 'HoverTool').map(m => m.tooltips)"""


def curves(page):
    return page.evaluate(CURVES)


def changed_curves(page, before):
    """The curves once exact Bayes and least squares are no longer what they were."""
    script = f"before => {{ const now = ({CURVES})(); return {CHANGED} ? now : null }}"
    return page.wait_for_function(script, arg=before, timeout=10_000).json_value()


def place(page, x, y):
    return page.evaluate(PLACE, [x, y])


def points(page):
    return read_points(page.get_by_label("points, one x, y a line").input_value())


def wait_for_points(page, n):
    page.wait_for_function(
        "n => new URLSearchParams(location.search).get('points')?.split(';').length === n",
        arg=n,
        timeout=10_000,
    )


def test_points_are_added_dragged_and_deleted_with_the_mouse(page, site):
    open_at(page, site)
    before = curves(page)
    page.mouse.click(*place(page, -0.5, 1.5))
    wait_for_points(page, 4)
    added = changed_curves(page, before)
    assert points(page)[3] == pytest.approx((-0.5, 1.5), abs=0.03)
    for name in ("exact Bayes", "least squares", "linear", "linear-sinusoid"):
        assert added[name] != before[name], name
    page.mouse.move(*place(page, -0.5, 1.5))
    page.mouse.down()
    page.mouse.move(*place(page, 0.0, 0.0), steps=6)
    page.mouse.move(*place(page, 1.5, -1.0), steps=6)
    page.mouse.up()
    # the last of the moves
    page.wait_for_function(
        "Math.abs(location.search.split(encodeURIComponent(';'))[3]?.split('%2C')[0] - 1.5) < 0.03",
        timeout=10_000,
    )
    page.wait_for_timeout(500)
    assert points(page)[3] == pytest.approx((1.5, -1.0), abs=0.03)
    dragged = changed_curves(page, added)
    page.mouse.click(*place(page, 1.5, -1.0))
    page.keyboard.press("Backspace")
    wait_for_points(page, 3)
    assert changed_curves(page, dragged)["least squares"] == pytest.approx(before["least squares"])


def test_a_panel_of_the_study_its_replay_and_the_link_to_it(page, site, browser):
    open_at(page, site)
    before = curves(page)
    page.get_by_label("Panel of the study").select_option("Figure 5: 0.3x + 0.7cos(2πx)")
    page.wait_for_function("location.search.includes('weight=0.3')", timeout=10_000)
    shown = changed_curves(page, before)
    # as many examples as in pretraining
    assert len(points(page)) == 24
    middle = len(shown["truth"]) // 2
    assert shown["truth"][middle] == pytest.approx(0.7, abs=0.02)
    handle = page.locator(".k .noUi-handle")
    handle.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function("location.search.includes('k=20')", timeout=10_000)
    page.wait_for_timeout(500)
    replayed = changed_curves(page, shown)
    other = browser.new_page()
    open_at(other, page.url)
    assert curves(other) == replayed
    other.close()


def test_the_keyboard_alone_adds_and_deletes_points(page, site):
    open_at(page, site)
    page.get_by_label("x", exact=True).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("-0.25")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("2")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for_points(page, 4)
    assert points(page)[3] == (-0.25, 2.0)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for_points(page, 3)


def test_nonsense_is_told_and_changes_nothing(page, site, tmp_path):
    open_at(page, site)
    before = curves(page)
    for name, content, problem in (
        ("photo.csv", b"\x89PNG\x00\xff", "photo.csv: not a text file of points"),
        ("nan.csv", b"1, 2\nnan, 1", "nan.csv: point 2: x must lie between"),
        ("many.csv", b"0, 1\n" * 10_000, "many.csv: at most 20,000 bytes"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        page.locator("input[type=file]").first.set_input_files(path)
        page.get_by_role("alert").get_by_text(problem).wait_for(timeout=10_000)
    assert curves(page) == before
    page.goto(f"{site}?points=1,nan")
    page.get_by_role("alert").get_by_text("link: point 1: y must lie between").wait_for(timeout=20_000)


def test_figures_of_a_results_folder_with_values_under_the_pointer(page, site):
    open_at(page, site)
    page.get_by_text("Results folder").click()
    select = page.get_by_label("Figure", exact=True)
    select.wait_for()
    names = select.locator("option").all_inner_texts()
    assert names == [
        "Learning curves, figure 2",
        "Sweep over nonzeros, figure 3",
        "Attribution, figure S2, linear functions",
        "Attribution, figure S2, one dimension",
    ]
    select.select_option("Sweep over nonzeros, figure 3")
    page.wait_for_function("location.search.includes('chart=Sweep')", timeout=10_000)
    page.wait_for_timeout(500)
    hovers = page.evaluate(TOOLTIPS)
    assert any("95% interval" in str(tooltip) for tooltip in hovers)


def test_the_exports_and_the_address(site):
    query = "points=0.5%2C1%3B1%2C2&k=2"
    with urlopen(f"{site}export.csv?{query}") as answer:
        rows = list(csv.DictReader(io.StringIO(answer.read().decode())))
    assert sum(given["what"] == "example" for given in rows) == 2
    for form, start in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        with urlopen(f"{site}export.{form}?{query}") as answer:
            assert answer.read().startswith(start)
    from urllib.error import HTTPError

    for bad in ("points=nan%2C1", "tab=1&chart=none", "n_points=10000"):
        with pytest.raises(HTTPError) as error, urlopen(f"{site}export.csv?{bad}"):
            pass
        assert error.value.code == 400
        assert error.value.read().startswith(b"priormix: ")
        error.value.close()
