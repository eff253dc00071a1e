"""Posteriors by Monte Carlo with Pyro, to which `bayes` is held.

The function classes are written again, as Pyro programs, from the definitions in their docstrings. Nothing
is solved or integrated here: a posterior is a set of functions that Pyro drew, weighted by the labels or
walked through by NUTS. Every prefix of every prompt is worked out by itself, and every number comes with
its standard error.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from math import pi

import pyro
import torch
from pyro.distributions import Categorical, Gamma, Normal
from pyro.infer import MCMC, NUTS
from pyro.infer.importance import vectorized_importance_weights
from pyro.ops.stats import effective_sample_size
from torch import Tensor

from priormix.predictors import Prediction

# functions drawn at a time
_CHUNK = 250_000


@dataclass(frozen=True)
class Drawn:
    """Functions at T points, values (..., T), and the class that each comes from, component (...)."""

    values: Tensor
    component: Tensor


# model(xs, name): functions at the points xs (..., T, D), as many as the plates around it ask for, from
# sites whose names start with `name`
Model = Callable[[Tensor, str], Drawn]


def dense_linear(dim: int) -> Model:
    def draw(xs: Tensor, name: str) -> Drawn:
        beta = pyro.sample(f"{name}.beta", _standard_normal(dim))
        return _one_class(_products(xs, beta) / dim**0.5)

    return draw


def sparse_linear(dim: int, nonzeros: int) -> Model:
    supports = torch.tensor(list(combinations(range(dim), nonzeros)))

    def draw(xs: Tensor, name: str) -> Drawn:
        support = pyro.sample(f"{name}.support", Categorical(_double(torch.ones(len(supports)))))
        beta = pyro.sample(f"{name}.beta", _standard_normal(nonzeros))
        coefficients = beta.new_zeros(*support.shape, dim).scatter(-1, supports[support], beta)
        return _one_class(_products(xs, coefficients) / nonzeros**0.5)

    return draw


def sinusoid(shape: float = 6.0, scale: float = 1 / 6) -> Model:
    def draw(xs: Tensor, name: str) -> Drawn:
        frequency = pyro.sample(f"{name}.frequency", Gamma(_double(shape), rate=_double(1 / scale)))
        beta = pyro.sample(f"{name}.beta", _standard_normal(1))
        return _one_class(beta * torch.cos(2 * pi * frequency[..., None] * xs[..., 0]))

    return draw


def relu_network(dim: int, width: int) -> Model:
    def draw(xs: Tensor, name: str) -> Drawn:
        entries = Normal(_double(0), _double(2) ** 0.5).expand([width, dim])
        hidden = pyro.sample(f"{name}.hidden", entries.to_event(2))
        beta = pyro.sample(f"{name}.beta", _standard_normal(width))
        units = torch.relu(torch.einsum("...td,...hd->...th", xs, hidden))
        return _one_class(_products(units, beta) / (dim * width) ** 0.5)

    return draw


def gaussian_process(length_scale: float, variance: float) -> Model:
    def draw(xs: Tensor, name: str) -> Drawn:
        square = (xs[..., :, None, :] - xs[..., None, :, :]).square().sum(-1)
        covariance = variance * torch.exp(-square / (2 * length_scale**2))
        root = torch.linalg.cholesky(covariance + 1e-10 * torch.eye(xs.shape[-2], dtype=xs.dtype))
        # a whitened normal, as NUTS wants it
        return _one_class(_products(root, pyro.sample(f"{name}.white", _standard_normal(xs.shape[-2]))))

    return draw


def mixture(weights: list[float], parts: list[Model], n_components: list[int] | None = None) -> Model:
    """Components are numbered from left to right; part i has n_components[i] of them, 1 unless given."""
    counts = n_components or [1] * len(parts)

    def draw(xs: Tensor, name: str) -> Drawn:
        chosen = pyro.sample(f"{name}.chosen", Categorical(_double(weights)))
        values, component = torch.zeros_like(xs[..., 0]), torch.zeros_like(chosen)
        for i, part in enumerate(parts):
            drawn = part(xs, f"{name}.{i}")
            values = torch.where(chosen[..., None] == i, drawn.values, values)
            component = torch.where(chosen == i, drawn.component + sum(counts[:i]), component)
        return Drawn(values, component)

    return draw


def combination(weights: list[float], parts: list[Model]) -> Model:
    def draw(xs: Tensor, name: str) -> Drawn:
        numbered = enumerate(zip(weights, parts, strict=True))
        return _one_class(sum(weight * part(xs, f"{name}.{i}").values for i, (weight, part) in numbered))

    return draw


def _products(xs: Tensor, coefficients: Tensor) -> Tensor:
    return torch.einsum("...td,...d->...t", xs, coefficients)


def _double(value: float | list[float] | Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def _standard_normal(n: int) -> Normal:
    return Normal(_double(0), _double(1)).expand([n]).to_event(1)


def _one_class(values: Tensor) -> Drawn:
    return Drawn(values, torch.zeros(values.shape[:-1], dtype=torch.long))


@dataclass(frozen=True)
class Case:
    """B prompts of T labels with noise, drawn from the model, and how many functions estimate each prefix."""

    model: Model
    dim: int
    n_components: int = 1
    n_prompts: int = 4
    n_points: int = 5
    noise_std: float = 0.3
    seed: int = 0
    n_draws: int = 1_000_000

    def prompts(self) -> tuple[Tensor, Tensor]:
        """The inputs xs (B, T, D), standard normal, and the labels ys (B, T)."""
        with _seeded(self.seed):
            shape = (self.n_prompts, self.n_points, self.dim)
            xs = pyro.sample("xs", Normal(_double(0), _double(1)).expand(shape))
            values = torch.stack([self.model(x, "f").values for x in xs])
            return xs, pyro.sample("ys", Normal(values, self.noise_std))


@dataclass(frozen=True)
class Estimate:
    """Mean and variance of f(x_t), density of y_t and class probabilities, (B, T, 3 + C), and their errors.

    The last dimension holds the parts in the order of `Prediction`. `size` (B, T) is the effective number
    of independent functions behind them.
    """

    value: Tensor
    error: Tensor
    size: Tensor

    def deviations(self, prediction: Prediction) -> Tensor:
        """By how many standard errors a prediction is off, (B, T, 3 + C)."""
        off = _stacked(prediction) - self.value
        # what is certain, such as the one class that there is, has no error
        return torch.where(off.abs() < 1e-12, 0.0, off / self.error)


def _stacked(prediction: Prediction) -> Tensor:
    assert prediction.variance is not None
    assert prediction.log_density is not None
    assert prediction.log_component is not None
    parts = [prediction.mean, prediction.variance, prediction.log_density.exp()]
    return torch.cat([torch.stack(parts, -1), prediction.log_component.exp()], -1)


def by_importance(case: Case, repeat: int = 0) -> Estimate:
    """Functions from the prior, weighted by the labels before x_t: Pyro's importance sampling.

    Another `repeat` draws other functions for the same prompts.

    The error of Σ w g / Σ w is √(Σ w² (g − mean)²) / Σ w, by the delta method.
    """
    xs, ys = case.prompts()
    with _seeded(1000 * case.seed + repeat + 1):
        found = [
            [_weighted(case, x, y, t) for t in range(case.n_points)] for x, y in zip(xs, ys, strict=True)
        ]
    return _collected(found)


def _weighted(case: Case, x: Tensor, y: Tensor, t: int) -> tuple[Tensor, Tensor, Tensor]:
    n = min(case.n_draws, _CHUNK)
    chunks = [_draw(case, x, y[:t], n) for _ in range(case.n_draws // n)]
    log_weights = torch.cat([log for log, _ in chunks])
    values = torch.cat([drawn.values[:, t] for _, drawn in chunks])
    component = torch.cat([drawn.component for _, drawn in chunks])
    weights = torch.softmax(log_weights, 0)[:, None]
    told = _told(case, values, component, y[t], weights)
    mean = (weights * told).sum(0)
    error = (weights * (told - mean)).square().sum(0).sqrt()
    return mean, error, 1 / weights.square().sum()


def _draw(case: Case, x: Tensor, y: Tensor, n: int) -> tuple[Tensor, Drawn]:
    def joint() -> Drawn:
        drawn = case.model(x, "f")
        if len(y):
            pyro.sample("ys", Normal(drawn.values[..., : len(y)], case.noise_std).to_event(1), obs=y)
        return drawn

    prior = pyro.poutine.block(joint, hide_types=["observe"])
    log_weights, trace, _ = vectorized_importance_weights(joint, prior, num_samples=n, max_plate_nesting=0)
    return torch.as_tensor(log_weights).expand(n), trace.nodes["_RETURN"]["value"]


def _told(case: Case, values: Tensor, component: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """What each function says of a point, (n, 3 + C): its average is what a `Prediction` says."""
    mean = (weights[:, 0] * values).sum()
    density = Normal(values, case.noise_std).log_prob(y).exp()
    parts = torch.stack([values, (values - mean).square(), density], 1)
    return torch.cat([parts, torch.nn.functional.one_hot(component, case.n_components)], 1)


def by_nuts(case: Case, n_warmup: int = 300) -> Estimate:
    """Functions that Pyro's No-U-Turn sampler walks through, for all prefixes of all prompts at once.

    The error is the standard deviation over the root of the effective sample size, which antithetic
    steps are not allowed to make larger than the number of steps.
    """
    xs, ys = case.prompts()
    n_rows, steps = case.n_prompts * case.n_points, case.n_points
    rows = xs.repeat_interleave(steps, 0)
    labels = ys.repeat_interleave(steps, 0)
    # row by row, how many labels are known: 0 … T − 1 for each prompt
    count = torch.arange(steps).repeat(case.n_prompts)
    known = torch.arange(steps) < count[:, None]

    def joint() -> None:
        with pyro.plate("rows", n_rows):
            values = pyro.deterministic("values", case.model(rows, "f").values, event_dim=1)
            pyro.sample("ys", Normal(values, case.noise_std).mask(known).to_event(1), obs=labels)

    with _seeded(case.seed + 1):
        chain = MCMC(NUTS(joint), case.n_draws, warmup_steps=n_warmup, disable_progbar=True)
        chain.run()
        sites = chain.get_samples()
        walked = torch.stack([_replayed(joint, sites, i) for i in range(case.n_draws)])
    found = [
        [_walked(case, walked[:, b * steps + t, t], ys[b, t]) for t in range(steps)]
        for b in range(case.n_prompts)
    ]
    return _collected(found)


def _replayed(joint: Callable[[], None], sites: dict[str, Tensor], i: int) -> Tensor:
    """The values of the functions that step i of the chain stands at."""
    data = {name: site[i] for name, site in sites.items()}
    trace = pyro.poutine.trace(pyro.poutine.condition(joint, data=data)).get_trace()
    return trace.nodes["values"]["value"]


def _walked(case: Case, values: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    n = len(values)
    told = _told(case, values, torch.zeros(n, dtype=torch.long), y, torch.full((n, 1), 1 / n))
    size = effective_sample_size(told[None, :, :3])
    # where steps are antithetic the estimate of the size passes through infinity to negative numbers
    size = torch.where(size > 0, size, n).clamp(max=n)
    error = told.std(0)
    error[:3] /= size.sqrt()
    return told.mean(0), error, size.min()


def _collected(found: list[list[tuple[Tensor, Tensor, Tensor]]]) -> Estimate:
    parts = ([[point[i] for point in prompt] for prompt in found] for i in range(3))
    value, error, size = (torch.stack([torch.stack(row) for row in part]) for part in parts)
    return Estimate(value, error, size)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed Pyro, which takes torch's global generator, and put that back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
