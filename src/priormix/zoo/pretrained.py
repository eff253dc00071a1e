"""A trained network together with the recipe that it was trained by, which can be saved and shared."""

import json
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import ModelCard, ModelHubMixin, snapshot_download

from priormix.devices import resolve_device
from priormix.models import InContextNetwork, NetworkPredictor
from priormix.recipe import Recipe
from priormix.training import read_weights, write_weights
from priormix.training.weights import FORMAT
from priormix.zoo.card import write_card
from priormix.zoo.measuring import Measured

WEIGHTS = "weights.safetensors"
# what belongs to a model in a folder or a repository
FILES = (WEIGHTS, "README.md", "config.json", "measured.json", "recipe.yaml")


class PretrainedNetwork(NetworkPredictor, ModelHubMixin, library_name="priormix", license="apache-2.0"):
    """A predictor that knows the recipe of its pretraining, and what was `measured` of it, if anything was.

    `save_pretrained(folder)`, `from_pretrained(folder or "owner/name")` and `push_to_hub("owner/name")` are
    those of huggingface_hub. The file of weights is the one that a run ends with; beside it stand a model
    card and a `config.json`, which tells the recipe to people and is never read.
    """

    def __init__(
        self, network: InContextNetwork, recipe: Recipe, chunk: int = 512, measured: Measured | None = None
    ) -> None:
        super().__init__(network, chunk)
        self.recipe = recipe
        self.measured = measured

    @classmethod
    def read(cls, weights: Path, device: str = "auto") -> "PretrainedNetwork":
        """Read a weights file, and what was measured of it where that lies beside it.

        Raises PriormixError where a file is missing, damaged or of another version, or the device is absent.
        """
        network, recipe = read_weights(weights)
        return cls(network.to(resolve_device(device)), recipe, measured=Measured.beside(weights))

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.network.parameters()).device

    def _save_pretrained(self, save_directory: Path) -> None:
        write_weights(save_directory / WEIGHTS, self.network, self.recipe)
        config = {"library": "priormix", "format": FORMAT, "pretraining": self.recipe.model_dump(mode="json")}
        (save_directory / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
        if self.measured is not None:
            self.measured.write(save_directory)

    def generate_model_card(self, *_: Any, name: str | None = None, **__: Any) -> ModelCard:
        """The card that tells the recipe, and what was measured, under that name."""
        return ModelCard(write_card(name or self.recipe.run_id, self.recipe, self.measured))

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        device: str = "auto",
        **_: Any,
    ) -> "PretrainedNetwork":
        if Path(model_id).is_dir():
            return cls.read(Path(model_id) / WEIGHTS, device)
        snapshot = snapshot_download(
            model_id,
            allow_patterns=list(FILES),
            revision=revision,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
            token=token,
        )
        return cls.read(Path(snapshot) / WEIGHTS, device)
