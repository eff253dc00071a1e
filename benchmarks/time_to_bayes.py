"""Wall-clock time until a model is near exact Bayes, beside the classic recipe and a tuned one.

`priormix bench time-to-bayes`: 8 dimensions, 24 points. The references are networks of 4 layers, 4 heads, 64
wide; so is our `transformer`, which reads examples and has linear attention. Our `axial` network has 4 layers
and 4 heads too, and 32 features for every cell. A model is near when its mean squared error, averaged over
all prefixes of 1,024 held-out prompts, is at most 0.02 above that of exact Bayes. Every run has a process of
its own with one thread; measuring is left out of the time.

First ours run, until they are near. The tuned reference then sweeps its learning rate, and its cosine ends
at 3, then at 6 times our time, of which the better counts; the classic one is stopped at 30 times our time.
Our time is that of the slowest of our networks that is near for every seed. Where none is, there is no time
to compare with: the distances of two classical predictors are printed beside ours.

The half-half case takes hours. With `--keep FOLDER` every run that ends leaves a file there, and the same
command goes on from those files, on the same processor.
"""

import argparse
import hashlib
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import torch
from machine import describe, print_machine

from priormix import DenseLinear, FunctionClass, Mixture, Prompts, Recipe, SparseLinear, bayes
from priormix.files import write_atomically
from priormix.models import Axial, Network, Transformer
from priormix.optimisation import Curriculum, Ramp
from priormix.predictors import Lasso, LeastSquares, Predictor
from priormix.training.stepper import Stepper

Run = dict[str, Any]

DIM, N_POINTS, SIZE, BATCH = 8, 24, (4, 4, 64), 64
NEAR = 0.02
DENSE = DenseLinear(dim=DIM)
CASES: dict[str, FunctionClass] = {
    "dense": DENSE,
    "dense and sparse": Mixture(components=(DENSE, SparseLinear(dim=DIM, nonzeros=2))),
}
QUERIES = 32
LAYERS, HEADS, WIDTH = SIZE
# all else in the recipes are defaults
OURS: dict[str, dict[str, Any]] = {
    "transformer": {
        "network": Network(
            layout="examples",
            backbone=Transformer(
                layers=LAYERS, heads=HEADS, width=WIDTH, positions="none", attention="linear"
            ),
        ),
        "batch": BATCH,
    },
    "axial": {
        "network": Network(layout="cells", backbone=Axial(layers=LAYERS, heads=HEADS, width=32)),
        "batch": 16,
        # its matrices are too small for bfloat16
        "precision": "float32",
    },
}
STEPS = {
    ("dense", "transformer"): 700,
    ("dense", "axial"): 300,
    ("dense and sparse", "transformer"): 12_000,
    ("dense and sparse", "axial"): 12_000,
}
# the axial network reads the first points alone for most of its steps
SHORT, SHARE_OF_SHORT = 12, 0.8
LEARNING_RATES = (5e-4, 1e-3, 2e-3, 4e-3)
TUNED_HORIZONS = (3.0, 6.0)
CLASSIC_HORIZON = 30.0
REFERENCES = ("tuned", "classic")
# prompts that are measured at once, which bounds the memory
_CHUNK = 256
# ours are looked at so many times, or every 50 steps where that is less often, as the references are
_MARKS, _STEPS_A_MARK = 60, 50


def main() -> None:
    arguments = _arguments()
    machine = describe(torch.device("cpu"))
    print_machine(machine)
    context = multiprocessing.get_context("spawn")
    with context.Pool(arguments.jobs, _one_thread, maxtasksperchild=1) as pool:
        runs = _Runs(pool, arguments.keep, machine["device"])
        results = [_case(case, arguments, runs.at_once) for case in arguments.cases]
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "cases": results}, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--networks", nargs="+", choices=list(OURS), default=list(OURS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="steps of ours, in place of each network's own")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once, one thread each")
    parser.add_argument(
        "--references", nargs="*", choices=REFERENCES, default=REFERENCES, help="none where none is named"
    )
    parser.add_argument("--keep", type=Path, help="a folder for runs that ended, from which to go on")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    return parser.parse_args()


class _Runs:
    """Runs in a pool of processes; what an earlier call kept is not run again."""

    def __init__(self, pool: Pool, kept_in: Path | None, device: str) -> None:
        self._pool, self._kept_in = pool, kept_in
        # another processor, version or benchmark gives numbers that cannot be compared
        here = Path(__file__).parent
        sources = [(here / name).read_text() for name in ("time_to_bayes.py", "references.py")]
        self._conditions = [device, version("priormix"), *sources]
        if kept_in:
            kept_in.mkdir(parents=True, exist_ok=True)

    def at_once(self, run: Callable[..., Run], jobs: list[tuple[Any, ...]]) -> list[Run]:
        """What the run returns for every job, in their order."""
        return self._pool.starmap(_once, [(self._file(run, job), run, job) for job in jobs], chunksize=1)

    def _file(self, run: Callable[..., Run], job: tuple[Any, ...]) -> Path | None:
        if self._kept_in is None:
            return None
        name = run.__name__.strip("_")
        address = hashlib.sha256(json.dumps([self._conditions, name, job]).encode()).hexdigest()[:12]
        return self._kept_in / f"{name}-{address}.json"


def _once(file: Path | None, run: Callable[..., Run], job: tuple[Any, ...]) -> Run:
    if file and file.exists():
        print(f"  kept from before: {run.__name__.strip('_')} {job}", flush=True)
        kept: Run = json.loads(file.read_text())
        return kept
    result = run(*job)
    if file:
        write_atomically(file, json.dumps(result).encode())
    return result


