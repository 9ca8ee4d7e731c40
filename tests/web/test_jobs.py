"""Jobs over HTTP: asked for, followed, cancelled, resumed; who may, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, Engine
from starlette.testclient import TestClient

from app.jobs.leases import claim_step, complete_finish, fail
from app.jobs.queue import get_job, intervention_result
from app.settings import Settings
from app.store.interventions import write_intervention
from app.store.keys import create_key
from app.store.session import make_engine, upgrade, writing
from app.store.write import register_sae, write_comparison
from app.web.http.errors import ProblemError
from app.web.live.events import JobEvents
from app.web.main import create_app
from app.web.shared.job_queue import JobQueue
from tests.builders import make_bundle, make_intervention, make_sae_record
from tests.local_client import local_client
from tests.web.pages.markup import Document

pytestmark = pytest.mark.slow

ASKED = {"narrow": "one", "reference": "two", "tokens": 1000, "name": "mine"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Settings, Engine]]:
    settings = Settings(data_dir=tmp_path)
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    register_sae(engine, make_sae_record("one"))
    register_sae(engine, make_sae_record("two", d_sae=60, widths=(12, 60)))
    yield settings, engine
    engine.dispose()


def client_of(site: tuple[Settings, Engine], **changes: Any) -> TestClient:
    settings, engine = site
    app = create_app(settings.model_copy(update=changes), engine)
    return local_client(app, follow_redirects=False, base_url="http://127.0.0.1")


@pytest.fixture
def client(site: tuple[Settings, Engine]) -> TestClient:
    return client_of(site)


def events(client: TestClient, job_id: int, **headers: str) -> list[dict[str, Any]]:
    """The jobs of a stream that ends."""
    with client.stream("GET", f"/api/v1/jobs/{job_id}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: ")]


def test_a_job_is_asked_for_and_found(client: TestClient) -> None:
    answer = client.post("/api/v1/jobs", json=ASKED)
    assert (answer.status_code, answer.headers["location"]) == (201, "/api/v1/jobs/1")
    job = answer.json()
    assert (job["kind"], job["state"], job["request"]["tokens"]) == ("comparison", "queued", 1000)
    assert client.get("/api/v1/jobs/1").json() == job
    assert client.get("/api/v1/jobs").json() == {"items": [job], "next": None, "total": None}
    client.post("/api/v1/jobs", json={"kind": "sae", "source": "folder", "matryoshka_widths": [4, 8]})
    assert client.get("/api/v1/jobs?limit=1").json()["next"] == "2"
    assert client.get("/api/v1/jobs?limit=1&before=2").json()["items"] == [job]


@pytest.mark.parametrize(
    ("body", "parameter", "words"),
    [
        ({**ASKED, "narrow": "nope"}, "narrow", "the registered ones are one, two"),
        ({**ASKED, "reference": "two@x"}, "reference", "a number"),
        ({**ASKED, "tokens": -1}, "tokens", "greater than or equal to 1"),
        ({**ASKED, "tokens": "many"}, "tokens", "integer"),
        ({**ASKED, "name": "A b"}, "name", "lower-case letters"),
        ({**ASKED, "activations": "a", "text": "b"}, "activations", "one or the other"),
        ({**ASKED, "dtype": "float16"}, "dtype", "'float32' or 'bfloat16'"),
        ({**ASKED, "dtype": "bfloat16", "activations": "a"}, "dtype", "dtype is the precision of the model"),
        ({**ASKED, "text": "a\x00b"}, "text", "pattern"),
        ({**ASKED, "depth": 3}, "depth", "unknown field"),
        ({"narrow": "one"}, "reference", "missing"),
        ({"kind": "prompt"}, "kind", "comparison, sae, intervention"),
        ({"kind": ["sae"]}, "kind", "comparison, sae, intervention"),
        ({"kind": "intervention"}, "comparison", "is missing"),
        ({"kind": "intervention", "comparison": "nowhere"}, "comparison", "no comparison 'nowhere'"),
        ({"kind": "intervention", "comparison": "tiny", "runs": 3}, "runs", "expected an even number"),
        ({"kind": "intervention", "comparison": "tiny", "tokens": 9}, "tokens", "one batch of 1024"),
        (
            {"kind": "sae", "source": "x", "matryoshka_widths": [0]},
            "matryoshka_widths",
            "has 0; expected 1 to",
        ),
        ([], "body", "object"),
    ],
)
def test_what_makes_no_sense_is_said(client: TestClient, body: Any, parameter: str, words: str) -> None:
    answer = client.post("/api/v1/jobs", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    problem = answer.json()
    assert problem["parameter"] == parameter
    assert words in problem["detail"]
    assert client.get("/api/v1/jobs").json()["items"] == []


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"\xff\xfe{}", 400), (b'{"narrow": "\xed\xa0\x80"}', 400), (b"{", 400), (b"", 400), (b"x" * 10_000_000, 413)],
)
def test_bodies_that_are_no_json(client: TestClient, content: bytes, status: int) -> None:
    answer = client.post("/api/v1/jobs", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_other_sites_start_nothing(client: TestClient) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://x.example"}):
        for path, content in (("/api/v1/jobs", {"json": ASKED}), ("/compare/new", {"data": ASKED})):
            assert client.post(path, headers=headers, **content).status_code == 403  # type: ignore[arg-type]
    # A form of another site can only send these types.
    plain = client.post("/api/v1/jobs", content=json.dumps(ASKED), headers={"Content-Type": "text/plain"})
    assert plain.status_code == 415
    assert client.get("/api/v1/jobs").json()["items"] == []


@pytest.mark.parametrize("changes", [{"host": "0.0.0.0"}, {"allowed_hosts": ("127.0.0.1",)}])
def test_beyond_this_computer_nothing_starts_without_a_key(
    site: tuple[Settings, Engine], changes: dict[str, Any]
) -> None:
    client = client_of(site, **changes)
    refused = client.post("/api/v1/jobs", json=ASKED)
    assert refused.status_code == 401
    assert "hedgescope key create" in refused.json()["detail"]
    assert 'type="password"' in client.get("/compare/new").text


def test_with_a_token(site: tuple[Settings, Engine]) -> None:
    client = client_of(site, host="0.0.0.0", jobs_token=SecretStr("right"))
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic right"}):
        answer = client.post("/api/v1/jobs", json=ASKED, headers=wrong)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "right" not in answer.text
    assert client.post("/api/v1/jobs", json=ASKED, headers={"Authorization": "Bearer right"}).status_code == 201
    assert client.post("/compare/new", data={**ASKED, "token": "wrong"}).status_code == 401
    assert client.post("/compare/new", data={**ASKED, "token": "right"}).status_code == 303
    assert 'type="password"' in client.get("/jobs/1").text
    assert client.post("/jobs/1/cancel", data={}).status_code == 401
    assert client.post("/jobs/1/cancel", data={"token": "right"}).status_code == 303


def test_a_form_leads_to_its_job(client: TestClient, site: tuple[Settings, Engine]) -> None:
    answer = client.post("/compare/new", data={**ASKED, "reference": "two@12", "text": "", "model": " "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs/1")
    job = get_job(site[1], 1)
    assert (job.request.narrow, job.request.reference, job.request.text) == ("one", "two@12", None)  # type: ignore[union-attr]
    shown = client.get("/jobs/1").text
    assert "Model precision" not in shown, "what was left out is not shown"
    sae = client.post("/saes/new", data={"source": "folder", "matryoshka_widths": "4, 8"})
    assert sae.headers["location"] == "/jobs/2"
    assert get_job(site[1], 2).request.matryoshka_widths == (4, 8)  # type: ignore[union-attr]


def test_what_the_model_computes_in_is_kept_and_shown(client: TestClient, site: tuple[Settings, Engine]) -> None:
    assert client.post("/compare/new", data={**ASKED, "dtype": "bfloat16"}).status_code == 303
    assert get_job(site[1], 1).request.dtype == "bfloat16"  # type: ignore[union-attr]
    assert "Model precision" in client.get("/jobs/1").text
    again = client.get("/compare/new?dtype=bfloat16").text
    assert [e.text for e in Document(again).all("option") if "selected" in e.attributes] == ["bfloat16"]


def test_a_wrong_form_is_shown_again_with_what_was_in_it(client: TestClient) -> None:
    answer = client.post("/compare/new", data={**ASKED, "tokens": "-5", "text": '"><script>'})
    assert answer.status_code == 400
    page = Document(answer.text)
    assert "tokens is '-5'" in page.one("p", "notice").text
    fields = {e.attributes["name"]: e.attributes for e in page.all("input") if "name" in e.attributes}
    assert (fields["tokens"]["value"], fields["text"]["value"]) == ("-5", '"><script>')
    assert fields["tokens"]["aria-invalid"] == "true"
    assert "<script>" not in answer.text
    chosen = [e.attributes["value"] for e in page.all("option") if "selected" in e.attributes]
    assert chosen == ["one", "two"]


def test_a_job_is_followed_until_it_ends(client: TestClient, site: tuple[Settings, Engine]) -> None:
    client.post("/api/v1/jobs", json={"kind": "sae", "source": "folder"})
    claim = claim_step(site[1], "a", 60)
    assert claim is not None
    with writing(site[1]) as connection:
        complete_finish(connection, claim, "folder")
    (ended,) = events(client, 1)
    assert (ended["state"], ended["sae"]) == ("done", "folder")
    last = {"Last-Event-ID": f"{ended['version']}-0"}
    assert client.get("/api/v1/jobs/1/events", headers=last).status_code == 204, "browsers stop to ask then"
    assert client.get("/api/v1/jobs/9/events").status_code == 404
    assert "/saes/of/folder" in client.get("/jobs/1").text


def test_streams_are_counted(site: tuple[Settings, Engine]) -> None:
    client = client_of(site, max_event_streams=0)
    client.post("/api/v1/jobs", json=ASKED)
    assert client.get("/api/v1/jobs/1/events").status_code == 503


def test_cancel_and_resume(client: TestClient, site: tuple[Settings, Engine]) -> None:
    client.post("/api/v1/jobs", json=ASKED)
    assert client.post("/api/v1/jobs/1/cancel").json()["state"] == "cancelled"
    assert client.post("/api/v1/jobs/1/cancel").status_code == 409
    assert client.post("/jobs/1/resume").headers["location"] == "/jobs/1"
    claim = claim_step(site[1], "a", 60)
    assert claim is not None
    fail(site[1], claim, "the disk is full; free some space")
    page = client.get("/jobs/1").text
    assert "free some space" in page
    assert "Failed before it started" in page
    assert "Try again" in page
    assert "Resume" not in page, "there is nothing to resume"
    assert client.post("/api/v1/jobs/1/resume").json()["error"] is None
    assert client.post("/api/v1/jobs/7/resume").status_code == 404


def test_a_page_follows_without_javascript_too(client: TestClient) -> None:
    client.post("/api/v1/jobs", json=ASKED)
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in client.get("/jobs/1").text
    client.post("/jobs/1/cancel")
    assert "refresh" not in client.get("/jobs/1").text


def test_no_page_and_no_answer_names_a_folder(client: TestClient, site: tuple[Settings, Engine]) -> None:
    from dataclasses import replace

    register_sae(site[1], replace(make_sae_record("three"), source="/home/someone/saes/three", notes=("no /a/b/c",)))
    for path in ("/saes", "/saes.json", "/api/v1/saes", "/api/v1/saes/three"):
        text = client.get(path).text
        assert "three" in text
        assert "/home" not in text
        assert "/a/b" not in text


def test_an_intervention_is_a_job(client: TestClient, site: tuple[Settings, Engine]) -> None:
    _, engine = site
    bundle = make_bundle()
    write_comparison(engine, bundle)
    slug = bundle.summary.slug
    answer = client.post("/api/v1/jobs", json={"kind": "intervention", "comparison": "tiny", "runs": 2})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["kind"], answer.json()["intervention"]) == ("intervention", None)
    assert "Intervention on tiny" in client.get("/jobs").text
    claim = claim_step(engine, "worker", 60)
    assert claim is not None
    assert claim.phase == "finish"

    def done(connection: Connection, number: int) -> None:
        complete_finish(connection, claim, intervention_result(number, slug))

    number = write_intervention(engine, make_intervention(bundle.summary), done)
    job = client.get("/api/v1/jobs/1").json()
    assert (job["state"], job["slug"], job["sae"], job["intervention"]) == ("done", slug, None, number)
    page = client.get("/jobs/1").text
    assert f"/c/{slug}/intervention?id={number}" in page
    assert "Open the intervention" in page
    assert "Run again" not in page


def test_one_client_has_a_share_of_the_waiting_jobs(
    site: tuple[Settings, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.shared.job_queue.MOST_WAITING", 3)
    settings, engine = site
    app = create_app(settings.model_copy(update={"host": "0.0.0.0", "jobs_token": SecretStr("t")}), engine)
    key = {"X-API-Key": create_key(engine, "another", ("write",))[1]}
    token = {"X-API-Key": "t"}
    client = local_client(app, base_url="http://lab.example", client=("203.0.113.9", 1), follow_redirects=False)
    statuses = [client.post("/api/v1/jobs", json=ASKED, headers=token).status_code for _ in range(5)]
    assert statuses == [201, 201, 201, 409, 409]
    assert client.post("/compare/new", data={**ASKED, "token": "t"}).status_code == 400
    assert client.post("/api/v1/jobs", json=ASKED, headers=key).status_code == 201
    assert client.post("/api/v1/jobs/1/cancel", headers=token).status_code == 200
    assert client.post("/api/v1/jobs", json=ASKED, headers=token).status_code == 201


def test_one_client_has_a_share_of_the_streams() -> None:
    streams = JobEvents(cast(JobQueue, None), max_streams=10)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(streams.stream(1, None, "one"))
        with pytest.raises(ProblemError) as caught, streams.stream(1, None, "one"):
            pytest.fail("one more than a fifth")
        assert caught.value.problem.status == 503
        stack.enter_context(streams.stream(1, None, "another"))
    with streams.stream(1, None, "one"):
        pass
