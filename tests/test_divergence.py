"""Runs that diverge stop and say what to try, or go back with a smaller step; good files stay good."""

import pytest
import torch

from interrupted_runs import RECIPE, assert_the_same, checkpoints_of, go_on, metrics_of, train_until
from priormix.errors import PriormixError
from priormix.functions import DenseLinear
from priormix.optimisation import Adam, Constant, Divergence
from priormix.training import Pace, train, write_weights
from priormix.training.divergence import DivergenceError, DivergenceWatch
from priormix.training.stepper import Stepper

OFTEN = Pace(steps=7)
RECKLESS = RECIPE.model_copy(
    update={"optimiser": Adam(learning_rate=20.0), "schedule": Constant(), "gradient_clip": None}
)
GOING_BACK = RECKLESS.model_copy(
    update={"divergence": Divergence(action="go_back", step_factor=0.001, retries=2)}
)


def poison(monkeypatch, at, where):
    """Make the gradient or the loss of one step NaN."""
    honest = Stepper.step

    def step(self, number):
        loss = honest(self, number)
        if number + 1 == at:
            if where == "loss":
                return loss * float("nan")
            next(self.network.parameters()).data[0] = float("inf")
        return loss

    monkeypatch.setattr(Stepper, "step", step)


def test_a_loss_that_is_not_finite_is_named_by_its_step(tmp_path, monkeypatch):
    poison(monkeypatch, 123, "loss")
    with pytest.raises(PriormixError, match="loss is no longer finite after 123 steps; try a smaller optim"):
        train(RECIPE, tmp_path, device="cpu", pace=OFTEN)
    assert len(checkpoints_of(tmp_path)) == 2
    assert not (tmp_path / "weights.safetensors").exists()


@pytest.mark.parametrize("steps", [230, 231])
def test_a_gradient_that_is_not_finite_in_the_last_step_leaves_no_weights(tmp_path, monkeypatch, steps):
    recipe = RECIPE.model_copy(update={"steps": steps})
    poison(monkeypatch, steps, "weights")
    with pytest.raises(PriormixError, match=rf"no longer finite after {steps} steps \(seen in network"):
        train(recipe, tmp_path, device="cpu", pace=OFTEN)
    assert not (tmp_path / "weights.safetensors").exists()
    assert len(checkpoints_of(tmp_path)) == 2


def test_no_checkpoint_holds_numbers_that_are_not_finite(tmp_path, monkeypatch):
    # step 147 is no report: the checkpoint that is due there has to see for itself
    poison(monkeypatch, 147, "weights")
    with pytest.raises(PriormixError, match="no longer finite after 148 steps"):
        train(RECIPE, tmp_path, device="cpu", pace=OFTEN)
    monkeypatch.undo()
    go_on(RECIPE, tmp_path)
    go_on(RECIPE, tmp_path / "undisturbed")
    assert_the_same(tmp_path / "undisturbed", tmp_path)


def test_a_loss_that_explodes_stops_the_run(tmp_path):
    with pytest.raises(PriormixError, match=r"loss has exploded after \d+ steps: .* predicting 0 would lose"):
        train(RECKLESS, tmp_path, device="cpu", pace=OFTEN)
    assert not (tmp_path / "weights.safetensors").exists()


def test_losses_may_explode_where_the_recipe_lets_them():
    train(RECKLESS.model_copy(update={"divergence": Divergence(explosion=None)}), device="cpu")


def test_going_back_ends_with_finite_weights_and_repeats_to_the_bit(tmp_path, caplog):
    go_on(GOING_BACK, tmp_path / "one", OFTEN)
    assert "going back to step 0 with learning rates times 0.001 (1 of 2)" in caplog.text
    rows = metrics_of(tmp_path / "one")
    assert [int(row["step"]) for row in rows] == list(range(2, 231, 2))
    assert {float(row["learning_rate_factor"]) for row in rows} == {0.001}
    go_on(GOING_BACK, tmp_path / "two")
    assert_the_same(tmp_path / "one", tmp_path / "two")


def test_a_run_that_went_back_can_be_cut_off_too(tmp_path):
    for step in (20, 100):
        train_until(step, GOING_BACK, tmp_path / "one", OFTEN)
    go_on(GOING_BACK, tmp_path / "one", OFTEN)
    go_on(GOING_BACK, tmp_path / "two")
    assert_the_same(tmp_path / "one", tmp_path / "two")


def test_going_back_returns_to_the_last_sound_tenth(tmp_path, monkeypatch, caplog):
    recipe = RECIPE.model_copy(update={"divergence": Divergence(action="go_back")})
    once = iter([True])
    honest = Stepper.step

    def step(self, number):
        loss = honest(self, number)
        return loss * float("nan") if number + 1 == 130 and next(once, False) else loss

    monkeypatch.setattr(Stepper, "step", step)
    train_until(160, recipe, tmp_path, OFTEN)
    assert "going back to step 120 with learning rates times 0.5 (1 of 3)" in caplog.text
    assert [int(row["step"]) for row in metrics_of(tmp_path)] == list(range(2, 161, 2))


def test_going_back_has_an_end(tmp_path, caplog):
    hopeless = GOING_BACK.model_copy(update={"divergence": Divergence(action="go_back", step_factor=0.99)})
    with pytest.raises(DivergenceError, match="exploded"):
        train(hopeless, device="cpu")
    assert caplog.text.count("going back") == 3


def test_healthy_losses_never_count_as_exploded():
    """Losses of predicting 0 on small batches of heavy-tailed labels, step by step."""
    functions = DenseLinear(dim=1)
    watch = DivergenceWatch(Divergence(), loss_of_zero=1.0)
    for step in range(200):
        ys = functions.sample(8, 5, step=step).ys
        watch.check(ys.square().mean()[None], None, step)


def test_weights_that_are_not_finite_are_never_written_over_good_ones(tmp_path):
    trained = train(RECIPE, tmp_path, device="cpu")
    before = (tmp_path / "weights.safetensors").read_bytes()
    with torch.no_grad():
        next(trained.network.parameters())[0] = float("nan")
    with pytest.raises(PriormixError, match="not written, the weights are not finite"):
        write_weights(tmp_path / "weights.safetensors", trained.network, RECIPE)
    assert (tmp_path / "weights.safetensors").read_bytes() == before