def _case(
    case: str,
    arguments: argparse.Namespace,
    at_once: Callable[[Callable[..., Run], list[tuple[Any, ...]]], list[Run]],
) -> dict[str, Any]:
    print(f"\n{case}: excess over exact Bayes of at most {NEAR}", flush=True)
    seeds = range(arguments.seeds)
    ours = {
        name: at_once(_ours, [(case, name, seed, arguments.steps or STEPS[case, name]) for seed in seeds])
        for name in arguments.networks
    }
    near = {name: runs for name, runs in ours.items() if all(run["near"] for run in runs)}
    result = {"case": case, "ours": ours, "sweep": [], "references": {}, "ratios": {}}
    if not near:
        return result | {"yardsticks": _yardsticks(case)}
    seconds = [max(runs[seed]["seconds"] for runs in near.values()) for seed in seeds]
    sweep, references = [], {}
    if "tuned" in arguments.references:
        horizon = TUNED_HORIZONS[0] * seconds[0]
        sweep = at_once(_tuned, [(case, 0, rate, horizon) for rate in LEARNING_RATES])
        best = min(sweep, key=lambda run: run["excess"])["learning_rate"]
        print(f"  best learning rate of the tuned reference: {best:g}", flush=True)
        jobs = [(case, seed, best, seconds[seed]) for seed in seeds]
        references["tuned"] = at_once(_better_tuned, jobs)
    if "classic" in arguments.references:
        jobs = [(case, seed, CLASSIC_HORIZON * seconds[seed]) for seed in seeds]
        references["classic"] = at_once(_classic, jobs)
    ratios = {name: _ratios(name, runs, references) for name, runs in near.items()}
    return result | {"sweep": sweep, "references": references, "ratios": ratios}


def _yardsticks(case: str) -> dict[str, float]:
    """Print and return the excess of classical predictors, of which one is told the class of each prompt."""
    print("  no ratio: none of ours was near for every seed", flush=True)
    held_out, optimum = _held_out(case)
    squares, lasso = (
        _squared_errors(predictor, held_out) for predictor in (LeastSquares(), Lasso(penalties=(1e-3,)))
    )
    found = {"least squares": float(squares.mean()) - optimum}
    if isinstance(CASES[case], Mixture):
        is_sparse = (held_out.component == 1)[:, None]
        told = torch.where(is_sparse, lasso, squares)
        found["least squares on dense prompts, Lasso on sparse ones"] = float(told.mean()) - optimum
    for name, excess in found.items():
        print(f"  {name}: {excess:.4f}", flush=True)
    return found


def _held_out(case: str) -> tuple[Prompts, float]:
    """Prompts to measure on, and the mean squared error of exact Bayes on them."""
    prompts = CASES[case].sample(1024, N_POINTS, seed=1, role="held out")
    return prompts, float(_squared_errors(bayes(CASES[case]), prompts).mean())


def _squared_errors(predictor: Predictor, prompts: Prompts) -> torch.Tensor:
    return (predictor.predict(prompts.xs, prompts.ys).mean - prompts.values).square()


def _ratios(
    name: str, ours: list[dict[str, Any]], references: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    """Median ratio to our time; a run that was stopped counts with the time at which it was."""
    ratios: dict[str, Any] = {}
    for reference, runs in references.items():
        pairs = zip(runs, ours, strict=True)
        median = statistics.median(run["seconds"] / own["seconds"] for run, own in pairs)
        stopped = sum(not run["near"] for run in runs)
        ratios[reference] = {"median": median, "stopped": stopped}
        bound = f"; {stopped} of {len(runs)} were stopped before they were near" if stopped else ""
        print(f"  {reference}: {median:.1f} times the time of our {name} (median{bound})", flush=True)
    return ratios


def _one_thread() -> None:
    torch.set_num_threads(1)


def _ours(case: str, name: str, seed: int, steps: int) -> dict[str, Any]:
    recipe = Recipe(
        mixture=CASES[case],
        n_points=N_POINTS,
        queries=QUERIES,
        steps=steps,
        seed=seed,
        curriculum=_short_first(steps) if name == "axial" else None,
        **OURS[name],
    )
    stepper = Stepper(recipe, torch.device("cpu"))
    steps_a_mark = max(_STEPS_A_MARK, steps // _MARKS)
    run = _timed(stepper.step, stepper.network, case, recipe.steps, steps_a_mark=steps_a_mark)
    return _told(f"our {name}, seed {seed}", run | {"parameters": stepper.network.n_parameters})


def _short_first(steps: int) -> Curriculum:
    points = Ramp(
        start=SHORT, end=N_POINTS, increment=N_POINTS - SHORT, every=max(1, int(SHARE_OF_SHORT * steps))
    )
    return Curriculum(dims=Ramp(start=DIM, end=DIM, increment=0, every=1), points=points)


def _better_tuned(case: str, seed: int, learning_rate: float, seconds: float) -> dict[str, Any]:
    """The run that is near sooner, or the longer one where none is near."""
    runs = [_tuned(case, seed, learning_rate, horizon * seconds) for horizon in TUNED_HORIZONS]
    near = [run for run in runs if run["near"]]
    return min(near, key=lambda run: run["seconds"]) if near else runs[-1]


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
    steps_a_mark: int = _STEPS_A_MARK,
) -> dict[str, Any]:
    """Take steps until the network is near, the steps are done or the time is over."""
    held_out, optimum = _held_out(case)
    seconds, done = 0.0, 0
    curve: list[tuple[float, float]] = []
    while True:
        started = time.perf_counter()
        for number in range(done, done + steps_a_mark):
            step(number)
        done += steps_a_mark
        seconds += time.perf_counter() - started
        with torch.no_grad():
            parts = zip(held_out.xs.split(_CHUNK), held_out.ys.split(_CHUNK), strict=True)
            predicted = torch.cat([network(xs, ys) for xs, ys in parts])
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
