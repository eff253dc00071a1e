"""Which class a predictor believes in, and what not knowing the class costs it."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from priormix.measure.evaluation import Evaluation
from priormix.measure.intervals import Estimate, mean_over_prompts
from priormix.streams import generator as stream

# classes whose predictions differ by less, in root mean square relative to f, are not told apart
_SAME = 1e-5
_RESAMPLES = 400


def posterior_weights(evaluation: Evaluation, name: str) -> Estimate:
    """Mean posterior probability of each component before y_t is seen, (T, C); `name` is a Bayes mixture."""
    return mean_over_prompts(evaluation.log_component[name].exp())


def implied_weights(evaluation: Evaluation, name: str, classes: Sequence[str]) -> Estimate:
    """The weights with which `name` seems to average the predictors of single classes, (T, C).

    They are those that sum to 1 and bring the average of the C `classes` nearest to the predictions of
    `name` in mean square over the prompts: for two classes the slope of a regression through the origin.
    NaN where the classes' predictions coincide, as they do before the first example.
    """
    return mean_over_prompts(_implied(evaluation, name, classes))


def weight_gap(evaluation: Evaluation, name: str, classes: Sequence[str], mixture: str) -> Estimate:
    """Implied weights of `name` minus the posterior of the Bayes `mixture`, on the same prompts, (T, C)."""
    return mean_over_prompts(_implied(evaluation, name, classes) - evaluation.log_component[mixture].exp())


def _implied(evaluation: Evaluation, name: str, classes: Sequence[str]) -> Float[Tensor, "N T C"]:
    """Pseudo-values of the implied weights: their mean is the estimate, their spread its uncertainty.

    Raises ValueError for fewer than two classes.
    """
    if len(classes) < 2:
        raise ValueError(f"implied weights need at least two classes, got {list(classes)}")
    last = evaluation.means[classes[-1]].double()
    contrasts = torch.stack([evaluation.means[one].double() - last for one in classes[:-1]], -1)
    target = evaluation.means[name].double() - last
    gram = torch.einsum("nti,ntj->tij", contrasts, contrasts) / len(target)
    eigenvalues = torch.linalg.eigvalsh(gram)
    told_apart = eigenvalues[:, 0] > _SAME**2 * evaluation.values.double().square().mean(0)
    inverse = torch.full_like(gram, torch.nan)
    inverse[told_apart] = torch.linalg.inv(gram[told_apart])
    slope = torch.einsum("tij,ntj->ti", inverse, contrasts * target[..., None]) / len(target)
    residual = target - (contrasts * slope).sum(-1)
    pseudo = slope + torch.einsum("tij,ntj->nti", inverse, contrasts * residual[..., None])
    return torch.cat([pseudo, 1 - pseudo.sum(-1, keepdim=True)], -1)


def effective_noise(
    evaluation: Evaluation, name: str, candidates: Mapping[float, str], *, seed: int = 0
) -> Estimate:
    """The label noise whose Bayes mixture is nearest to the predictions of `name`, (T,), in units of y.

    Args:
        evaluation: holds `name` and the candidates.
        name: the predictor to explain.
        candidates: for each noise σ on a grid the name of the Bayes predictor that assumes it.
        seed: of the bootstrap over prompts that the 95% interval comes from.

    Nearest in mean square over the prompts. The answer is one of the grid's values. NaN where all candidates
    predict the same, as before the first example.
    """
    grid = torch.tensor(list(candidates), dtype=torch.float64)
    distances = torch.stack(
        [evaluation.squared_distances(name, other).double().cpu() for other in candidates.values()]
    )
    n_prompts = distances.shape[1]
    draws = torch.randint(
        n_prompts, (_RESAMPLES, n_prompts), generator=stream(seed, "bootstrap/effective_noise")
    )
    counts = torch.zeros(_RESAMPLES, n_prompts, dtype=torch.float64)
    counts.scatter_add_(1, draws, torch.ones_like(counts))
    resampled = grid[torch.einsum("rn,snt->rst", counts, distances).argmin(1)]
    means = distances.mean(1)
    spread = means.amax(0) - means.amin(0)
    # not "<=": what was not measured is NaN
    alike = ~(spread > _SAME**2 * evaluation.values.double().cpu().square().mean(0))
    best, low, high = (
        part.masked_fill(alike, torch.nan)
        for part in (
            grid[means.argmin(0)],
            resampled.quantile(0.025, dim=0, interpolation="lower"),
            resampled.quantile(0.975, dim=0, interpolation="higher"),
        )
    )
    return Estimate(best, low, high)


def selection_cost(
    evaluation: Evaluation, mixture: str, single: str, bayes_mixture: str, bayes_single: str
) -> Estimate:
    """What not knowing the class costs a model beyond what it costs exact Bayes, (T,), in squared units of y.

    The error of the model `mixture` minus that of the model `single`, minus the same difference of the two
    Bayes predictors, all on the same prompts.
    """
    error = evaluation.squared_errors
    model = error(mixture) - error(single)
    return mean_over_prompts(model - (error(bayes_mixture) - error(bayes_single)))
