"""What the page of the explorer works with: prompts, views in links, answers and exports."""

import csv
import io
from urllib.parse import parse_qsl

import numpy as np
import pytest
import torch

from priormix import DenseLinear, Mixture, PriormixError, Recipe, SparseLinear, bayes, cli, train
from priormix.explorer.answer import GRID, Plane, implied_weights
from priormix.explorer.export import plane_numbers, plane_picture
from priormix.explorer.models import ShownModel, load_models, strokes
from priormix.explorer.presets import presets
from priormix.explorer.prompt import (
    MOST_POINTS,
    Draw,
    checked_points,
    draw_prompt,
    read_file,
    read_points,
    write_points,
)
from priormix.explorer.view import View, view_of_query
from priormix.functions import Sinusoid
from priormix.measure import Scenario
from priormix.models import Network, Transformer
from priormix.predictors import LeastSquares

LINE, WAVE = DenseLinear(dim=1), Sinusoid()
BOTH = Mixture(components=(LINE, WAVE))
POINTS = ((-1.5, -0.9), (0.5, 0.3), (1.0, 0.62), (1.7, 0.9))


def recipe(mixture, n_points=25):
    backbone = Transformer(layers=1, heads=1, width=8)
    return Recipe(mixture=mixture, n_points=n_points, network=Network(backbone=backbone), steps=4, batch=4)


def shown(name, predictor, mixture=BOTH):
    return ShownModel(name, predictor, recipe(mixture))


@pytest.fixture
def plane():
    """A plane with a perfect model, one that ignores sinusoids, and least squares under a name of its own."""
    return Plane(
        [
            shown("perfect", bayes(BOTH, noise_std=0.05)),
            shown("lines only", bayes(LINE, noise_std=0.05), LINE),
            shown("fit", LeastSquares()),
        ]
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1, 2\nnan, 3", "point 2: x must lie between"),
        ("1, inf", "y must lie between"),
        ("1, 2, 3", "needs two numbers"),
        ("1", "needs two numbers"),
        ("__import__('os').system('id'), 1", "x must be a number"),
        ("9, 0", "between −8 and 8, got 9"),
        ("\n".join(["0, 1"] * 10_000), "letters"),
        ("\n".join(["0,1"] * 2_000), "at most 100 points can be shown, got 2,000"),
        ('"unclosed\n1, 2', "needs two numbers"),
    ],
)
def test_nonsense_is_told_and_not_shown(text, problem):
    with pytest.raises(PriormixError, match=problem):
        read_points(text)


def test_points_survive_the_text_that_shows_them():
    assert read_points(write_points(POINTS)) == POINTS
    assert read_points("x, y\n 1 , -2 \n\n3e-1,0") == ((1.0, -2.0), (0.3, 0.0))
    assert read_points("") == ()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\xff", "not a text file"),
        (b"PAR1" * 10_000, "at most 20,000 bytes"),
        (b"x, y\n", "holds no points"),
        (b"name, value\n1, 2", "point 1: x must be a number"),
        (b"cos\nsystem\n(S'id'\ntR.", "needs two numbers"),
    ],
)
def test_a_file_that_is_no_list_of_points_is_refused(content, problem):
    with pytest.raises(PriormixError, match=r"given\.csv") as error:
        read_file(content, "given.csv")
    assert problem in str(error.value)
    assert read_file("\ufeffx,y\n1,2".encode(), "given.csv") == ((1.0, 2.0),)


def test_too_many_points_are_refused_before_they_are_read():
    with pytest.raises(PriormixError, match="at most 100 points"):
        checked_points([[0, 0]] * (MOST_POINTS + 1), "points")


