"""How fast the classical predictors are beside loops over scikit-learn, and whether they agree.

`priormix bench evaluate`: 1,000 prompts, d = 20, T = 41, all prefixes, noise-free dense linear functions.
Each predictor and its loop run in turn on the same prompts; the loop is timed once, ours is the median.
"""

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import describe, print_machine
from sklearn.linear_model import Lasso as SklearnLasso
from sklearn.linear_model import LinearRegression
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.neighbors import KNeighborsRegressor

from priormix import DenseLinear, Mixture, SparseLinear, bayes
from priormix.predictors import GradientDescentNetwork, KNearestNeighbours, Lasso, LeastSquares, Ridge

DIM, N_POINTS = 20, 41
PENALTY = 0.1
# coordinate descent that is not done by then is not compared with
_SWEEPS = 100_000
Array = np.ndarray[Any, Any]
OURS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "least squares": lambda xs, ys: LeastSquares().predict(xs, ys).mean,
    "ridge": lambda xs, ys: Ridge(penalty=PENALTY).predict(xs, ys).mean,
    "lasso": lambda xs, ys: Lasso(penalties=(PENALTY,)).predict_path(xs, ys)[0],
    "3 nearest neighbours": lambda xs, ys: KNearestNeighbours().predict(xs, ys).mean,
}
THEIRS: dict[str, Callable[[int], Any]] = {
    "least squares": lambda n: LinearRegression(fit_intercept=False),
    "ridge": lambda n: SklearnRidge(alpha=PENALTY, fit_intercept=False),
    "lasso": lambda n: SklearnLasso(alpha=PENALTY, fit_intercept=False, tol=1e-10, max_iter=_SWEEPS),
    "3 nearest neighbours": lambda n: KNeighborsRegressor(min(3, n)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    arguments = parser.parse_args()
    machine = describe(torch.device("cpu"))
    print_machine(machine)
    prompts = DenseLinear(dim=DIM).sample(arguments.prompts, N_POINTS, dtype=torch.float64)
    rows = [_compared(name, prompts.xs, prompts.ys, arguments.repeats) for name in OURS]
    together = sum(row["loop_seconds"] for row in rows) / sum(row["seconds"] for row in rows)
    print(f"all four together: {together:,.0f} times as fast as the loops")
    others = _without_reference(prompts.xs, prompts.ys)
    if arguments.json:
        result = {
            "machine": machine,
            "prompts": arguments.prompts,
            "compared": rows,
            "ratio": together,
            "others": others,
        }
        arguments.json.write_text(json.dumps(result, indent=2))


def _compared(name: str, xs: torch.Tensor, ys: torch.Tensor, repeats: int) -> dict[str, Any]:
    seconds, mean = _timed(lambda: OURS[name](xs, ys), repeats)
    started = time.perf_counter()
    looped, converged = _loop(THEIRS[name], xs.numpy(), ys.numpy())
    loop_seconds = time.perf_counter() - started
    difference = float((mean - torch.from_numpy(looped))[torch.from_numpy(converged)].abs().max())
    unfinished = int((~converged).sum())
    ratio = f"{loop_seconds / seconds:,.0f} times as fast, largest difference {difference:.1e}"
    if unfinished:
        ratio += f" ({unfinished} fits of the loop did not converge)"
    print(f"{name:22} {seconds:8.3f} s, scikit-learn's loop {loop_seconds:7.1f} s: {ratio}", flush=True)
    return {"name": name, "seconds": seconds, "loop_seconds": loop_seconds, "largest_difference": difference}


def _loop(estimator: Callable[[int], Any], xs: Array, ys: Array) -> tuple[Array, Array]:
    """Predictions of every prefix, and which of them come from a fit that converged; both (B, T)."""
    predicted, converged = np.zeros_like(ys), np.ones(ys.shape, dtype=bool)
    with warnings.catch_warnings():
        # fits that did not converge are counted
        warnings.simplefilter("ignore")
        for b in range(len(xs)):
            for t in range(1, xs.shape[1]):
                fitted = estimator(t).fit(xs[b, :t], ys[b, :t])
                predicted[b, t] = fitted.predict(xs[b, t : t + 1])[0]
                converged[b, t] = getattr(fitted, "n_iter_", None) != _SWEEPS
    return predicted, converged


def _without_reference(xs: torch.Tensor, ys: torch.Tensor) -> list[dict[str, Any]]:
    """Predictors that scikit-learn has no counterpart of."""
    dense, sparse = DenseLinear(dim=DIM), SparseLinear(dim=DIM, nonzeros=2)
    predictors = {
        "exact Bayes, dense": bayes(dense),
        "exact Bayes, dense + sparse(2)": bayes(Mixture(components=(dense, sparse))),
        "gradient-descent network": GradientDescentNetwork(),
    }
    rows = []
    for name, predictor in predictors.items():
        few = 10 if name.startswith("gradient") else len(xs)
        seconds, _ = _timed(lambda p=predictor, n=few: p.predict(xs[:n], ys[:n]), 1)
        print(f"{name:32} {few / seconds:10,.0f} prompts/s")
        rows.append({"name": name, "prompts_per_second": few / seconds})
    return rows


def _timed(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), result


if __name__ == "__main__":
    main()
