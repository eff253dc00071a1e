"""The study's claims, decided by intervals from the results table."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl

from priormix.studies.names import BEST_LASSO, BOTH, DENSE, LINEAR, MIXTURE, SINUSOID, SPARSE

Side = Literal["below", "above"]

# in units of Var f: a difference in error that counts as none, and one that counts as failing
AS_GOOD = 0.03
FAILS = 0.1
# relative mean squared distances: half of the root-mean-square way between the two single-class models,
# and a third of it
MEETS = 0.25
AGREES = 0.1
# the share of the mean square of f(x) that a fit may leave unexplained
FITS = 0.1


@dataclass(frozen=True)
class Check:
    """One number that must lie on one side of a threshold with its whole 95% interval."""

    what: str
    estimate: float
    low: float
    high: float
    threshold: float
    side: Side

    @property
    def holds(self) -> bool | None:
        """True or False where the interval lies on one side of the threshold, None where it straddles."""
        if self.low <= self.threshold <= self.high or self.low != self.low:
            return None
        return (self.high < self.threshold) == (self.side == "below")

    @property
    def margin(self) -> float:
        """How far the nearer end of the interval is on the right side; negative on the wrong side."""
        return self.threshold - self.high if self.side == "below" else self.low - self.threshold


@dataclass(frozen=True)
class Verdict:
    """A claim with its checks; it holds if all of them do, and fails if one of them fails."""

    claim: str
    text: str
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool | None:
        outcomes = [check.holds for check in self.checks]
        return False if False in outcomes else None if None in outcomes else True

    @property
    def word(self) -> str:
        """The verdict as a reader of the report sees it."""
        return {True: "reproduced", False: "not reproduced", None: "undecided"}[self.holds]

    def to_dict(self) -> dict[str, Any]:
        """The claim with the numbers of its tightest check, and all checks below."""
        tightest = min(self.checks, key=lambda check: check.margin)
        numbers = asdict(tightest)
        return {
            "claim": self.claim,
            "text": self.text,
            "holds": self.holds,
            "verdict": self.word,
            **{name: numbers[name] for name in ("estimate", "low", "high", "threshold", "side")},
            "decided_by": tightest.what,
            "checks": [{**asdict(check), "holds": check.holds} for check in self.checks],
        }


def verdicts(table: pl.DataFrame) -> list[Verdict]:
    """The verdicts on all claims whose figures are in the (seed-pooled) table."""
    figures = set(table["figure"])
    return [
        Verdict(name, text, tuple(checks(table)))
        for name, (text, needed, checks) in _CLAIMS.items()
        if needed <= figures
    ]


def _as_good_as_single_class(table: pl.DataFrame) -> Iterable[Check]:
    """Two models that learnt nothing are as good as each other, so each must first meet its yardstick.

    That is what the study and Garg et al. call near-optimal: least squares on dense functions, where it is
    exact Bayes, and the Lasso on sparse ones, which exact Bayes still beats.
    """
    for own, yardstick in ((DENSE, "Bayes: dense"), (SPARSE, BEST_LASSO)):
        learnt = _one(table, "2", "mse_difference", f"{own} vs {yardstick}", own)
        what = f"error of the {own} model minus that of {yardstick} on {own} functions, all prefixes"
        yield _check(what, learnt, AS_GOOD, "below")
        row = _one(table, "2", "mse_difference", f"{MIXTURE} vs {own}", own)
        what = f"error of the half-half model minus that of the {own} model on {own} functions, all prefixes"
        yield _check(what, row, AS_GOOD, "below")


def _fails_on_other_class(table: pl.DataFrame) -> Iterable[Check]:
    rows = table.filter(
        pl.col("figure") == "1",
        pl.col("metric") == "mse_difference",
        pl.col("model") == f"{DENSE} vs {SPARSE}",
    ).sort("parameter")
    on_sparse, on_dense = rows.row(0, named=True), rows.row(-1, named=True)
    flipped = {**on_dense, "mean": -on_dense["mean"], "low": -on_dense["high"], "high": -on_dense["low"]}
    yield _check(
        "error of the dense model minus that of the sparse model on sparse functions",
        on_sparse,
        FAILS,
        "above",
    )
    yield _check(
        "error of the sparse model minus that of the dense model on dense functions", flipped, FAILS, "above"
    )


def _meets_ends_only(table: pl.DataFrame) -> Iterable[Check]:
    """Distances count beside errors: where the two single-class models hardly differ, errors tell nothing."""
    sweep = table.filter(pl.col("figure") == "3", pl.col("metric") == "relative_distance")
    densest = max(sweep["parameter"].to_list())
    sparsest = min(table.filter(pl.col("figure") == "1", pl.col("metric") == "mse")["parameter"].to_list())
    for single, end in ((SPARSE, sparsest), (DENSE, densest)):
        pair = f"{MIXTURE} vs {single}"
        row = _one(table, "3", "mse_difference", pair, "nnz", end)
        what = f"error of the half-half model minus that of the {single} model at nnz {end:g}"
        yield _check(what, row, AS_GOOD, "below")
        row = _one(table, "3", "relative_distance", pair, "nnz", end)
        what = f"relative distance of the half-half model from the {single} model at nnz {end:g}"
        yield _check(what, row, MEETS, "below")
    between = sweep.filter(pl.col("parameter") > sparsest, pl.col("parameter") < densest)
    nearer = between.group_by("parameter").agg(pl.col("mean").min()).sort("mean", "parameter")
    farthest = nearer["parameter"].to_list()[-1]
    for single in (SPARSE, DENSE):
        row = _one(table, "3", "relative_distance", f"{MIXTURE} vs {single}", "nnz", farthest)
        what = f"relative distance of the half-half model from the {single} model at nnz {farthest:g}"
        yield _check(what, row, AGREES, "above")


def _no_model_fits_combinations(table: pl.DataFrame) -> Iterable[Check]:
    halfway = table.filter(
        pl.col("figure") == "5",
        pl.col("metric") == "unexplained_share",
        pl.col("parameter") == 0.5,
        pl.col("scenario") == "weight",
    )
    models = halfway.filter(pl.col("model").is_in(_CURVE_MODELS)).sort("mean")
    best = models.row(0, named=True)
    yield _check(f"unexplained share at weight 0.5, best model ({best['model']})", best, FITS, "above")
    features = halfway.filter(~pl.col("model").is_in(_CURVE_MODELS)).row(0, named=True)
    yield _check("unexplained share at weight 0.5, least squares on x and cos(2πx)", features, FITS, "below")
    for weight, name in ((0.0, "cosine"), (1.0, "line")):
        row = _one(table, "5", "unexplained_share", BOTH, "weight", weight)
        yield _check(f"unexplained share of the model on both classes, on a {name} alone", row, FITS, "below")


def _fails_at_rare_frequencies(table: pl.DataFrame) -> Iterable[Check]:
    for model in (SINUSOID, BOTH):
        common = _one(table, "6", "unexplained_share", model, "frequency", 1.0)
        yield _check(
            f"unexplained share of the {model} model at the common frequency 1", common, FITS, "below"
        )
        rare = _one(table, "6", "unexplained_share", model, "frequency", 5.0)
        yield _check(f"unexplained share of the {model} model at the rare frequency 5", rare, FITS, "above")


def _one(
    table: pl.DataFrame, figure: str, metric: str, model: str, scenario: str, parameter: float | None = None
) -> dict[str, Any]:
    chosen = table.filter(
        pl.col("figure") == figure,
        pl.col("metric") == metric,
        pl.col("model") == model,
        pl.col("scenario") == scenario,
        pl.lit(True) if parameter is None else (pl.col("parameter") - parameter).abs() < 1e-9,
    )
    return chosen.row(0, named=True)


def _check(what: str, row: dict[str, Any], threshold: float, side: Side) -> Check:
    return Check(what, row["mean"], row["low"], row["high"], threshold, side)


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