def test_a_link_restores_the_view():
    for view in (
        View(),
        View(points=POINTS, k=2, noise_std=0.2, models=("perfect",), prior="a line or a sinusoid", tab=1),
        View(points=()),
        View(draw=Draw(function="combination", frequency=0.64, weight=0.3, n_points=39, seed=12), models=()),
    ):
        query = dict(parse_qsl(view.to_query(), keep_blank_values=True))
        assert view_of_query(query) == view, view.to_query()


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"points": "1,2;nan,0"}, "link: point 2"),
        ({"k": "-1"}, "link: k: input should be greater than or equal to 0"),
        ({"noise": "0"}, "noise_std"),
        ({"n_points": "10000"}, "draw.n_points"),
        ({"frequency": "1e9"}, "draw.frequency"),
        ({"colour": "red"}, "no field 'colour'"),
    ],
)
def test_a_link_that_asks_for_nonsense_is_refused(query, problem):
    with pytest.raises(PriormixError) as error:
        view_of_query(query)
    assert problem in str(error.value)


def test_presets_are_the_panels_of_the_figures(plane):
    found = presets()
    assert [sum(name.startswith(f"Figure {n}") for name in found) for n in (4, 5, 6)] == [3, 6, 5]
    view = found["Figure 5: 0.3x + 0.7cos(2πx)"]
    prompt = plane.prompt(view)
    assert len(prompt.points) == 39
    xs, ys = torch.tensor(prompt.points, dtype=torch.float64).T
    assert torch.allclose(ys, 0.3 * xs + 0.7 * torch.cos(2 * torch.pi * xs))
    assert np.allclose(prompt.truth, [0.3 * x + 0.7 * np.cos(2 * np.pi * x) for x in GRID])
    # the very inputs of the panels in the report
    drawn = Scenario(name="panel", functions=LINE, n_points=39).prompts(1, seed=7)
    assert torch.equal(xs, drawn.xs[0, :, 0])
    assert {len(plane.prompt(view).points) for view in presets(24).values()} == {15, 24}


def test_the_truth_of_a_random_function_goes_through_its_points():
    own = {"sparse_linear": SparseLinear(dim=1, nonzeros=1)}
    for function in ("random line", "random sinusoid", "random combination", "random sparse_linear"):
        draw = Draw(function=function, n_points=5, seed=3)
        xs = [x for x, _ in draw_prompt(draw, own, GRID).points]
        again = draw_prompt(draw, own, xs)
        assert np.allclose(again.truth, [y for _, y in again.points]), function
    with pytest.raises(PriormixError, match="unknown class 'parabola'; known: line y = x"):
        draw_prompt(Draw(function="parabola"), {}, GRID)


def test_the_answer_is_what_the_predictors_say_prompt_by_prompt(plane):
    answer = plane.answer(View(points=POINTS, k=3))
    xs = torch.tensor([[*(x for x, _ in POINTS[:3]), GRID[200]]], dtype=torch.float64)[..., None]
    ys = torch.tensor([[*(y for _, y in POINTS[:3]), 0.0]], dtype=torch.float64)
    exact = bayes(BOTH, noise_std=0.05).predict(xs, ys)
    assert answer.bayes_mean[200] == pytest.approx(float(exact.mean[0, 3]), abs=1e-9)
    assert answer.bayes_sd[200] == pytest.approx(float(exact.variance[0, 3].sqrt()), abs=1e-9)
    assert answer.posterior == pytest.approx(tuple(exact.log_component[0, 3].exp().tolist()), abs=1e-9)
    assert answer.classes == ("lines", "sinusoids")
    assert np.allclose(answer.curves["perfect"], answer.bayes_mean)
    assert answer.curves["least squares"][200] == pytest.approx(
        float(LeastSquares().predict(xs, ys).mean[0, 3])
    )
    assert set(answer.curves) == {"least squares", "perfect", "lines only", "fit"}


def test_the_k_slider_replays_the_prompt(plane):
    posteriors = [plane.answer(View(points=POINTS, k=k)).posterior[0] for k in range(5)]
    assert posteriors[0] == pytest.approx(0.5)
    assert posteriors[4] > 0.9
    for beyond in (None, 99):
        whole = plane.answer(View(points=POINTS, k=beyond))
        assert (whole.k, whole.posterior[0]) == (4, posteriors[4])


