"""SAEs from the Hub, which can't be reached here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.errors import SaeError
from app.sae.load import load_sae
from tests.saved_saes import (
    save_sae,
)


@pytest.mark.parametrize("source", ["./none", "../none:8", "none", "/none"])
def test_a_missing_folder_is_not_looked_for_on_the_hub(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sae_lens import SAE

    def asked(*name: str, **_: object) -> None:
        raise AssertionError(f"asked the hub for {name}")

    monkeypatch.setattr(SAE, "from_pretrained", asked)
    with pytest.raises(SaeError, match=f"{source}: no such folder"):
        load_sae(source)


def test_what_the_hub_does_not_have_is_explained_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from sae_lens import SAE

    def from_pretrained(release: str, sae_id: str, **_: object) -> None:
        raise ValueError(f"ID {sae_id} not found in release {release}.\n  Valid IDs are [...]")

    monkeypatch.setattr(SAE, "from_pretrained", from_pretrained)
    with pytest.raises(SaeError) as caught:
        load_sae("release:x")
    assert str(caught.value) == (
        "release:x: SAELens can't load it from the Hub "
        "(ValueError: ID x not found in release release. Valid IDs are [...])"
    )


def test_a_hub_sae_is_known_by_its_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub can't be reached here; what it would give is loaded from a folder."""
    from sae_lens import SAE

    def from_pretrained(release: str, sae_id: str, **options: Any) -> Any:
        return SAE.load_from_disk(tmp_path / release / sae_id, **options)

    monkeypatch.setattr(SAE, "from_pretrained", from_pretrained)
    save_sae(tmp_path / "release" / "layer_8")
    save_sae(tmp_path / "release" / "layer_9", seed=1)
    first, again, other = (load_sae(f"release:layer_{layer}").record for layer in (8, 8, 9))
    assert (first.name, first.source) == ("release:layer_8", "release:layer_8")
    assert first == again
    assert first.checksum != other.checksum
