"""Studies: tidy tables, pooled seeds, and verdicts that can come out either way."""

import numpy as np
import polars as pl
import pytest
import torch
from scipy import stats

from made_up_study import MIXTURE, a_reproduced_study, changed, row
from priormix import zoo
from priormix.errors import PriormixError
from priormix.models import NetworkPredictor
from priormix.studies.checks import Check
from priormix.studies.claims import Verdict, verdicts
from priormix.studies.figure import Bench
from priormix.studies.figures import FIGURES
from priormix.studies.preset import find_preset, preset_names
from priormix.studies.results import SCHEMA, pool_seeds, read_table, to_table
from priormix.tables import write_table
from priormix.training.weights import build_network


def words(table):
    return {verdict.claim: verdict.word for verdict in verdicts(table)}


def test_a_study_in_which_everything_holds_is_reproduced():
    table = pool_seeds(to_table(a_reproduced_study()))
    assert words(table) == dict.fromkeys(("C1", "C2", "C3", "C4", "C5"), "reproduced")


@pytest.mark.parametrize(
    ("claim", "where"),
    [
        ("C1", lambda r: r.figure == "2" and r.model == f"{MIXTURE} vs dense"),
        ("C1", lambda r: r.figure == "2" and r.model == f"{MIXTURE} vs sparse"),
        ("C1", lambda r: r.figure == "2" and r.model == "dense vs Bayes: dense"),
        ("C1", lambda r: r.figure == "2" and r.model == "sparse vs best Lasso" and r.scenario == "sparse"),
        ("C2", lambda r: r.figure == "1" and r.scenario == "dense"),
        ("C3", lambda r: r.metric == "mse_difference" and r.figure == "3" and r.parameter == 8),
        ("C3", lambda r: r.metric == "relative_distance" and r.parameter == 2),
        ("C5", lambda r: r.figure == "6" and r.parameter == 1.0 and r.model == "sinusoid"),
    ],
)
def test_a_claim_whose_number_is_too_large_is_not_reproduced(claim, where):
    verdict = words(changed(where, 0.5))
    assert verdict.pop(claim) == "not reproduced"
    assert set(verdict.values()) == {"reproduced"}


@pytest.mark.parametrize(
    ("claim", "where"),
    [
        ("C2", lambda r: r.figure == "1" and r.scenario == "nnz 2" and r.metric == "mse_difference"),
        ("C3", lambda r: r.metric == "relative_distance" and r.model.endswith("dense")),
        ("C4", lambda r: r.figure == "5" and r.parameter == 0.5 and r.model == "sinusoid"),
        ("C5", lambda r: r.figure == "6" and r.parameter == 5.0 and r.model == "linear + sinusoid"),
    ],
)
def test_a_claim_whose_number_is_too_small_is_not_reproduced(claim, where):
    verdict = words(changed(where, 0.0))
    assert verdict.pop(claim) == "not reproduced"
    assert set(verdict.values()) == {"reproduced"}


def test_a_features_fit_that_fails_spoils_the_claim_on_combinations():
    table = changed(lambda r: r.figure == "5" and r.parameter == 0.5 and r.model.startswith("least"), 0.5)
    assert words(table)["C4"] == "not reproduced"


@pytest.mark.parametrize(
    ("low", "high", "side", "holds"),
    [
        (0.0, 0.1, "below", True),
        (0.3, 0.4, "below", False),
        (0.1, 0.3, "below", None),
        (0.3, 0.4, "above", True),
        (0.0, 0.1, "above", False),
        (0.1, 0.3, "above", None),
        (float("nan"), float("nan"), "below", None),
    ],
)
def test_a_check_needs_its_whole_interval_on_one_side(low, high, side, holds):
    assert Check("x", (low + high) / 2, low, high, 0.2, side).holds is holds


def test_a_claim_with_one_undecided_check_is_undecided_and_with_one_failed_check_fails():
    good, bad, open_ = (
        Check("x", 0.0, low, high, 0.2, "below") for low, high in ((0.0, 0.1), (0.3, 0.4), (0.1, 0.3))
    )
    assert Verdict("C", "t", (good, open_), ()).word == "undecided"
    assert Verdict("C", "t", (good, open_, bad), ()).word == "not reproduced"
    assert Verdict("C", "t", (good, bad), ()).to_dict()["estimate"] == 0.0
    assert Verdict("C", "t", (good, bad), ()).to_dict()["high"] == 0.4


def test_one_seed_keeps_its_interval_and_several_get_students():
    means = [0.1, 0.2, 0.4]
    table = to_table([row("1", "dense", "dense", "mse", mean, seed=seed) for seed, mean in enumerate(means)])
    pooled = pool_seeds(table)
    low, high = stats.t.interval(0.95, 2, np.mean(means), stats.sem(means))
    assert pooled.height == 1
    assert pooled["low"][0] == pytest.approx(low)
    assert pooled["high"][0] == pytest.approx(high)
    single = pool_seeds(table.head(1))
    assert (single["low"][0], single["high"][0]) == pytest.approx((0.09, 0.11))


def test_tables_survive_a_round_trip_and_damaged_ones_are_refused(tmp_path):
    table = to_table(a_reproduced_study())
    path = tmp_path / "results.parquet"
    write_table(path, table)
    assert read_table(path).equals(table)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(PriormixError, match="damaged"):
        read_table(path)
    table.drop("seed").write_parquet(path)
    with pytest.raises(PriormixError, match="has columns"):
        read_table(path)
    with pytest.raises(PriormixError, match="no such results table"):
        read_table(tmp_path / "absent.parquet")


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_measures_all_of_its_models(name):
    preset = find_preset("smoke")
    figure = FIGURES[name]
    recipes = figure.models(preset, 0)
    models = {name: NetworkPredictor(build_network(recipe)) for name, recipe in recipes.items()}
    table = to_table(figure.rows(Bench(preset, models, torch.device("cpu")), seed=3))
    assert dict(table.schema) == SCHEMA
    assert set(table["figure"]) == {name}
    measured = table.filter(pl.col("low").is_not_null())
    assert set(models) <= {part for name in measured["model"] for part in name.split(" vs ")} | set(
        table["model"]
    )
    assert set(table.filter(pl.col("model").is_in(list(models)))["seed"]) == {3}
    intervals = measured.filter(pl.col("low") > pl.col("high"))
    assert intervals.is_empty()


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_names_trainable_recipes(name):
    preset = find_preset(name)
    for name in preset.figures:
        for recipe in FIGURES[name].models(preset, 0).values():
            assert recipe.mixture.dim in (1, preset.dim)


def test_all_networks_of_the_pretrained_preset_are_in_the_zoo():
    preset, shipped = find_preset("pretrained"), zoo.names_by_run_id()
    assert preset.figures == find_preset("quick").figures
    needed = {r.run_id for name in preset.figures for r in FIGURES[name].models(preset, 0).values()}
    assert needed <= shipped.keys()


def test_an_unknown_preset_lists_the_known_ones():
    known = "smoke, quick, pretrained, standard, paper"
    with pytest.raises(PriormixError, match=f"unknown preset 'big'; known: {known}"):
        find_preset("big")
