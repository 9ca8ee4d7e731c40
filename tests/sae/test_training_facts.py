"""What SAELens' metadata say about a training, and nothing that names a folder."""

from __future__ import annotations

import json

from app.paths import resource
from app.sae.load import load_sae
from app.sae.training_facts import training_facts


def test_details_and_top_level_are_read_and_folders_are_not() -> None:
    metadata = {
        "training_architecture_details": {"k": 32.0, "matryoshka_multipliers": [0.5, 1.0], "decoder_init_norm": 0.1},
        "dataset_path": "/home/somebody/texts",
        "training_tokens": 1000,
        "sae_lens_training_version": "6.1",
        "lr": None,
        "seed": "x" * 1000,
    }
    assert training_facts(metadata) == {
        "k": "32.0",
        "matryoshka_multipliers": "[0.5, 1.0]",
        "training_tokens": "1000",
        "sae_lens_training_version": "6.1",
    }
    assert training_facts({"training_architecture_details": "no mapping"}) == {}


def test_the_bundled_sae_has_them() -> None:
    folder = resource("demo") / "saes" / "narrow"
    config = json.loads((folder / "cfg.json").read_text())
    found = load_sae(str(folder)).record.training
    assert float(found["k"]) == config["metadata"]["training_architecture_details"]["k"]
    assert found["num_dead_features"] == str(config["metadata"]["num_dead_features"])
