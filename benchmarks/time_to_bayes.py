"""Wall-clock time until a model is near exact Bayes, beside the classic recipe and a tuned one.

`priormix bench time-to-bayes`: 8 dimensions, 24 points, networks of 4 layers, 4 heads, 64 wide on all
sides. A model is near when its mean squared error, averaged over all prefixes of 1,024 held-out prompts, is
at most 0.02 above that of exact Bayes. Every seed has a process of its own with one thread, in which ours
and the references run in turn; measuring is left out of the time. The tuned reference first sweeps its
learning rate; its cosine ends at 3, then at 6 times our time, and the better of the two counts. The classic
one is stopped at 30 times our time. Where ours is not near for the first seed there is no time to compare
with: the references are left out, and the distances of two classical predictors are printed beside ours.
"""

import argparse
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from machine import describe, print_machine

from priormix import DenseLinear, FunctionClass, Mixture, Prompts, Recipe, SparseLinear, bayes
from priormix.models import Network, Transformer
from priormix.predictors import Lasso, LeastSquares, Predictor
from priormix.training.stepper import Stepper

DIM, N_POINTS, SIZE, BATCH = 8, 24, (4, 4, 64), 64
NEAR = 0.02
DENSE = DenseLinear(dim=DIM)
CASES: dict[str, FunctionClass] = {
    "dense": DENSE,
    "dense and sparse": Mixture(components=(DENSE, SparseLinear(dim=DIM, nonzeros=2))),
}
# all else in the recipe are defaults
STEPS = {"dense": 700, "dense and sparse": 12_000}
NETWORK = Network(
    layout="examples",
    backbone=Transformer(layers=SIZE[0], heads=SIZE[1], width=SIZE[2], positions="none", attention="linear"),
)
QUERIES = 32
LEARNING_RATES = (5e-4, 1e-3, 2e-3, 4e-3)
TUNED_HORIZONS = (3.0, 6.0)
CLASSIC_HORIZON = 30.0
_STEPS_A_MARK = 50


def main() -> None:
    arguments = _arguments()
    machine = describe(torch.device("cpu"))
    print_machine(machine)
    results = [_case(case, arguments) for case in arguments.cases]
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "cases": results}, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="steps of ours, in place of each case's own")
    parser.add_argument("--jobs", type=int, default=2, help="seeds that run at once, one thread each")
    parser.add_argument(
        "--no-classic", action="store_true", help="leave out the classic reference, the longest"
    )
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    return parser.parse_args()


def _case(case: str, arguments: argparse.Namespace) -> dict[str, Any]:
    print(f"\n{case}: excess over exact Bayes of at most {NEAR}", flush=True)
    context = multiprocessing.get_context("spawn")
    with context.Pool(arguments.jobs, _one_thread, maxtasksperchild=1) as pool:
        steps = arguments.steps or STEPS[case]
        (first,) = pool.starmap(_ours, [(case, 0, steps)])
        if not first["near"]:
            return {
                "case": case,
                "sweep": [],
                **_without_references(case, first, steps, arguments.seeds, pool),
            }
        horizon = TUNED_HORIZONS[0] * first["seconds"]
        sweep = pool.starmap(_tuned, [(case, 0, rate, horizon) for rate in LEARNING_RATES])
        best = min(sweep, key=lambda run: run["excess"])["learning_rate"]
        print(f"  best learning rate of the tuned reference: {best:g}", flush=True)
        jobs = [(case, seed, steps, best, not arguments.no_classic) for seed in range(arguments.seeds)]
        seeds = pool.starmap(_seed, jobs, chunksize=1)
    result = {"case": case, "sweep": sweep, "seeds": seeds, "ratios": _ratios(seeds)}
    for name, ratio in result["ratios"].items():
        print(f"  {name}: {ratio['median']:.1f} times our time (median{ratio['bound']})", flush=True)
    return result


def _without_references(
    case: str, first: dict[str, Any], steps: int, n_seeds: int, pool: Any
) -> dict[str, Any]:
    others = pool.starmap(_ours, [(case, seed, steps) for seed in range(1, n_seeds)], chunksize=1)
    runs = [first, *others]
    seeds = [{"seed": seed, "ours": run, "references": {}} for seed, run in enumerate(runs)]
    excess = statistics.median(run["excess"] for run in runs)
    print(f"  no ratio: ours ended {excess:.4f} above exact Bayes (median)", flush=True)
    yardsticks = _yardsticks(case)
    for name, excess in yardsticks.items():
        print(f"  {name}: {excess:.4f}", flush=True)
    return {"seeds": seeds, "ratios": {}, "yardsticks": yardsticks}


def _yardsticks(case: str) -> dict[str, float]:
    """Excess of classical predictors on the held-out prompts, of which one is told the class of each."""
    held_out, optimum = _held_out(case)
    squares, lasso = (
        _squared_errors(predictor, held_out) for predictor in (LeastSquares(), Lasso(penalties=(1e-3,)))
    )
    found = {"least squares": float(squares.mean()) - optimum}
    if isinstance(CASES[case], Mixture):
        is_sparse = (held_out.component == 1)[:, None]
        told = torch.where(is_sparse, lasso, squares)
        found["least squares on dense prompts, Lasso on sparse ones"] = float(told.mean()) - optimum
    return found


