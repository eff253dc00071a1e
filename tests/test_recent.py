"""Posteriors of sinusoids are worked out once for the mixture and the class alone, and never mistaken."""

import pytest
import torch

from priormix.functions import DenseLinear, Mixture, Sinusoid
from priormix.posterior import bayes, frequency
from priormix.posterior.recent import Recent


@pytest.fixture
def counted(monkeypatch):
    """The numbers of prompts whose posteriors were worked out, call by call, from an empty memory on."""
    found, calls = frequency.FrequencyPosterior._found, []

    def counting(self, xs, ys, tolerance):
        calls.append(len(xs))
        return found(self, xs, ys, tolerance)

    monkeypatch.setattr(frequency, "_RECENT", Recent(size=8))
    monkeypatch.setattr(frequency.FrequencyPosterior, "_found", counting)
    return calls


def prompts_of(noise_std=0.0, seed=0):
    return Sinusoid().sample(6, 5, noise_std=noise_std, seed=seed, dtype=torch.float64)


def test_a_mixture_and_its_sinusoids_share_the_work(counted):
    prompts, alone = prompts_of(), bayes(Sinusoid())
    mixture = bayes(Mixture(components=(DenseLinear(dim=1), Sinusoid())))
    first = alone.predict(prompts.xs, prompts.ys)
    mixture.predict(prompts.xs, prompts.ys)
    again = alone.predict(prompts.xs, prompts.ys)
    assert counted == [6]
    assert torch.equal(first.mean, again.mean)
    assert torch.equal(first.log_density, again.log_density)


@pytest.mark.parametrize(
    ("functions", "noise_std"),
    [(Sinusoid(), 0.2), (Sinusoid(), 0.3), (Sinusoid(shape=5.0), 0.0), (Sinusoid(scale=0.2), 0.0)],
)
def test_another_prior_or_noise_is_worked_out_by_itself(counted, functions, noise_std):
    prompts = prompts_of()
    bayes(Sinusoid()).predict(prompts.xs, prompts.ys)
    bayes(functions, noise_std=noise_std).predict(prompts.xs, prompts.ys)
    assert counted == [6, 6]


def test_other_prompts_are_worked_out_by_themselves(counted):
    alone = bayes(Sinusoid())
    for prompts in (prompts_of(), prompts_of(seed=1)):
        alone.predict(prompts.xs, prompts.ys)
    alone.predict(prompts.xs, prompts.ys[:, :1].expand(-1, 5))
    alone.predict(prompts.xs[:, :4], prompts.ys[:, :4])
    alone.predict(prompts.xs.float(), prompts.ys.float())
    assert counted == [6] * 5


def test_prompts_that_were_written_into_are_not_taken_for_what_they_were(counted):
    prompts, alone = prompts_of(), bayes(Sinusoid())
    before = alone.predict(prompts.xs, prompts.ys).mean
    prompts.ys[:, 0] += 1
    after = alone.predict(prompts.xs, prompts.ys).mean
    assert counted == [6, 6]
    assert not torch.allclose(before, after)


def test_the_oldest_is_forgotten_first(counted):
    alone = bayes(Sinusoid())
    for seed in (*range(9), 0):
        prompts = prompts_of(seed=seed)
        alone.predict(prompts.xs, prompts.ys)
    assert len(counted) == 10
