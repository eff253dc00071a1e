"""What the report says in words: near-optimal or not, whose fault, and whether a weight follows."""

import polars as pl
import pytest

from made_up_study import a_reproduced_study, changed, row
from priormix.studies.checks import Check
from priormix.studies.claims import Verdict, verdicts
from priormix.studies.readings import faults, followings
from priormix.studies.results import pool_seeds, to_table


def second_words(table: pl.DataFrame) -> dict[str, str]:
    return {verdict.claim: verdict.second_word for verdict in verdicts(table)}


def test_models_that_meet_exact_bayes_are_near_optimal() -> None:
    table = pool_seeds(to_table(a_reproduced_study()))
    assert second_words(table) == dict.fromkeys(("C1", "C2", "C3", "C4", "C5"), "near-optimal")


@pytest.mark.parametrize(
    ("claim", "where"),
    [
        ("C1", lambda r: r.figure == "2" and r.model.endswith("Bayes: mixture") and r.scenario == "sparse"),
        ("C1", lambda r: r.figure == "2" and r.model.endswith("Bayes: mixture") and r.scenario == "dense"),
        ("C2", lambda r: r.figure == "1" and r.model == "dense vs Bayes: dense"),
        ("C2", lambda r: r.figure == "1" and r.model == "sparse vs Bayes: sparse"),
        ("C3", lambda r: r.figure == "3" and r.model.endswith("Bayes: mixture") and r.parameter == 4.0),
        ("C4", lambda r: r.figure == "5" and " vs " in r.model and r.parameter == 0.5),
        ("C5", lambda r: r.figure == "6" and r.model.startswith("sinusoid vs") and r.parameter == 5.0),
    ],
)
def test_one_model_far_from_exact_bayes_spoils_the_second_verdict_alone(claim, where) -> None:
    table = changed(where, 0.5)
    said = second_words(table)
    assert said.pop(claim) == "not near-optimal"
    assert set(said.values()) == {"near-optimal"}
    assert {verdict.word for verdict in verdicts(table)} == {"reproduced"}


def test_the_second_verdict_is_undecided_where_an_interval_holds_the_threshold() -> None:
    certain, open_ = Check("x", 0.0, -0.1, 0.1, 0.2, "below"), Check("x", 0.2, 0.1, 0.3, 0.2, "below")
    verdict = Verdict("C", "t", (certain,), (certain, open_))
    assert verdict.second_word == "undecided whether near-optimal"
    assert verdict.to_dict()["near_optimal"] is None
    assert verdict.to_dict()["holds"] is True


@pytest.mark.parametrize(
    ("prior", "network", "said"),
    [
        (0.5, 0.0, "the prior's fault"),
        (0.0, 0.5, "the network's fault"),
        (0.5, 0.5, "the prior's and the network's fault"),
        (0.0, -0.5, "no failure"),
        (0.03, 0.5, "undecided"),
        (0.5, 0.03, "undecided"),
    ],
)
def test_the_fault_is_told_by_whole_intervals(prior: float, network: float, said: str) -> None:
    rows = [
        row("S2", "model", "y times 3", "prior_excess", prior, n_examples=4),
        row("S2", "model", "y times 3", "network_excess", network, n_examples=4),
    ]
    (found,) = faults(pool_seeds(to_table(rows)))
    assert (found.model, found.scenario, found.words) == ("model", "y times 3", said)


def gaps(*means: float) -> pl.DataFrame:
    rows = [row("S1", "model", "dense", "weight_gap", mean, n_examples=3 + k) for k, mean in enumerate(means)]
    return pool_seeds(to_table(rows))


def test_an_implied_weight_follows_where_its_whole_interval_is_near_the_posterior() -> None:
    (found,) = followings(gaps(0.05, -0.4, 0.095, -0.02))
    assert (found.follows, found.leaves, found.undecided) == ([3, 6], [4], [5])
    assert found.largest_gap == -0.4
    assert found.words == "follows the posterior in part"


@pytest.mark.parametrize(
    ("mean", "said"),
    [
        (0.05, "follows the posterior"),
        (-0.4, "does not follow the posterior"),
        (0.4, "does not follow the posterior"),
    ],
)
def test_a_weight_that_always_follows_or_never_does_is_said_to(mean: float, said: str) -> None:
    (found,) = followings(gaps(mean, mean))
    assert found.words == said


def test_a_study_without_these_figures_says_nothing_about_them() -> None:
    table = pool_seeds(to_table(a_reproduced_study()))
    assert (faults(table), followings(table)) == ([], [])
