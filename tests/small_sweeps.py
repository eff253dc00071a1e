"""Sweeps over a network so small that a run takes a moment."""

import yaml

BASE = {
    "mixture": {"kind": "mixture", "components": [{"kind": "sparse_linear", "dim": 3, "nonzeros": 1}]},
    "n_points": 4,
    "network": {"backbone": {"kind": "transformer", "layers": 1, "heads": 1, "width": 8}},
    "optimiser": {"kind": "adam", "learning_rate": 0.001},
    "gradient_clip": None,
    "precision": "float32",
    "steps": 20,
    "batch": 4,
}
RATE, NONZEROS = "optimiser.learning_rate", "mixture.components[0].nonzeros"


def sweep_file(tmp_path, **fields):
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump({"recipe": BASE, **fields}, sort_keys=False))
    return path


def grid(**fields):
    return {"kind": "grid", "fields": fields}
