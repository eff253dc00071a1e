"""The second verdict on every claim: are the models near what exact Bayes does with the same prior?

A claim may hold although the models are far from optimal, or because an ideal learner would do the same:
only the comparison with exact Bayes, under the prior that the model was pretrained on, tells.
"""

from collections.abc import Callable, Iterable, Iterator

import polars as pl

from priormix.studies.checks import AS_GOOD, Check, check_row, one_row
from priormix.studies.names import BAYES_MIXTURE, BOTH, DENSE, MIXTURE, SINUSOID, SPARSE, bayes_name


def near_bayes_checks(claim: str, table: pl.DataFrame) -> tuple[Check, ...]:
    """The checks of one claim's second verdict."""
    return tuple(_CHECKS[claim](table))


def _excess(
    table: pl.DataFrame, figure: str, model: str, scenario: str, parameter: float | None, where: str
) -> Check:
    prior = bayes_name(model)
    row = one_row(table, figure, "mse_difference", f"{model} vs {prior}", scenario, parameter)
    return check_row(f"error of the {model} model minus that of {prior}, {where}", row, AS_GOOD, "below")


def _mixture_model(table: pl.DataFrame) -> Iterator[Check]:
    for name in (DENSE, SPARSE):
        yield _excess(table, "2", MIXTURE, name, None, f"{name} functions, all prefixes")


def _single_class_models(table: pl.DataFrame) -> Iterator[Check]:
    """Each on the class that it has not seen, where Bayes with its prior fails too."""
    ends = table.filter(pl.col("figure") == "1", pl.col("metric") == "mse").sort("parameter")["scenario"]
    yield _excess(table, "1", DENSE, ends[0], None, "sparse functions")
    yield _excess(table, "1", SPARSE, ends[-1], None, "dense functions")


def _nonzeros(table: pl.DataFrame) -> Iterator[Check]:
    sweep = table.filter(pl.col("figure") == "3", pl.col("model") == f"{MIXTURE} vs {BAYES_MIXTURE}")
    for nonzeros in sorted(sweep["parameter"].to_list()):
        yield _excess(table, "3", MIXTURE, "nnz", nonzeros, f"nnz {nonzeros:g}")


def _combinations(table: pl.DataFrame) -> Iterator[Check]:
    for weight, what in ((0.0, "a cosine alone"), (0.5, "half line, half cosine"), (1.0, "a line alone")):
        yield _excess(table, "5", BOTH, "weight", weight, what)


def _frequencies(table: pl.DataFrame) -> Iterator[Check]:
    for model in (SINUSOID, BOTH):
        for frequency in (1.0, 5.0):
            yield _excess(table, "6", model, "frequency", frequency, f"frequency {frequency:g}")


_CHECKS: dict[str, Callable[[pl.DataFrame], Iterable[Check]]] = {
    "C1": _mixture_model,
    "C2": _single_class_models,
    "C3": _nonzeros,
    "C4": _combinations,
    "C5": _frequencies,
}
