"""What every predictor must do, as checks that take a predictor and prompts of the caller's choice.

`check_predictor` is for all of them: classical estimators, exact posteriors and trained networks. The
others are for those of which they can be true.
"""

import json
import random

import numpy
import torch
import yaml
from torch import Tensor

from priormix.predictors import ClassicalPredictor, Prediction, Predictor
from priormix.streams import generator


def gaussian_prompts(
    batch: int, points: int, dim: int, dtype: torch.dtype, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Inputs (B, T, D) and unrelated labels (B, T), both standard normal."""
    stream = generator(seed, "contract")
    xs = torch.randn(batch, points, dim, generator=stream, dtype=torch.float64)
    ys = torch.randn(batch, points, generator=stream, dtype=torch.float64)
    return xs.to(dtype), ys.to(dtype)


def check_predictor(predictor: Predictor, xs: Tensor, ys: Tensor) -> None:
    """All that holds for any predictor whatever, on prompts xs (B, T, D) and ys (B, T)."""
    check_form(predictor, xs, ys)
    check_causality(predictor, xs, ys)
    check_batch_mates(predictor, xs, ys)
    check_no_traces(predictor, xs, ys)


def check_form(predictor: Predictor, xs: Tensor, ys: Tensor) -> None:
    """Every part is (B, T) or (B, T, C), with the dtype and device of `ys`; mean and variance are finite."""
    for name, part in _parts(predictor.predict(xs, ys)).items():
        assert part.shape[:2] == ys.shape, f"{name} has shape {tuple(part.shape)}, ys {tuple(ys.shape)}"
        assert part.dim() == (3 if name == "log_component" else 2), f"{name} has {part.dim()} axes"
        assert (part.dtype, part.device) == (ys.dtype, ys.device), f"{name}: {part.dtype} on {part.device}"
        # an exact predictor may be certain, and the logarithm of a probability then infinite
        proper = ~part.isnan() if name.startswith("log_") else part.isfinite()
        assert proper.all(), f"{name} is not finite"


def check_causality(predictor: Predictor, xs: Tensor, ys: Tensor) -> None:
    """What comes later, and the label that is asked for, change no bit of the prediction."""
    before = _parts(predictor.predict(xs, ys))
    points = xs.shape[1]
    for t in sorted({0, 1, points // 2, points - 1} & set(range(points))):
        for future, (later_xs, later_ys) in _futures(xs, ys).items():
            altered_xs, altered_ys = xs.clone(), ys.clone()
            altered_xs[:, t + 1 :] = later_xs[:, t + 1 :]
            altered_ys[:, t:] = later_ys[:, t:]
            after = _parts(predictor.predict(altered_xs, altered_ys))
            for name, part in before.items():
                # the density is that of y_t itself, and so one point behind
                known = t if name == "log_density" else t + 1
                same = torch.equal(part[:, :known], after[name][:, :known])
                assert same, f"{name} up to point {t} changed with a future of {future}"


def check_batch_mates(predictor: Predictor, xs: Tensor, ys: Tensor) -> None:
    """Every prompt is predicted as if it were alone, up to rounding, and twice the same to the bit."""
    together = predictor.predict(xs, ys).mean
    assert torch.equal(together, predictor.predict(xs, ys).mean), "the same prompts, another prediction"
    reversed_order = predictor.predict(xs.flip(0), ys.flip(0)).mean.flip(0)
    alone = torch.cat([predictor.predict(xs[b, None], ys[b, None]).mean for b in range(len(xs))])
    _assert_same_up_to_rounding(reversed_order, together)
    _assert_same_up_to_rounding(alone, together)


def check_no_traces(predictor: Predictor, xs: Tensor, ys: Tensor) -> None:
    """Predicting alters neither its arguments nor the process-wide random numbers and settings."""
    given = xs.clone(), ys.clone()
    before = _process_state()
    predictor.predict(xs, ys)
    unchanged = torch.equal(xs, given[0]) and torch.equal(ys, given[1])
    assert unchanged, "predict wrote into its arguments"
    assert _process_state() == before, "predict changed the process-wide state"


def check_zero_without_examples(predictor: Predictor, xs: Tensor, ys: Tensor) -> None:
    """The first point, before which there is nothing, is predicted as 0."""
    mean = predictor.predict(xs, ys).mean
    assert torch.equal(mean[:, 0], torch.zeros_like(mean[:, 0])), f"without examples: {mean[:, 0]}"


def check_degenerate_prompts(predictor: Predictor, dim: int, dtype: torch.dtype) -> None:
    """Finite, and of the size of the labels, on prompts that hold no or little information."""
    for name, (xs, ys) in _degenerate(dim, dtype).items():
        mean = predictor.predict(xs, ys).mean
        assert mean.isfinite().all(), f"not finite on {name}: {mean}"
        assert mean.abs().max() < 1e3, f"of size {mean.abs().max():g} on {name}"


def check_precision(predictor: Predictor, xs: Tensor, ys: Tensor) -> None:
    """Single precision in and out costs no more than the rounding of the result."""
    single = predictor.predict(xs.float(), ys.float()).mean
    double = predictor.predict(xs.float().double(), ys.float().double()).mean
    assert torch.equal(single, double.float())


def check_round_trip(predictor: ClassicalPredictor) -> None:
    """The predictor is its own configuration: JSON and YAML give an equal one, of the same hash."""
    described = predictor.model_dump(mode="json")
    for text in (json.dumps(described), yaml.safe_dump(described)):
        again = ClassicalPredictor.parse(yaml.safe_load(text))
        assert again == predictor, text
        assert hash(again) == hash(predictor), text


def _parts(prediction: Prediction) -> dict[str, Tensor]:
    return {name: part for name, part in vars(prediction).items() if part is not None}


def _futures(xs: Tensor, ys: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    batch, points, dim = xs.shape
    other_xs, other_ys = gaussian_prompts(batch, points, dim, xs.dtype, seed=1)
    return {
        "other points": (other_xs.to(xs), other_ys.to(ys)),
        "large points": (1e3 * other_xs.to(xs), 1e3 * other_ys.to(ys)),
        "nothing but zeros": (torch.zeros_like(xs), torch.zeros_like(ys)),
    }


def _degenerate(dim: int, dtype: torch.dtype) -> dict[str, tuple[Tensor, Tensor]]:
    xs, ys = gaussian_prompts(2, 9, dim, dtype)
    doubled, same_coordinates = xs.clone(), xs[..., :1].expand_as(xs)
    doubled[:, 1::2] = doubled[:, ::2][:, : doubled[:, 1::2].shape[1]]
    linear = xs.sum(2)
    return {
        "one point over and over": (xs[:, :1].expand_as(xs), ys[:, :1].expand_as(ys)),
        "one point with different labels": (xs[:, :1].expand_as(xs), ys),
        "every point twice": (doubled, doubled.sum(2)),
        "equal coordinates": (same_coordinates, same_coordinates.sum(2)),
        "points at zero": (torch.zeros_like(xs), ys),
        "all zero": (torch.zeros_like(xs), torch.zeros_like(ys)),
        "constant labels": (xs, torch.ones_like(ys)),
        "labels of zero": (xs, torch.zeros_like(ys)),
        "tiny inputs": (1e-6 * xs, linear),
        "whole numbers": (xs.round(), linear.round()),
    }


def _assert_same_up_to_rounding(left: Tensor, right: Tensor) -> None:
    tolerance = 1e-4 if right.dtype == torch.float32 else 1e-9
    torch.testing.assert_close(left, right, rtol=tolerance, atol=tolerance)


def _process_state() -> tuple[object, ...]:
    return (
        torch.get_rng_state().tolist(),
        random.getstate(),
        str(numpy.random.get_state()),
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
    )
