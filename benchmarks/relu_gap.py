"""How far near_bayes is from exact Bayes on small ReLU networks, by importance sampling from the prior.

`python benchmarks/relu_gap.py [--draws 1000000]` prints, for each dimension, width and number of
examples, the excess mean squared error of `near_bayes` over the exact posterior mean. Two independent
halves of the draws estimate that mean; the product of their distances from `near_bayes` estimates the
squared distance without bias.
"""

import argparse

import torch
from torch import Tensor

from priormix import ReluNetwork, near_bayes
from priormix.streams import generator

NOISE, N_POINTS = 0.3, 6
# fewer prompts where each takes longer
PROMPTS = {5: 300, 20: 300, 100: 80}
NUMBERS_AT_ONCE = 400_000


def posterior_means(networks: ReluNetwork, xs: Tensor, ys: Tensor, draws: int) -> tuple[Tensor, Tensor]:
    """Two estimates of E[f(x_t) | the labels before t], (2, B, T), and the effective sample size, (B, T)."""
    batch, points, dim = xs.shape
    chunk = max(1, NUMBERS_AT_ONCE // (networks.width * points))
    weight, weighted, squares = torch.zeros(3, 2, batch, points, dtype=torch.float64)
    for number in range(max(2, draws // chunk)):
        drawn = networks.draw(chunk, generator(1, "importance", number))
        hidden = drawn.hidden.reshape(-1, dim).T
        for row in range(batch):
            values = torch.einsum(
                "tnh,nh->tn", (xs[row] @ hidden).relu().view(points, chunk, -1), drawn.output
            ).double()
            fit = -(values - ys[row, :, None]).square() / (2 * NOISE**2)
            likelihood = torch.cat([torch.zeros_like(fit[:1]), fit[:-1].cumsum(0)]).exp()
            half = number % 2
            weight[half, row] += likelihood.sum(1)
            weighted[half, row] += (likelihood * values).sum(1)
            squares[half, row] += likelihood.square().sum(1)
    return weighted / weight, weight.sum(0).square() / squares.sum(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1_000_000)
    draws = parser.parse_args().draws
    for dim in (1, 2):
        for width, n_prompts in PROMPTS.items():
            networks = ReluNetwork(dim=dim, width=width)
            prompts = networks.sample(n_prompts, N_POINTS, noise_std=NOISE, seed=3)
            near = (
                near_bayes(networks, noise_std=NOISE).predict(prompts.xs.double(), prompts.ys.double()).mean
            )
            (one, two), size = posterior_means(networks, prompts.xs, prompts.ys, draws)
            excess = (near - one) * (near - two)
            error = ((one + two) / 2 - prompts.values).square()
            for t in (3, 5):
                spread = float(excess[:, t].std()) / n_prompts**0.5
                parts = (
                    f"dim {dim}, width {width}, {t} examples",
                    f"excess {excess[:, t].mean():.6f} ± {spread:.6f}",
                    f"exact {error[:, t].mean():.4f}",
                    f"least effective sample size {size[:, t].min():.0f}",
                )
                print(", ".join(parts), flush=True)


if __name__ == "__main__":
    main()
