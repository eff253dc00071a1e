"""Random streams: a key names its numbers, and nothing else does."""

import torch

from priormix.functions import DenseLinear, Mixture, SparseLinear
from priormix.streams import generator


def draw(*key, n=8):
    return torch.randn(n, generator=generator(*key))


def test_the_same_key_gives_the_same_numbers():
    assert torch.equal(draw(3, "train", 17), draw(3, "train", 17))


def test_seed_role_and_step_each_matter():
    base = draw(0, "train", 0)
    for other in (draw(1, "train", 0), draw(0, "evaluation", 0), draw(0, "train", 1)):
        assert not torch.equal(base, other)


def test_no_two_steps_share_the_32_bits_that_the_cpu_generator_reads():
    seeds = {generator(0, "train", step).initial_seed() & 0xFFFFFFFF for step in range(50_000)}
    assert len(seeds) == 50_000


def test_neighbouring_steps_are_uncorrelated():
    batches = torch.stack([draw(0, "train", step, n=2000) for step in range(20)])
    correlations = torch.corrcoef(batches) - torch.eye(20)
    assert correlations.abs().max() < 5 / 2000**0.5


def test_drawing_leaves_torchs_own_random_state_alone():
    before = torch.random.get_rng_state()
    DenseLinear(dim=3).sample(5, 4)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_batch_depends_on_nothing_that_ran_before_it():
    mixture = Mixture(components=(DenseLinear(dim=4), SparseLinear(dim=4)))
    late = mixture.sample(16, 5, seed=1, role="train", step=1000)
    for step in range(3):
        mixture.sample(16, 5, seed=1, role="train", step=step)
    again = mixture.sample(16, 5, seed=1, role="train", step=1000)
    assert torch.equal(late.xs, again.xs)
    assert torch.equal(late.ys, again.ys)


def test_functions_do_not_depend_on_the_number_of_points_or_the_noise():
    short = DenseLinear(dim=3).sample(6, 4, seed=2)
    noisy = DenseLinear(dim=3).sample(6, 4, seed=2, noise_std=0.5)
    assert torch.equal(short.values, noisy.values)
    assert not torch.equal(noisy.ys, noisy.values)
