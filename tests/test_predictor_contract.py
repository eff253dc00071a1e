"""Every registered predictor keeps the contract: a new one is tested by being registered."""

import pytest
import torch
from torch import Tensor

from predictor_contract import (
    check_degenerate_prompts,
    check_precision,
    check_predictor,
    check_round_trip,
    check_zero_without_examples,
    gaussian_prompts,
)
from priormix.kinds import Kind
from priormix.predictors import ClassicalPredictor, Prediction, Predictor

SHAPES = [(3, 7, 2), (1, 1, 1), (2, 12, 5), (2, 6, 1)]
DTYPES = [torch.float32, torch.float64]


def _complete_without_arguments(member: type[Kind]) -> bool:
    return not any(field.is_required() for field in member.model_fields.values())


MEMBERS = [
    kind
    for kind, member in ClassicalPredictor.family.members().items()
    if _complete_without_arguments(member)
]


@pytest.fixture(params=MEMBERS)
def predictor(request: pytest.FixtureRequest) -> ClassicalPredictor:
    return ClassicalPredictor.parse({"kind": request.param})


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_contract_of_all_predictors(
    predictor: ClassicalPredictor, shape: tuple[int, int, int], dtype: torch.dtype
) -> None:
    xs, ys = gaussian_prompts(*shape, dtype)
    check_predictor(predictor, xs, ys)
    check_zero_without_examples(predictor, xs, ys)


def test_single_precision_costs_only_the_rounding_of_the_result(predictor: ClassicalPredictor) -> None:
    check_precision(predictor, *gaussian_prompts(2, 9, 3, torch.float32))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("dim", [1, 4])
def test_degenerate_prompts(predictor: ClassicalPredictor, dim: int, dtype: torch.dtype) -> None:
    check_degenerate_prompts(predictor, dim, dtype)


def test_configuration_round_trip(predictor: ClassicalPredictor) -> None:
    check_round_trip(predictor)


def test_predicts_in_inference_mode(predictor: ClassicalPredictor) -> None:
    xs, ys = gaussian_prompts(2, 5, 3, torch.float32)
    expected = predictor.predict(xs, ys).mean
    with torch.inference_mode():
        assert torch.equal(predictor.predict(xs, ys).mean, expected)


def test_a_poisoned_future_reaches_no_earlier_point(predictor: ClassicalPredictor) -> None:
    """A mask that multiplies by zero would let NaN through; leaving out does not."""
    xs, ys = gaussian_prompts(2, 6, 3, torch.float64)
    if predictor.kind in ("greedy_tree", "boosted_trees"):
        pytest.skip("scikit-learn and XGBoost refuse labels that are not numbers")
    expected = predictor.predict(xs, ys).mean
    xs[:, 4:], ys[:, 3:] = torch.nan, torch.nan
    assert torch.equal(predictor.predict(xs, ys).mean[:, :4], expected[:, :4])


class _Faulty(Predictor):
    """Predicts the mean label so far, with one fault."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def predict(self, xs: Tensor, ys: Tensor) -> Prediction:
        examples = torch.arange(1, ys.shape[1] + 1)
        mean = ys.cumsum(1) / examples
        if self.fault == "sees its own label":
            return Prediction(mean)
        mean = torch.cat([torch.zeros_like(ys[:, :1]), mean[:, :-1]], 1)
        if self.fault == "sees its batch-mates":
            mean[:, 1:] = mean[:, 1:] - mean[:, 1:].mean(0)
        if self.fault == "sees later inputs":
            mean = mean + 1e-15 * xs.sum((1, 2))[:, None]
        if self.fault == "is random":
            mean = mean + 1e-9 * torch.randn(())
        if self.fault == "touches the generator":
            torch.rand(())
        if self.fault == "writes":
            ys.mul_(2)
        if self.fault == "drops precision":
            mean = mean.half()
        return Prediction(mean)


@pytest.mark.parametrize(
    "fault",
    [
        "sees its own label",
        "sees its batch-mates",
        "sees later inputs",
        "is random",
        "touches the generator",
        "writes",
        "drops precision",
    ],
)
def test_the_contract_notices_a_predictor_that(fault: str) -> None:
    xs, ys = gaussian_prompts(3, 7, 2, torch.float64)
    check_predictor(_Faulty("none"), xs.clone(), ys.clone())
    with pytest.raises(AssertionError):
        check_predictor(_Faulty(fault), xs, ys)
