"""The study's claims, decided by intervals from the results table."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from priormix.studies.checks import AS_GOOD, Check, all_hold, check_row, one_row
from priormix.studies.names import BEST_LASSO, BOTH, DENSE, FEATURES, LINEAR, MIXTURE, SINUSOID, SPARSE
from priormix.studies.optimality import near_bayes_checks

# in units of Var f: a difference in error that counts as failing
FAILS = 0.1
# relative mean squared distances: half of the root-mean-square way between the two single-class models,
# and a third of it
MEETS = 0.25
AGREES = 0.1
# the share of the mean square of f(x) that a fit may leave unexplained
FITS = 0.1


@dataclass(frozen=True)
class Verdict:
    """A claim with two verdicts.

    `checks` decide whether it is reproduced, `near_bayes` whether the models do on it nearly what exact
    Bayes does with the same prior. Each holds if all of its checks do, and fails if one of them fails.
    """

    claim: str
    text: str
    checks: tuple[Check, ...]
    near_bayes: tuple[Check, ...]

    @property
    def holds(self) -> bool | None:
        return all_hold(self.checks)

    @property
    def word(self) -> str:
        """The first verdict as a reader of the report sees it."""
        return {True: "reproduced", False: "not reproduced", None: "undecided"}[self.holds]

    @property
    def second_word(self) -> str:
        """The second verdict as a reader of the report sees it."""
        words = {True: "near-optimal", False: "not near-optimal", None: "undecided whether near-optimal"}
        return words[all_hold(self.near_bayes)]

    def to_dict(self) -> dict[str, Any]:
        """The claim with the numbers of its tightest check, and all checks below."""
        tightest = min(self.checks, key=lambda check: check.margin)
        numbers = tightest.to_dict()
        return {
            "claim": self.claim,
            "text": self.text,
            "holds": self.holds,
            "verdict": self.word,
            **{name: numbers[name] for name in ("estimate", "low", "high", "threshold", "side")},
            "decided_by": tightest.what,
            "checks": [check.to_dict() for check in self.checks],
            "near_optimal": all_hold(self.near_bayes),
            "second_verdict": self.second_word,
            "near_bayes_checks": [check.to_dict() for check in self.near_bayes],
        }


def verdicts(table: pl.DataFrame) -> list[Verdict]:
    """The verdicts on all claims whose figures are in the (seed-pooled) table."""
    figures = set(table["figure"])
    return [
        Verdict(name, text, tuple(checks(table)), near_bayes_checks(name, table))
        for name, (text, needed, checks) in _CLAIMS.items()
        if needed <= figures
    ]


def _as_good_as_single_class(table: pl.DataFrame) -> Iterable[Check]:
    """Two models that learnt nothing are as good as each other, so each must first meet its yardstick.

    That is what the study and Garg et al. call near-optimal: least squares on dense functions, where it is
    exact Bayes, and the Lasso on sparse ones, which exact Bayes still beats.
    """
    for own, yardstick in ((DENSE, "Bayes: dense"), (SPARSE, BEST_LASSO)):
        learnt = one_row(table, "2", "mse_difference", f"{own} vs {yardstick}", own)
        what = f"error of the {own} model minus that of {yardstick} on {own} functions, all prefixes"
        yield check_row(what, learnt, AS_GOOD, "below")
        row = one_row(table, "2", "mse_difference", f"{MIXTURE} vs {own}", own)
        what = f"error of the half-half model minus that of the {own} model on {own} functions, all prefixes"
        yield check_row(what, row, AS_GOOD, "below")


def _fails_on_other_class(table: pl.DataFrame) -> Iterable[Check]:
    rows = table.filter(
        pl.col("figure") == "1",
        pl.col("metric") == "mse_difference",
        pl.col("model") == f"{DENSE} vs {SPARSE}",
    ).sort("parameter")
    on_sparse, on_dense = rows.row(0, named=True), rows.row(-1, named=True)
    flipped = {**on_dense, "mean": -on_dense["mean"], "low": -on_dense["high"], "high": -on_dense["low"]}
    yield check_row(
        "error of the dense model minus that of the sparse model on sparse functions",
        on_sparse,
        FAILS,
        "above",
    )
    yield check_row(
        "error of the sparse model minus that of the dense model on dense functions", flipped, FAILS, "above"
    )


def _meets_ends_only(table: pl.DataFrame) -> Iterable[Check]:
    """Distances count beside errors: where the two single-class models hardly differ, errors tell nothing."""
    sweep = table.filter(pl.col("figure") == "3", pl.col("metric") == "relative_distance")
    densest = max(sweep["parameter"].to_list())
    sparsest = min(table.filter(pl.col("figure") == "1", pl.col("metric") == "mse")["parameter"].to_list())
    for single, end in ((SPARSE, sparsest), (DENSE, densest)):
        pair = f"{MIXTURE} vs {single}"
        row = one_row(table, "3", "mse_difference", pair, "nnz", end)
        what = f"error of the half-half model minus that of the {single} model at nnz {end:g}"
        yield check_row(what, row, AS_GOOD, "below")
        row = one_row(table, "3", "relative_distance", pair, "nnz", end)
        what = f"relative distance of the half-half model from the {single} model at nnz {end:g}"
        yield check_row(what, row, MEETS, "below")
    between = sweep.filter(pl.col("parameter") > sparsest, pl.col("parameter") < densest)
    nearer = between.group_by("parameter").agg(pl.col("mean").min()).sort("mean", "parameter")
    farthest = nearer["parameter"].to_list()[-1]
    for single in (SPARSE, DENSE):
        row = one_row(table, "3", "relative_distance", f"{MIXTURE} vs {single}", "nnz", farthest)
        what = f"relative distance of the half-half model from the {single} model at nnz {farthest:g}"
        yield check_row(what, row, AGREES, "above")


def _no_model_fits_combinations(table: pl.DataFrame) -> Iterable[Check]:
    halfway = table.filter(
        pl.col("figure") == "5",
        pl.col("metric") == "unexplained_share",
        pl.col("parameter") == 0.5,
        pl.col("scenario") == "weight",
    )
    models = halfway.filter(pl.col("model").is_in(_CURVE_MODELS)).sort("mean")
    best = models.row(0, named=True)
    yield check_row(f"unexplained share at weight 0.5, best model ({best['model']})", best, FITS, "above")
    features = halfway.filter(pl.col("model") == FEATURES).row(0, named=True)
    yield check_row(
        "unexplained share at weight 0.5, least squares on x and cos(2πx)", features, FITS, "below"
    )
    for weight, name in ((0.0, "cosine"), (1.0, "line")):
        row = one_row(table, "5", "unexplained_share", BOTH, "weight", weight)
        yield check_row(
            f"unexplained share of the model on both classes, on a {name} alone", row, FITS, "below"
        )


def _fails_at_rare_frequencies(table: pl.DataFrame) -> Iterable[Check]:
    for model in (SINUSOID, BOTH):
        common = one_row(table, "6", "unexplained_share", model, "frequency", 1.0)
        yield check_row(
            f"unexplained share of the {model} model at the common frequency 1", common, FITS, "below"
        )
        rare = one_row(table, "6", "unexplained_share", model, "frequency", 5.0)
        yield check_row(
            f"unexplained share of the {model} model at the rare frequency 5", rare, FITS, "above"
        )


_CURVE_MODELS = (LINEAR, SINUSOID, BOTH)
_CLAIMS = {
    "C1": (
        "On a class in the mixture, the mixture model is as good as the single-class model.",
        {"2"},
        _as_good_as_single_class,
    ),
    "C2": ("A single-class model fails on the other class.", {"1"}, _fails_on_other_class),
    "C3": (
        "Over nnz, the mixture model meets the better single-class model at both ends and agrees with "
        "neither between.",
        {"1", "3"},
        _meets_ends_only,
    ),
    "C4": (
        "No model fits convex combinations, though least squares on the right features does.",
        {"5"},
        _no_model_fits_combinations,
    ),
    "C5": ("Predictions fail at frequencies that pretraining made rare.", {"6"}, _fails_at_rare_frequencies),
}
