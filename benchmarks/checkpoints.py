"""What checkpoints cost, as a share of training time: `python benchmarks/checkpoints.py [--threads 2]`.

For a small and for the study's largest network it prints how long one checkpoint takes to write, how large
it is, and the share of the time that this is at the default pace; then the same as measured in a whole run
that is saved ten times as often as by default.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from priormix import DenseLinear, Recipe
from priormix.models import Network, Transformer
from priormix.training import Pace
from priormix.training.checkpoints import Checkpoints
from priormix.training.pretraining import Pretraining
from priormix.training.saving import LARGEST_SHARE

SMALL = Network()
LARGE = Network(layout="interleaved", backbone=Transformer())
REPEATS = 5
MOST = 0.02


def recipe_of(network: Network, steps: int = 100) -> Recipe:
    """A recipe with that network on dense functions."""
    return Recipe(mixture=DenseLinear(dim=20), n_points=41, network=network, steps=steps, batch=8)


def seconds_a_checkpoint(network: Network, folder: Path) -> tuple[float, int]:
    """Median seconds to check and write a checkpoint after a step, and its bytes."""
    run = Pretraining(recipe_of(network), torch.device("cpu"))
    run.step()
    checkpoints = Checkpoints(folder, run.recipe)
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        assert run.usable()
        path = checkpoints.write(run.state())
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[REPEATS // 2], path.stat().st_size


def measured_share(network: Network, folder: Path, train_seconds: float, every: float) -> tuple[float, int]:
    """Share of a run of so many seconds that checkpoints at that distance take, and their number."""
    run = Pretraining(recipe_of(network, steps=10**6), torch.device("cpu"))
    checkpoints = Checkpoints(folder, run.recipe)
    writing, written = 0.0, 0
    started = last = time.perf_counter()
    while time.perf_counter() - started < train_seconds:
        run.step()
        if time.perf_counter() - last >= every:
            last = time.perf_counter()
            assert run.usable()
            checkpoints.write(run.state())
            writing += time.perf_counter() - last
            written += 1
    return writing / (time.perf_counter() - started), written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="PyTorch's threads")
    parser.add_argument("--seconds", type=float, default=60, help="length of the measured run")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    default = Pace().seconds
    with tempfile.TemporaryDirectory() as root:
        for name, network in (("4 layers, width 64", SMALL), ("12 layers, width 256", LARGE)):
            folder = Path(root) / name
            seconds, size = seconds_a_checkpoint(network, folder)
            pace = max(default, seconds / LARGEST_SHARE)
            share = seconds / (pace + seconds)
            print(
                f"{name:22} {size / 1e6:6.1f} MB   {seconds:.3f} s a checkpoint, one every {pace:.0f} s: "
                f"{share:.2%} of the time{'' if share <= MOST else '   TOO MUCH'}",
                flush=True,
            )
        often = default / 10
        share, written = measured_share(SMALL, Path(root) / "run", arguments.seconds, often)
        print(
            f"measured with one every {often:.0f} s ({written} in {arguments.seconds:.0f} s): {share:.2%} of "
            f"the time, so {share / 10:.3%} at the default of {default:.0f} s"
        )


if __name__ == "__main__":
    main()