def test_implied_weights_are_those_of_the_average(plane):
    first, second, third = (np.array(part) for part in (np.sin(GRID), np.cos(GRID), np.array(GRID) ** 2))
    mixed = 0.2 * first + 0.5 * second + 0.3 * third
    assert implied_weights(mixed, [first, second, third]) == pytest.approx((0.2, 0.5, 0.3))
    assert implied_weights(mixed, [first]) is None
    assert implied_weights(mixed, [first, first]) is None
    answer = plane.answer(View(points=POINTS, k=2))
    # exact Bayes is the average of its classes with the posterior as weights
    assert 0.01 < answer.posterior[0] < 0.99
    assert answer.implied["perfect"] == pytest.approx(answer.posterior, abs=1e-6)
    assert answer.implied["lines only"] == pytest.approx((1, 0), abs=1e-6)
    # without examples every class predicts 0
    assert plane.answer(View(points=POINTS, k=0)).implied["perfect"] is None


def test_what_is_not_loaded_is_told(plane):
    with pytest.raises(PriormixError, match="model 'other' is not loaded; loaded: perfect, lines only, fit"):
        plane.answer(View(points=POINTS, models=("other",)))
    with pytest.raises(PriormixError, match="unknown prior 'none'; known: a line or a sinusoid"):
        plane.answer(View(points=POINTS, prior="none"))


def test_a_model_that_cannot_answer_leaves_a_note_beside_the_rest(plane):
    backbone = Transformer(layers=1, heads=1, width=8, positions="learned")
    short = Plane([shown("short", load_network(backbone), BOTH)])
    answer = short.answer(View(points=POINTS))
    assert "short" not in answer.curves
    assert answer.bayes_mean is not None
    assert answer.notes[0].startswith("short: this network has learned positions for 3 tokens")


def load_network(backbone):
    from priormix.models import NetworkPredictor

    return NetworkPredictor(Network(backbone=backbone).build(1, 3))


def test_exports_hold_what_the_page_shows(plane):
    answer = plane.answer(View(points=POINTS, k=3))
    rows = list(csv.DictReader(io.StringIO(plane_numbers(answer).decode())))
    kinds = [row["what"] for row in rows]
    assert kinds.count("example") == 3
    assert kinds.count("later point") == 1
    curves = [row for row in rows if row["what"] == "prediction" and row["name"] == "exact Bayes"]
    assert [float(row["value"]) for row in curves] == answer.bayes_mean.tolist()
    assert {row["name"] for row in rows if row["what"] == "posterior weight"} == {"lines", "sinusoids"}
    looks = strokes(list(plane.models.values()))
    assert plane_picture(answer, looks, "png").startswith(b"\x89PNG")
    assert b"<svg" in plane_picture(answer, looks, "svg")


def test_models_keep_their_colours_and_are_told_apart(plane):
    looks = strokes(list(plane.models.values()))
    assert looks["perfect"].colour == "#009E73"
    assert looks["lines only"].colour == "#0072B2"
    # the same classes in another network: the same colour, other dashes
    assert looks["fit"].colour == looks["perfect"].colour
    assert looks["fit"].dashes != looks["perfect"].dashes


def test_only_networks_of_one_input_are_shown(tmp_path):
    train(recipe(DenseLinear(dim=2), n_points=3), tmp_path / "flat", device="cpu")
    train(recipe(LINE, n_points=3), tmp_path / "a" / "run", device="cpu")
    with pytest.raises(PriormixError, match="flat: reads 2 inputs; the plane shows networks of one input"):
        load_models([str(tmp_path / "flat")])
    names = [model.name for model in load_models([str(tmp_path / "a" / "run")] * 2)]
    assert names == ["run", "run (2)"]


@pytest.mark.parametrize("arguments", [["--model", "no-such-folder"], ["no-such-results"]])
def test_the_command_refuses_what_is_not_there(arguments, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["priormix", "explore", *arguments, "--no-browser"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert "no-such" in capsys.readouterr().err
