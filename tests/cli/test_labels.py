"""`hedgescope labels`, and where the labels are shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from starlette.testclient import TestClient

from app.settings import Settings
from app.store.write import register_sae, write_comparison
from app.web.main import create_app
from tests.builders import make_bundle
from tests.cli.conftest import Terminal

ATTACK = "<script>alert(1)</script>"


def test_they_are_shown_next_to_our_own_and_escaped(terminal: Terminal, tmp_path: Path) -> None:
    engine = terminal.engine()
    bundle = make_bundle()
    side = bundle.summary.narrow
    sae = replace(side.sae, name="mine", neuronpedia_id="gemma-2-2b/12-res")
    register_sae(engine, sae)
    summary = replace(bundle.summary, narrow=replace(side, sae=sae))
    write_comparison(engine, replace(bundle, summary=summary))
    record = {
        "modelId": "gemma-2-2b",
        "layer": "12-res",
        "index": "2",
        "description": ATTACK,
        "explanationModelName": "gpt",
    }
    (tmp_path / "labels.json").write_text(json.dumps([record]))
    client = TestClient(create_app(Settings(), engine))
    page = f"/c/{summary.slug}/narrow/2"
    before = client.get(page)
    assert (
        terminal.run("labels", "add", str(tmp_path / "labels.json"), "--sae", "mine").out == "1 labels of 1 latents\n"
    )
    after = client.get(page, headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert ATTACK not in after.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in after.text
    assert "(Neuronpedia, by gpt)" in after.text
    assert 'href="https://www.neuronpedia.org/gemma-2-2b/12-res/2"' in after.text
    answer = client.get(f"/api/v1/comparisons/{summary.slug}/narrow/2/labels").json()
    assert (answer["total"], answer["items"][0]["label"]) == (1, ATTACK)
    assert answer["url"] == "https://www.neuronpedia.org/gemma-2-2b/12-res/2"
    assert client.get(f"/api/v1/comparisons/{summary.slug}/reference/2/labels").json()["items"] == []
    assert terminal.run("labels", "remove", "--sae", "mine").out == "1 labels removed\n"
    assert client.get(page).text == before.text
    wrong = terminal.run("labels", "add", str(tmp_path / "nowhere.json"), "--sae", "mine")
    assert (wrong.code, "can't be read" in wrong.err) == (1, True)
    engine.dispose()
