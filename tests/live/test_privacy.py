"""A text that was read is nowhere afterwards: not in the database, the data folder, the logs or an address."""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from app import logs
from app.inference.client import nowhere
from app.web.main import create_app
from tests.inference.place import Place
from tests.live.conftest import served

MARK = "Zanzibarquartz"
TEXT = f"w1 {MARK} w2"


def files_with(folder: Path, text: str) -> list[str]:
    forms = (text.encode(), text.encode("utf-16-le"), quote(text).encode())
    return [
        str(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(form in path.read_bytes() for form in forms)
    ]


def test_the_text_is_kept_nowhere(
    site_url: str, worker_url: str, place: Place, http: httpx.Client, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    page, api = f"{site_url}/c/{place.slug}/prompt", f"{site_url}/api/v1/comparisons/{place.slug}/prompt"
    log_file = tmp_path / "log"
    with log_file.open("w") as stream, caplog.at_level(logging.DEBUG):
        logs_before = logging.getLogger().handlers[:]
        logs.configure(level="debug", form="json", service="web", stream=stream)
        try:
            answers = [
                http.post(api, json={"text": TEXT}),
                http.post(page, data={"text": TEXT}, headers={"Accept": "text/html"}),
                http.post(api, json={"text": f"{MARK} " * 3000}),
                http.post(page, data={"text": f"{MARK} " * 3000}),
                http.post(api, json={"text": TEXT, "top": 99}),
                http.post(api, json={"text": TEXT, MARK: 1}),
                http.post(api, content=f'{{"text": "{TEXT} \\ud800"}}', headers={"Content-Type": "application/json"}),
                http.post(
                    page, content=f"text={MARK}%ff", headers={"Content-Type": "application/x-www-form-urlencoded"}
                ),
            ]
            without = create_app(place.settings(), place.engine, nowhere("away"))
            with served(without) as url:
                answers.append(http.post(f"{url}/c/{place.slug}/prompt", data={"text": TEXT}))
        finally:
            for handler in logging.getLogger().handlers[:]:
                logging.getLogger().removeHandler(handler)
            for handler in logs_before:
                logging.getLogger().addHandler(handler)
    assert [answer.status_code for answer in answers] == [200, 200, 400, 400, 400, 400, 400, 400, 503]
    assert log_file.stat().st_size > 500
    assert MARK not in log_file.read_text()
    assert MARK not in caplog.text
    assert files_with(place.data_dir, MARK) == []
    for answer in answers:
        assert MARK not in str(answer.url)
        assert MARK not in str(answer.headers)


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "x").write_text(f"…{MARK}…")
    assert files_with(tmp_path, MARK) == [str(tmp_path / "x")]