def _held_out(case: str) -> tuple[Prompts, float]:
    """Prompts to measure on, and the mean squared error of exact Bayes on them."""
    prompts = CASES[case].sample(1024, N_POINTS, seed=1, role="held out")
    return prompts, float(_squared_errors(bayes(CASES[case]), prompts).mean())


def _squared_errors(predictor: Predictor, prompts: Prompts) -> torch.Tensor:
    return (predictor.predict(prompts.xs, prompts.ys).mean - prompts.values).square()


def _ratios(seeds: list[dict[str, Any]]) -> dict[str, Any]:
    """Median ratio to our time; a run that was stopped counts with the time at which it was."""
    ratios: dict[str, Any] = {}
    missed = sum(not seed["ours"]["near"] for seed in seeds)
    if missed:
        print(f"  no ratio: ours was not near for {missed} of {len(seeds)} seeds", flush=True)
        return ratios
    for name in seeds[0]["references"]:
        runs = [(seed["references"][name], seed["ours"]["seconds"]) for seed in seeds]
        stopped = sum(not run["near"] for run, _ in runs)
        ratios[name] = {
            "median": statistics.median(run["seconds"] / ours for run, ours in runs),
            "bound": f"; {stopped} of {len(runs)} were stopped before they were near" if stopped else "",
        }
    return ratios


def _one_thread() -> None:
    torch.set_num_threads(1)


def _seed(case: str, seed: int, steps: int, learning_rate: float, with_classic: bool) -> dict[str, Any]:
    ours = _ours(case, seed, steps)
    seconds = ours["seconds"]
    tuned = [_tuned(case, seed, learning_rate, horizon * seconds) for horizon in TUNED_HORIZONS]
    near = [run for run in tuned if run["near"]]
    references = {"tuned": min(near, key=lambda run: run["seconds"]) if near else tuned[-1]}
    if with_classic:
        references["classic"] = _classic(case, seed, CLASSIC_HORIZON * seconds)
    return {"seed": seed, "ours": ours, "references": references}


def _ours(case: str, seed: int, steps: int) -> dict[str, Any]:
    recipe = Recipe(
        mixture=CASES[case],
        n_points=N_POINTS,
        queries=QUERIES,
        network=NETWORK,
        steps=steps,
        batch=BATCH,
        seed=seed,
    )
    stepper = Stepper(recipe, torch.device("cpu"))
    run = _timed(stepper.step, stepper.network, case, recipe.steps)
    return _told(f"ours, seed {seed}", run)


def _tuned(case: str, seed: int, learning_rate: float, horizon: float) -> dict[str, Any]:
    from references import Tuned

    def tuned_for(steps: int) -> Tuned:
        return Tuned(CASES[case], N_POINTS, SIZE, BATCH, learning_rate, steps, seed)

    trial = tuned_for(100)
    trial.step(0)
    started = time.perf_counter()
    for step in range(20):
        trial.step(step)
    steps = int(horizon / (time.perf_counter() - started) * 20)
    tuned = tuned_for(steps)
    run = _timed(tuned.step, tuned.network, case, steps, horizon)
    run |= {"learning_rate": learning_rate, "horizon": horizon}
    return _told(f"tuned, seed {seed}, learning rate {learning_rate:g}, ends at {horizon:.0f} s", run)


def _classic(case: str, seed: int, horizon: float) -> dict[str, Any]:
    from references import Classic

    torch.manual_seed(seed)
    classic = Classic(CASES[case], N_POINTS, SIZE, BATCH)
    run = _timed(classic.step, classic.network, case, None, horizon)
    return _told(f"classic, seed {seed}", run)


def _timed(
    step: Callable[[int], Any],
    network: torch.nn.Module,
    case: str,
    steps: int | None,
    horizon: float = float("inf"),
) -> dict[str, Any]:
    """Take steps until the network is near, the steps are done or the time is over."""
    held_out, optimum = _held_out(case)
    seconds, done = 0.0, 0
    curve: list[tuple[float, float]] = []
    while True:
        started = time.perf_counter()
        for number in range(done, done + _STEPS_A_MARK):
            step(number)
        done += _STEPS_A_MARK
        seconds += time.perf_counter() - started
        with torch.no_grad():
            predicted = network(held_out.xs, held_out.ys)
        excess = float((predicted - held_out.values).square().mean()) - optimum
        curve.append((round(seconds, 2), round(excess, 5)))
        near = excess <= NEAR
        if near or seconds >= horizon or (steps is not None and done >= steps):
            return {"near": near, "seconds": seconds, "excess": excess, "steps": done, "curve": curve}


def _told(name: str, run: dict[str, Any]) -> dict[str, Any]:
    state = "near" if run["near"] else "not near"
    taken = f"{run['seconds']:.0f} s and {run['steps']} steps"
    print(f"  {name}: {state} after {taken}, excess {run['excess']:.4f}", flush=True)
    return run


if __name__ == "__main__":
    main()
