"""What the report says in words of Figures S1 and S2."""

from dataclasses import dataclass

import polars as pl

from priormix.studies.checks import AS_GOOD, Check, check_row

# weights that differ by less count as the same
FOLLOWS = 0.1


@dataclass(frozen=True)
class Fault:
    """One scenario's excess over exact Bayes with the scenario's own prior, in its two parts.

    `prior` is what an ideal learner loses by having the pretraining prior, `network` what the model loses
    beyond it, both in squared units of y. A part is at fault where its whole interval lies above the
    tolerance.
    """

    model: str
    scenario: str
    prior: Check
    network: Check

    @property
    def words(self) -> str:
        """Whose fault it is, as the report says it."""
        at_fault = (self.prior.holds, self.network.holds)
        if at_fault == (False, False):
            return "no failure"
        if at_fault == (True, True):
            return "the prior's and the network's fault"
        if at_fault == (True, False):
            return "the prior's fault"
        if at_fault == (False, True):
            return "the network's fault"
        return "undecided"


def faults(table: pl.DataFrame) -> list[Fault]:
    """The faults of all scenarios in Figure S2 of the (seed-pooled) table, in its order."""
    excess = table.filter(
        pl.col("figure") == "S2", pl.col("metric").is_in(["prior_excess", "network_excess"])
    )
    found = []
    for (model, scenario), rows in excess.group_by("model", "scenario", maintain_order=True):
        prior, network = (
            check_row(metric, rows.filter(pl.col("metric") == metric).row(0, named=True), AS_GOOD, "above")
            for metric in ("prior_excess", "network_excess")
        )
        found.append(Fault(str(model), str(scenario), prior, network))
    return found


@dataclass(frozen=True)
class Following:
    """Whether a model's implied weight follows the exact posterior on one class, from d/2 examples on.

    Attributes:
        follows: numbers of examples after which it does: its gap lies within 0.1 with its whole interval.
        leaves: those after which it does not: the whole interval lies outside.
        undecided: the rest of those at which the weight is defined.
        largest_gap: implied weight minus posterior where that is largest.
    """

    model: str
    scenario: str
    follows: list[int]
    leaves: list[int]
    undecided: list[int]
    largest_gap: float

    @property
    def words(self) -> str:
        """The outcome as the report says it."""
        if not self.leaves and not self.undecided:
            return "follows the posterior"
        if not self.follows and not self.undecided:
            return "does not follow the posterior"
        return "follows the posterior in part"


def followings(table: pl.DataFrame) -> list[Following]:
    """One for every model and class of Figure S1 in the (seed-pooled) table."""
    gaps = table.filter(pl.col("figure") == "S1", pl.col("metric") == "weight_gap")
    found = []
    for (model, scenario), rows in gaps.group_by("model", "scenario", maintain_order=True):
        rows = rows.sort("n_examples")
        within = (pl.col("low") > -FOLLOWS) & (pl.col("high") < FOLLOWS)
        outside = (pl.col("low") > FOLLOWS) | (pl.col("high") < -FOLLOWS)
        found.append(
            Following(
                str(model),
                str(scenario),
                follows=_examples(rows.filter(within)),
                leaves=_examples(rows.filter(outside)),
                undecided=_examples(rows.filter(~within & ~outside)),
                largest_gap=max(rows["mean"].to_list(), key=abs),
            )
        )
    return found


def _examples(rows: pl.DataFrame) -> list[int]:
    return rows["n_examples"].to_list()
