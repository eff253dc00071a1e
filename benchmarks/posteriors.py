"""Prompts a second of the exact posteriors, all prefixes: `python benchmarks/posteriors.py [--threads 2]`."""

import argparse
import time

import torch

from priormix import (
    Combination,
    DenseLinear,
    FunctionClass,
    GaussianProcess,
    Mixture,
    Sinusoid,
    SparseLinear,
    bayes,
)

LINE, WAVE = DenseLinear(dim=1), Sinusoid()
DENSE, SPARSE = DenseLinear(dim=20), SparseLinear(dim=20, nonzeros=2)
HALF = Combination(parts=(LINE, WAVE), weights=(0.5, 0.5))
BOTH = Mixture(components=(LINE, WAVE))
# what is predicted, prompts of which class, noise, points, prompts
CASES: list[tuple[str, FunctionClass, FunctionClass, float, int, int]] = [
    ("dense, d = 20", DENSE, DENSE, 0.0, 40, 2000),
    ("dense, d = 20, noise 0.3", DENSE, DENSE, 0.3, 40, 2000),
    ("sparse, d = 20, 2 nonzeros", SPARSE, SPARSE, 0.0, 40, 500),
    ("sparse, d = 20, 2 nonzeros, noise 0.3", SPARSE, SPARSE, 0.3, 40, 500),
    ("dense + sparse", Mixture(components=(DENSE, SPARSE)), SPARSE, 0.0, 40, 500),
    ("sinusoid", WAVE, WAVE, 0.0, 25, 500),
    ("sinusoid, on lines", WAVE, LINE, 0.0, 25, 200),
    ("half line + half sinusoid", HALF, HALF, 0.0, 25, 500),
    ("lines + sinusoids, on their combinations", BOTH, HALF, 0.0, 25, 200),
    ("lines + sinusoids, noise 0.1", BOTH, BOTH, 0.1, 25, 200),
    ("Gaussian process, d = 20", GaussianProcess(dim=20), GaussianProcess(dim=20), 0.0, 40, 2000),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="PyTorch's threads")
    parser.add_argument("--repeats", type=int, default=3, help="the best of so many is printed")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for name, predicted, drawn, noise_std, n_points, n_prompts in CASES:
        prompts = drawn.sample(n_prompts, n_points, noise_std=noise_std, dtype=torch.float64)
        predictor = bayes(predicted, noise_std=noise_std)
        seconds = []
        for _ in range(arguments.repeats):
            started = time.perf_counter()
            predictor.predict(prompts.xs, prompts.ys)
            seconds.append(time.perf_counter() - started)
        print(f"{name:42} T = {n_points}: {n_prompts / min(seconds):8,.0f} prompts/s", flush=True)


if __name__ == "__main__":
    main()
