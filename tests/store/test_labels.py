"""Labels of other programs: read from their files, stored by the SAE's weights."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from app.errors import HedgescopeError
from app.records import OtherLabel
from app.store.label_files import read_labels
from app.store.labels import count_labels, labels_of, labels_tag, remove_labels, write_labels

EXPLANATION = {
    "modelId": "gemma-2-2b",
    "layer": "12-gemmascope-res-16k",
    "index": "3",
    "description": "words about\n cats",
    "explanationModelName": "gpt-4o-mini",
    "typeName": "oai_token-act-pair",
}
CATS = OtherLabel(3, "Neuronpedia", "words about cats", "gpt-4o-mini")
BATCH = {
    "model_id": "gemma-2-2b",
    "layer": 12,
    "sae_set": "res-16k",
    "features": [
        {"feature_index": 0, "pos_str": [" cat", " dog", "\n", "<b>", "e", "f"], "neg_str": [" x"], "activations": []},
        {"feature_index": 5, "pos_str": [], "neg_str": []},
    ],
}


def saved(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_exports_of_neuronpedia(tmp_path: Path) -> None:
    other = {**EXPLANATION, "index": 4, "description": "dogs", "explanationModelName": None}
    expected = [CATS, OtherLabel(4, "Neuronpedia", "dogs", None)]
    assert read_labels(saved(tmp_path / "a.json", [EXPLANATION, other]), 8, None) == expected
    lines = f"{json.dumps(EXPLANATION)}\n\n{json.dumps(other)}\n"
    assert read_labels(saved(tmp_path / "a.jsonl", lines), 8, None) == expected
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    assert read_labels(tmp_path / "a.jsonl.gz", 8, "gemma-2-2b/12-gemmascope-res-16k") == expected
    feature = {"modelId": "m", "layer": "l", "index": "3", "explanations": [EXPLANATION, {**other, "index": None}]}
    assert [each.label for each in read_labels(saved(tmp_path / "f.json", feature), 8, None)] == [CATS.label, "dogs"]


def test_a_batch_of_saedashboard(tmp_path: Path) -> None:
    (found,) = read_labels(saved(tmp_path / "batch-0.json", BATCH), 8, None)
    assert (found.index, found.source, found.made_by) == (0, "SAEDashboard", None)
    assert found.label == "raises “ cat”, “ dog”, “ ”, “<b>”, “e”"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "holds no label"),
        ("hello", "line 1 is not JSON; expected Neuronpedia's export"),
        ([{"name": "x"}], "is something else; expected Neuronpedia's export"),
        ([{**EXPLANATION, "index": "x"}], "has a latent of index 'x'; expected a number"),
        ([{**EXPLANATION, "index": "8"}], "labels latent 8, but the SAE has 0 to 7: another SAE's"),
        ([{**EXPLANATION, "layer": "3-other"}], "has labels of gemma-2-2b/3-other, but this SAE is gemma-2-2b/12-"),
        ([{**EXPLANATION, "description": " "}], "holds no label"),
    ],
)
def test_what_is_not_for_this_sae_is_refused(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(HedgescopeError) as caught:
        read_labels(saved(tmp_path / "a.json", content), 8, "gemma-2-2b/12-gemmascope-res-16k")
    assert words in str(caught.value)
    with pytest.raises(HedgescopeError, match="can't be read"):
        read_labels(tmp_path / "nowhere.json", 8, None)


def test_they_are_kept_by_the_weights(engine: Engine) -> None:
    second = OtherLabel(3, "Neuronpedia", "felines", None)
    raised = OtherLabel(3, "SAEDashboard", "raises “ cat”", None)
    write_labels(engine, "a" * 64, [CATS, second, raised])
    assert labels_of(engine, "a" * 64, 3) == (CATS, second, raised)
    assert labels_of(engine, "b" * 64, 3) == labels_of(engine, "a" * 64, 4) == ()
    tag = labels_tag(engine, "a" * 64, 3)
    write_labels(engine, "a" * 64, [second])
    assert labels_of(engine, "a" * 64, 3) == (second, raised)
    assert labels_tag(engine, "a" * 64, 3) != tag != ""
    assert count_labels(engine, "a" * 64) == 2
    assert remove_labels(engine, "a" * 64) == 2
    assert labels_tag(engine, "a" * 64, 3) == ""
