"""The zoo: models that are built, described, loaded by name, and shared by way of the hub."""

import json
import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from huggingface_hub import constants as hub_constants
from huggingface_hub.errors import HfHubHTTPError
from safetensors import safe_open

import priormix
from command_line import in_process, refuse
from priormix import PriormixError
from priormix.cli.zoo import SHIPPED, _complete
from priormix.functions import Mixture
from priormix.zoo import PretrainedNetwork, catalogue, shipped_recipe

LINES_AND_SINUSOIDS = {
    f"{prior}-1d{size}" for prior in ("linear", "sinusoid", "linear-sinusoid") for size in ("", "-small")
}
LINES_AND_CONSTANTS = {"linear-1d-tiny", "constant-1d"} | {
    f"linear-constant-1d-{share}" for share in ("half", "tenth", "hundredth", "thousandth")
}
NAMES = {"dense-8d", "dense-sparse-8d", "sparse-8d"} | LINES_AND_SINUSOIDS | LINES_AND_CONSTANTS
TINY = {
    "mixture": {
        "kind": "mixture",
        "components": [{"kind": "dense_linear", "dim": 1}, {"kind": "sinusoid", "frequency": 0.5}],
    },
    "n_points": 7,
    "network": {"backbone": {"kind": "transformer", "layers": 1, "heads": 1, "width": 8}},
    "steps": 6,
    "batch": 4,
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A zoo with one tiny model, built by the command."""
    place = tmp_path_factory.mktemp("zoo")
    (place / "recipes").mkdir()
    (place / "recipes" / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    return place


@pytest.fixture
def zoo(built, monkeypatch, capsys):
    """The tiny zoo in the place of the package's own."""
    monkeypatch.setattr(catalogue, "RECIPES", built / "recipes")
    monkeypatch.setattr(catalogue, "MODELS", built / "models")
    if not (built / "models").exists():
        command = ("zoo", "build", "tiny", "--out", built / "models", "--prompts", "50", "--device", "cpu")
        status, out, err = in_process(capsys, *command)
        assert (status, err) == (0, "")
        assert out == f"model: {built / 'models' / 'tiny'}\n"
    return built / "models"


@pytest.fixture
def fake_hub(tmp_path, monkeypatch):
    """The hub without a network: uploads go where huggingface_hub keeps what it has downloaded."""
    cache = tmp_path / "hub"

    class Api:
        def __init__(self, token=None):
            pass

        def create_repo(self, repo_id, private, exist_ok):
            assert private
            return huggingface_hub.RepoUrl(f"https://huggingface.co/{repo_id}")

        def upload_folder(self, *, repo_id, folder_path, **_):
            place = cache / f"models--{repo_id.replace('/', '--')}"
            shutil.copytree(folder_path, place / "snapshots" / "0")
            (place / "refs").mkdir()
            (place / "refs" / "main").write_text("0")
            return f"https://huggingface.co/{repo_id}/commit/0"

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Api)
    monkeypatch.setattr(hub_constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(hub_constants, "HF_HUB_OFFLINE", True)
    return cache


def same_network(one, two):
    weights, others = one.network.state_dict(), two.network.state_dict()
    return all(torch.equal(weights[name], others[name]) for name in weights | others)


def test_the_package_knows_its_models():
    assert set(catalogue.names()) == NAMES
    for name in NAMES:
        recipe = shipped_recipe(name)
        assert recipe.mixture.dim == (8 if name.endswith("8d") else 1)
        two_classes = name.startswith(("dense-sparse", "linear-sinusoid", "linear-constant"))
        assert isinstance(recipe.mixture, Mixture) == two_classes
        assert catalogue.name_of(recipe) == name
    for name in NAMES:
        if f"{name}-small" in NAMES:
            large, small = shipped_recipe(name), shipped_recipe(f"{name}-small")
            assert small.mixture == large.mixture
            assert small.network.backbone.width < large.network.backbone.width


@pytest.mark.parametrize("name", sorted(NAMES))
def test_what_the_package_ships_was_built_from_its_recipe(name):
    folder = catalogue.model_folder(name)
    if not folder.exists():
        pytest.skip("this checkout has no weights of this model yet")
    model = priormix.load(name, device="cpu")
    assert model.recipe == shipped_recipe(name)
    assert model.measured is not None
    assert (folder / "README.md").read_text() == priormix.zoo.describe(name).card


def test_a_built_model_loads_by_its_name_and_predicts(zoo):
    model = priormix.load("tiny", device="cpu")
    assert same_network(model, priormix.load(zoo / "tiny", device="cpu"))
    prompts = model.recipe.mixture.sample(3, 7, seed=1)
    assert model.predict(prompts.xs, prompts.ys).mean.shape == (3, 7)


def test_what_was_measured_lies_beside_the_weights(zoo):
    measured = priormix.load("tiny", device="cpu").measured
    assert [one.scenario for one in measured.scenarios] == [
        "its own prior",
        "dense linear",
        "sinusoid (frequency 0.5)",
    ]
    for one in measured.scenarios:
        assert set(one.curves) == {"model", "least squares", "exact Bayes"}
        assert len(one.curves["model"].mean) == one.n_points == 7
    own = measured.scenarios[0]
    # the network learnt next to nothing in six steps, so exact Bayes is far ahead; the difference is paired
    gap = sum(own.curves["model"].mean) / 7 - sum(own.curves["exact Bayes"].mean) / 7
    assert own.distance.mean == pytest.approx(gap)
    assert own.distance.low > 0


def test_the_card_tells_the_numbers_and_the_command(zoo):
    card = ModelCard.load(zoo / "tiny" / "README.md")
    assert card.data.library_name == "priormix"
    assert card.data.license == "apache-2.0"
    assert "dense-linear" in card.data.tags
    measured = priormix.load("tiny", device="cpu").measured
    own = measured.scenarios[0]
    assert card.data.eval_results[0].metric_value == round(own.distance.mean, 5)
    for number in (own.distance.mean, own.curves["model"].mean[6], own.curves["least squares"].mean[3]):
        assert f"{number:.4f}" in card.text
    assert "priormix zoo build tiny --out models" in card.text
    recipe = card.text.split("```yaml\n")[1].split("```")[0]
    assert yaml.safe_load(recipe) == shipped_recipe("tiny").model_dump(mode="json")


def test_building_again_trains_nothing_again(zoo, capsys):
    before = (zoo / "tiny" / "weights.safetensors").stat().st_mtime_ns
    card = (zoo / "tiny" / "README.md").read_text()
    command = ("zoo", "build", "tiny", "--out", zoo, "--prompts", "50", "--device", "cpu", "--json")
    status, out, _ = in_process(capsys, *command)
    assert (status, json.loads(out)) == (0, {"model": str(zoo / "tiny")})
    assert (zoo / "tiny" / "weights.safetensors").stat().st_mtime_ns == before
    assert (zoo / "tiny" / "README.md").read_text() == card


def test_list_and_show(zoo, capsys):
    _, out, _ = in_process(capsys, "zoo", "list", "--json")
    (entry,) = json.loads(out)
    assert entry["name"] == "tiny"
    assert entry["prior"] == "0.5 dense linear + 0.5 sinusoid (frequency 0.5)"
    assert (entry["dim"], entry["most_examples"], entry["has_weights"]) == (1, 6, True)
    _, out, _ = in_process(capsys, "zoo", "list")
    assert f"{entry['distance']['mean']:.4f} ±" in out
    _, out, _ = in_process(capsys, "zoo", "show", "tiny")
    assert out.startswith("# tiny\n")
    assert out.strip() in (zoo / "tiny" / "README.md").read_text()
    _, out, _ = in_process(capsys, "zoo", "show", zoo / "tiny", "--json")
    shown = json.loads(out)
    assert shown["run_id"] == shipped_recipe("tiny").run_id
    assert shown["measured"]["scenarios"][0]["distance"] == entry["distance"]


def test_models_without_weights_are_listed_and_shown_but_not_loaded(capsys):
    absent = [name for name in catalogue.names() if not catalogue.model_folder(name).exists()]
    if not absent:
        pytest.skip("this checkout has the weights of all models")
    _, out, _ = in_process(capsys, "zoo", "list", "--json")
    listed = {entry["name"]: entry for entry in json.loads(out)}
    assert set(listed) == NAMES
    assert not listed[absent[0]]["has_weights"]
    status, _, _ = in_process(capsys, "zoo", "show", absent[0])
    assert status == 0
    with pytest.raises(
        PriormixError, match=rf"build them with `priormix zoo build {absent[0]} --out models`"
    ):
        priormix.load(absent[0])


def test_pull_copies_a_model_into_a_new_folder(zoo, capsys, tmp_path):
    status, out, _ = in_process(capsys, "zoo", "pull", "tiny", "--out", tmp_path / "copy", "--json")
    assert (status, json.loads(out)) == (0, {"model": str(tmp_path / "copy")})
    copy = priormix.load(tmp_path / "copy", device="cpu")
    assert same_network(copy, priormix.load("tiny", device="cpu"))
    assert copy.measured is not None
    assert "exists already" in refuse(capsys, "zoo", "pull", "tiny", "--out", tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_save_pretrained_and_from_pretrained_keep_everything(zoo, tmp_path):
    model = priormix.load("tiny", device="cpu")
    model.save_pretrained(tmp_path / "saved")
    again = PretrainedNetwork.from_pretrained(tmp_path / "saved", device="cpu")
    assert same_network(model, again)
    assert (again.recipe, again.measured) == (model.recipe, model.measured)
    # one format: what is saved is what a run ends with
    headers = []
    for folder in (zoo / "tiny", tmp_path / "saved"):
        with safe_open(folder / "weights.safetensors", framework="pt") as file:
            headers.append(file.metadata())
    assert headers[0] == headers[1]
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert config["pretraining"] == model.recipe.model_dump(mode="json")


def test_a_model_goes_to_the_hub_and_loads_by_its_name_there(zoo, fake_hub, capsys, tmp_path):
    unmeasured = tmp_path / "run"
    unmeasured.mkdir()
    shutil.copy(zoo / "tiny" / "weights.safetensors", unmeasured)
    command = ("zoo", "push", unmeasured, "somebody/tiny-model", "--private", "--prompts", "20", "--json")
    status, out, err = in_process(capsys, *command)
    assert status == 0, err
    assert json.loads(out)["commit"] == "https://huggingface.co/somebody/tiny-model/commit/0"
    there = priormix.load("somebody/tiny-model", device="cpu")
    assert same_network(there, priormix.load("tiny", device="cpu"))
    # what had not been measured was measured for the card
    assert there.measured.scenarios[0].n_prompts == 20
    card = next(fake_hub.rglob("README.md")).read_text()
    assert 'priormix.load("somebody/tiny-model")' in card
    status, _, err = in_process(capsys, "zoo", "pull", "somebody/tiny-model", "--out", tmp_path / "pulled")
    assert status == 0, err
    assert same_network(there, priormix.load(tmp_path / "pulled", device="cpu"))


def test_names_that_stand_for_nothing_say_what_there_is(fake_hub, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    assert "linear-3d: no such model. In the zoo: constant-1d," in refuse(capsys, "zoo", "show", "linear-3d")
    assert "the id owner/name of a repository" in refuse(capsys, "evaluate", "linear-3d")
    # a typing error in the name of a run must not be looked up on the hub
    assert "runs/frist: no such weights file" in refuse(capsys, "zoo", "show", "runs/frist")
    wrong = refuse(capsys, "zoo", "pull", "nobody/nothing", "--out", "new")
    assert "nobody/nothing: cannot be had from the Hugging Face hub" in wrong
    assert [path.name for path in tmp_path.iterdir() if path.name != "hub"] == ["runs"]
    assert "linear-3d: no such model" in refuse(capsys, "zoo", "build", "linear-3d")


def test_a_hub_that_cannot_be_reached_ends_in_one_line(zoo, capsys, monkeypatch):
    def refused(*_, **__):
        raise HfHubHTTPError.__bases__[0]("connection refused")

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", refused)
    wrong = refuse(capsys, "zoo", "push", "tiny", "somebody/tiny")
    assert "somebody/tiny: cannot be had from the Hugging Face hub (connection refused)" in wrong


def test_a_damaged_measurement_is_refused(zoo, tmp_path):
    shutil.copytree(zoo / "tiny", tmp_path / "copy")
    (tmp_path / "copy" / "measured.json").write_text('{"scenarios": 3}')
    with pytest.raises(PriormixError, match=r"measured.json: scenarios"):
        priormix.load(tmp_path / "copy")


def test_completion_offers_the_names(built):
    assert SHIPPED.is_dir()
    assert _complete("linear-s") == ["linear-sinusoid-1d", "linear-sinusoid-1d-small"]
