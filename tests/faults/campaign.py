"""Everything that can happen to a run, on purpose: `make faults`.

Prints for every kind of fault how often it struck, how often the run survived it, how many bytes of
finished checkpoints were lost, and how many runs ended with the weights and metrics of an undisturbed one.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import files
import folders
import kills
from subject import RECIPE, Outcome, prepare, undisturbed_run

from mutations import Judge, judge_recipes, judge_tables, judge_weights
from priormix.training import train


def campaign(root: Path, seed: int) -> list[Outcome]:
    """Let all faults strike, one kind after the other."""
    chance = prepare(seed)
    undisturbed = undisturbed_run(root)
    faults = (
        lambda: kills.anywhere(root, undisturbed, chance),
        lambda: kills.during_writing(root, undisturbed, chance),
        lambda: kills.while_finishing(root, undisturbed, chance),
        lambda: kills.asked_to_stop(root, undisturbed, chance),
        lambda: kills.the_command(root, undisturbed, chance),
        lambda: files.damaged(root, undisturbed, chance),
        lambda: folders.full_disk(root, undisturbed, chance),
        lambda: folders.read_only_disk(root, undisturbed),
        lambda: folders.read_only_folder(root, undisturbed),
        lambda: folders.deleted(root, undisturbed),
        lambda: folders.two_writers(root, undisturbed),
    )
    outcomes = []
    for fault in faults:
        started = time.perf_counter()
        outcome = fault()
        outcomes.append(outcome)
        _print(outcome, time.perf_counter() - started)
    return outcomes


def mutations(root: Path, seed: int, share: float) -> list[str]:
    """Judge mutated files; the names of the kinds of file that were not all accepted or refused in words."""
    failed = []
    # libraries load parts of themselves, and make folders, when the first network is trained
    train(RECIPE.model_copy(update={"steps": 2}), device="cpu")
    for judge_them, n in ((judge_recipes, 1500), (judge_tables, 150), (judge_weights, 800)):
        out = root / judge_them.__name__
        out.mkdir()
        judge = Judge(out)
        started = time.perf_counter()
        try:
            judge_them(judge, random.Random(seed), round(n * share))
        except AssertionError as failure:
            failed.append(judge_them.__name__)
            print(f"FAILED: {failure}")
        refused = ", ".join(f"{count} {reason}" for reason, count in sorted(judge.refused.items()))
        print(
            f"{judge_them.__name__:38}   {judge.cases} mutated files, {judge.accepted} accepted, refused: "
            f"{refused}   {time.perf_counter() - started:.0f} s",
            flush=True,
        )
    return failed


def _print(outcome: Outcome, seconds: float) -> None:
    columns = (
        f"{outcome.fault:38}",
        f"{outcome.survived:3} of {outcome.struck:3} survived",
        f"{outcome.bytes_lost} bytes lost",
        f"{outcome.identical:2} of {outcome.runs:2} runs identical",
        f"{seconds:4.0f} s",
        outcome.note,
    )
    print("   ".join(columns).rstrip(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the times at which faults strike")
    parser.add_argument("--mutations", type=float, default=1.0, help="share of the 2,450 mutated files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="priormix-faults-") as root:
        outcomes = campaign(Path(root), arguments.seed)
        misjudged = mutations(Path(root), arguments.seed, arguments.mutations)
    skipped = [outcome.fault for outcome in outcomes if outcome.note.startswith("skipped")]
    failed = [outcome.fault for outcome in outcomes if not outcome.passed and outcome.fault not in skipped]
    print(
        f"faults survived: {sum(outcome.survived for outcome in outcomes)} of "
        f"{sum(outcome.struck for outcome in outcomes)}; bytes lost: "
        f"{sum(outcome.bytes_lost for outcome in outcomes)}; runs identical: "
        f"{sum(outcome.identical for outcome in outcomes)} of {sum(outcome.runs for outcome in outcomes)}"
        f"{'; skipped: ' + ', '.join(skipped) if skipped else ''}"
    )
    failed += misjudged
    sys.exit(f"FAILED: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
