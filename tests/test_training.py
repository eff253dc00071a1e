"""Pretraining: it learns, it repeats to the bit, and its files are whole or refused."""

import csv
import os
import subprocess
import sys

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from posterior_oracle import assert_not_beaten
from priormix.errors import PriormixError
from priormix.files import sole_writer
from priormix.functions import DenseLinear, Mixture, SparseLinear
from priormix.measure import Scenario, evaluate
from priormix.models import Network, Transformer
from priormix.optimisation import Adam, Curriculum, Muon, Ramp
from priormix.posterior import bayes
from priormix.predictors import Averaging
from priormix.recipe import Recipe, read_recipe
from priormix.training import train, training_batch
from priormix.zoo import load

TINY = Network(backbone=Transformer(layers=1, heads=1, width=16, positions="none"))
SHORT = Recipe(mixture=DenseLinear(dim=2), n_points=5, network=TINY, steps=12, batch=8, precision="float32")


def weights_of(predictor):
    return dict(predictor.network.state_dict())


def same_weights(one, two):
    return all(torch.equal(value, weights_of(two)[name]) for name, value in weights_of(one).items())


def test_a_tiny_pretraining_beats_averaging_by_far_and_exact_bayes_nowhere():
    recipe = Recipe(
        mixture=DenseLinear(dim=2),
        n_points=9,
        network=Network(backbone=Transformer(layers=2, heads=2, width=32, positions="rotary")),
        optimiser=Muon(learning_rate=1e-2),
        steps=300,
        batch=64,
        precision="float32",
    )
    scenario = Scenario(name="dense", functions=recipe.mixture, n_points=9)
    predictors = {"model": train(recipe, device="cpu"), "rival": Averaging(), "Bayes": bayes(recipe.mixture)}
    measured = evaluate(predictors, scenario, 1000)
    assert measured.mse_over_prefixes("model").high < 0.5 * measured.mse_over_prefixes("rival").low
    assert_not_beaten(measured.squared_errors("Bayes"), measured.squared_errors("model"), "the model")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_recipe_gives_the_same_weights_to_the_bit(precision):
    recipe = SHORT.model_copy(update={"precision": precision})
    assert same_weights(train(recipe, device="cpu"), train(recipe, device="cpu"))


def test_another_seed_gives_other_weights_and_other_prompts():
    other = SHORT.model_copy(update={"seed": 1})
    assert not same_weights(train(SHORT, device="cpu"), train(other, device="cpu"))
    cpu = torch.device("cpu")
    assert not torch.equal(training_batch(SHORT, 0, cpu).xs, training_batch(other, 0, cpu).xs)


def test_training_leaves_torchs_random_state_alone():
    before = torch.random.get_rng_state()
    train(SHORT, device="cpu")
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_curriculum_shortens_prompts_and_silences_dimensions():
    curriculum = Curriculum(
        dims=Ramp(start=1, end=2, increment=1, every=5), points=Ramp(start=2, end=5, increment=1, every=5)
    )
    recipe = SHORT.model_copy(update={"curriculum": curriculum})
    early, late = (training_batch(recipe, step, torch.device("cpu")) for step in (0, 100))
    assert early.xs.shape == (8, 2, 2)
    assert (early.xs[..., 1] == 0).all()
    assert late.xs.shape == (8, 5, 2)
    assert (late.xs != 0).all()
    train(recipe, device="cpu")


def test_a_run_directory_holds_recipe_weights_metrics_and_versions(tmp_path):
    trained = train(SHORT, tmp_path / "run", device="cpu")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"recipe.yaml", "weights.safetensors", "metrics.csv", "environment.json"} <= names
    assert read_recipe(tmp_path / "run" / "recipe.yaml") == SHORT
    assert same_weights(trained, load(tmp_path / "run", device="cpu"))
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, 13))
    assert float(rows[-1]["loss"]) > 0
    assert float(rows[-1]["excess"]) > 0


def test_excess_is_left_empty_where_no_optimum_is_known(tmp_path):
    from priormix.functions import DecisionTree

    train(SHORT.model_copy(update={"mixture": DecisionTree(dim=2)}), tmp_path / "run", device="cpu")
    with (tmp_path / "run" / "metrics.csv").open() as file:
        assert all(row["excess"] == "" for row in csv.DictReader(file))


def test_a_finished_run_is_read_and_not_trained_again(tmp_path):
    first = train(SHORT, tmp_path, device="cpu")
    written = (tmp_path / "weights.safetensors").stat().st_mtime_ns
    again = train(SHORT, tmp_path, device="cpu")
    assert (tmp_path / "weights.safetensors").stat().st_mtime_ns == written
    assert same_weights(first, again)


def test_a_folder_with_another_run_is_refused_and_kept(tmp_path):
    train(SHORT, tmp_path, device="cpu")
    before = (tmp_path / "weights.safetensors").read_bytes()
    with pytest.raises(PriormixError, match=r"holds run .* of another recipe"):
        train(SHORT.model_copy(update={"seed": 9}), tmp_path, device="cpu")
    assert (tmp_path / "weights.safetensors").read_bytes() == before
    assert read_recipe(tmp_path / "recipe.yaml") == SHORT


def test_a_folder_in_use_names_its_writer(tmp_path):
    holding = (
        "import sys, pathlib\nfrom priormix.files import sole_writer\n"
        "with sole_writer(pathlib.Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(PriormixError, match=rf"in use by another priormix process \(pid {other.pid}\)"):
            train(SHORT, tmp_path, device="cpu")
        other.stdin.close()
    with sole_writer(tmp_path):
        pass


def test_a_folder_that_cannot_exist_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PriormixError, match="cannot create this folder"):
        train(SHORT, tmp_path / "file" / "run", device="cpu")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PriormixError, match="not writable"):
        train(SHORT, tmp_path, device="cpu")


def test_an_absent_device_is_refused():
    with pytest.raises(PriormixError, match=r"device: 'cuda:99' is absent; available: .*cpu"):
        train(SHORT, device="cuda:99")
    with pytest.raises(PriormixError, match="unknown device 'abacus'"):
        train(SHORT, device="abacus")


def test_a_diverging_run_stops_and_says_what_to_try():
    wild = SHORT.model_copy(
        update={"optimiser": Adam(learning_rate=1e30), "gradient_clip": None, "steps": 50}
    )
    with pytest.raises(PriormixError, match=r"no longer finite after \d+ steps; try a smaller"):
        train(wild, device="cpu")


@pytest.fixture
def trained(tmp_path):
    train(SHORT, tmp_path, device="cpu")
    return tmp_path / "weights.safetensors"


def test_truncated_weights_are_refused(trained):
    trained.write_bytes(trained.read_bytes()[:-100])
    with pytest.raises(PriormixError, match="damaged or not a safetensors file"):
        load(trained, device="cpu")


def test_weights_of_another_version_are_refused(trained):
    save_file(load_file(trained), trained, metadata={"format": "priormix-99"})
    with pytest.raises(PriormixError, match="written as 'priormix-99', this version of priormix reads"):
        load(trained, device="cpu")


def test_weights_without_our_header_are_refused(trained):
    save_file(load_file(trained), trained)
    with pytest.raises(PriormixError, match="no format mark"):
        load(trained, device="cpu")


def test_tensors_that_do_not_fit_the_recipe_are_refused(trained):
    wider = SHORT.model_copy(update={"mixture": Mixture(components=(SparseLinear(dim=3, nonzeros=1),))})
    metadata = {"format": "priormix-1", "recipe": wider.to_json()}
    save_file(load_file(trained), trained, metadata=metadata)
    with pytest.raises(PriormixError, match=r"tensor 'read_in.weight' is .*6.* the recipe needs .*8"):
        load(trained, device="cpu")


def test_a_pickle_is_not_opened(tmp_path):
    path = tmp_path / "weights.safetensors"
    torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(PriormixError, match="damaged or not a safetensors file"):
        load(path, device="cpu")


def test_an_unfinished_run_and_an_empty_folder_say_so(tmp_path):
    with pytest.raises(PriormixError, match="holds no trained run"):
        load(tmp_path)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({"mixture": {"kind": "dense_linear"}}))
    with pytest.raises(PriormixError, match="not finished"):
        load(tmp_path)
    with pytest.raises(PriormixError, match="no such weights file"):
        load(tmp_path / "absent.safetensors")
