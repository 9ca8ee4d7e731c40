"""No answer of any route names a folder of the machine that the records were made on."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr
from sqlalchemy import Engine
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.errors import last_part
from app.inference.client import Inference, fixed
from app.jobs import queue
from app.jobs.leases import claim_step, fail
from app.records import ComparisonBundle, SaeRecord
from app.records.request import ComparisonRequest, SaeRequest
from app.settings import Settings
from app.store.degrees import write_degree
from app.store.interventions import write_intervention
from app.store.session import make_engine, upgrade
from app.store.write import register_sae, write_comparison
from app.web.main import create_app
from app.web.shared.redact import public_command
from tests.builders import make_bundle, make_degree, make_intervention, make_sae_record
from tests.local_client import local_client
from tests.web.private_worker import FOLDER, SECRET, TYPED, answer_of_a_worker

pytestmark = pytest.mark.slow

"""In requests of this test: shown again to whoever sent it, and to nobody else."""

ROOT = Path(__file__).parents[2]


Answers = dict[tuple[str, str], list[Any]]
"""(method, path of a route) -> answers."""


def planted_sae(record: SaeRecord) -> SaeRecord:
    folder = f"{FOLDER} of/{record.name}"
    return replace(
        record,
        source=folder,
        model_name=f"{FOLDER}/model",
        notes=(f"{folder}/config.json: no hook", f"no {FOLDER}/other"),
    )


def planted_bundle() -> ComparisonBundle:
    bundle = make_bundle(name="private")
    summary = bundle.summary
    narrow, reference = (replace(side, sae=planted_sae(side.sae)) for side in (summary.narrow, summary.reference))
    command = (
        f"hedgescope compare --narrow {FOLDER}/narrow@4 --reference ../{SECRET}/reference --text='{FOLDER} of/t.txt'"
    )
    private: dict[str, Any] = {
        "model_name": f"{FOLDER}/model",
        "text_source": f"{FOLDER}/text.jsonl",
        "command": command,
    }
    return replace(bundle, summary=replace(summary, narrow=narrow, reference=reference, **private))


@pytest.fixture(scope="module")
def bundle() -> ComparisonBundle:
    return planted_bundle()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, bundle: ComparisonBundle) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path_factory.mktemp(SECRET) / 'hedgescope.db'}"
    upgrade(url)
    engine = make_engine(url)
    write_comparison(engine, bundle)
    sae = bundle.summary.narrow.sae
    register_sae(engine, planted_sae(make_sae_record("plain")))
    intervention = make_intervention(bundle.summary)
    command = f"hedgescope intervene --activations {FOLDER}/acts"
    private = replace(intervention.summary, activations=f"{FOLDER}/acts", command=command)
    write_intervention(engine, replace(intervention, summary=private))
    write_degree(engine, replace(make_degree(sae.checksum, sae.d_sae), command=f"hedgescope degree --control {FOLDER}"))
    queue.submit(engine, ComparisonRequest("plain", "plain", model=f"{FOLDER}/model", text=f"{FOLDER}/text"))
    claim = claim_step(engine, "a", 60)
    assert claim is not None
    fail(engine, claim, f"{FOLDER}/text: there is no such file, nor 'file://{FOLDER}/text'")
    queue.cancel(engine, queue.submit(engine, SaeRequest(f"{FOLDER}/sae", model=f"~/{SECRET}/model")).id)
    queue.submit(engine, ComparisonRequest("plain", "plain", activations=f"{FOLDER}/acts"))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def app(engine: Engine, bundle: ComparisonBundle) -> FastAPI:
    app = create_app(Settings(database_url=str(engine.url), input_dir=Path(TYPED)), engine)
    transport = httpx.MockTransport(answer_of_a_worker)
    app.state.inference = Inference(fixed("http://worker", SecretStr("x")), transport=transport)
    return app


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with local_client(app, follow_redirects=False, base_url="http://127.0.0.1") as client:
        yield client


def values_of(bundle: ComparisonBundle) -> dict[str, tuple[str, ...]]:
    """Name of a path's parameter -> values for it: things that are stored, then some that are not."""
    return {
        "slug": (bundle.summary.slug, bundle.summary.name, "nope"),
        "name": ("plain", "nope"),
        "job_id": ("1", "99"),
        "number": ("1", "99"),
        **dict.fromkeys(("a", "b"), (bundle.summary.slug, "nope")),
        **dict.fromkeys(("index", "i", "j"), ("0", "1", "9999", "x")),
    }


def routes_of(app: FastAPI) -> list[tuple[str, str]]:
    """Every (method, path) of the application, whatever it is for."""
    found = []
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, Mount):
            assert route.original_route.name == "static"
            continue
        found += [(method, str(route.path)) for method in sorted(route.methods or ())]
    return found


def filled(path: str, values: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """The path with values for its parameters, one of them at a time another one than its first.

    An unknown parameter is a KeyError.
    """
    path = path.replace(":path}", "}")
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    first = {name: values[name][0] for name in names}
    yield path.format(**first)
    for name in names:
        yield from (path.format(**{**first, name: value}) for value in values[name] if value != first[name])


BODIES: tuple[dict[str, Any], ...] = (
    {"json": {"text": "a", "latents": [{"sae": "narrow", "index": 1}]}},
    {"json": {"narrow": "plain", "reference": "plain", "text": f"{TYPED}/new.txt"}},
    {"json": {"kind": "sae", "source": f"{TYPED}/new"}},
    {"data": {"text": "a"}},
    {"data": {"narrow": "plain", "reference": "plain", "model": f"{TYPED}/new"}},
    {"data": {"source": f"{TYPED}/new"}},
    {"data": {}},
)
"""Sent to whatever takes a POST: each of them is right for some route."""

UPLOADS = {("POST", "/api/v1/inputs"), ("POST", "/saes/upload")}
"""They take the files of an SAE, which tests/web/test_inputs.py sends; here they only refuse."""

ELSEWHERE = {("GET", "/c/{slug}/random"), ("HEAD", "/c/{slug}/random")}
"""They only lead to another page."""

PAGE, DATA = {"Accept": "text/html"}, {"Accept": "application/json"}


def asked(client: TestClient, method: str, path: str) -> Iterator[Any]:
    """Answers of one path: as a page and as data, with right and wrong parameters and bodies."""
    if method == "HEAD":
        yield client.head(path)
        yield client.head(f"{path}?q=a")
        yield client.head(f"{path}?index=0")
        return
    for body in BODIES if method == "POST" else ({},):
        yield client.request(method, path, headers=PAGE, **body)
        yield client.request(method, path, headers=DATA, **body)
    for query in ("?nope=1", "?latent=narrow:1", "?q=a", "?index=0"):
        yield client.request(method, path + query, headers=PAGE, data={"text": "a"} if method == "POST" else None)


@pytest.fixture(scope="module")
def answers(client: TestClient, app: FastAPI, engine: Engine, bundle: ComparisonBundle) -> Answers:
    """All answers. What a POST has started is read afterwards."""
    found: Answers = {}
    routes = routes_of(app)
    for method in ("POST", "GET", "HEAD"):
        values = values_of(bundle)
        for job in queue.list_jobs(engine, limit=100):
            if method == "GET" and job.is_active:
                queue.cancel(engine, job.id)  # until then its stream of events does not end
            values["job_id"] = (*values["job_id"], str(job.id)) if job.id < 9 else values["job_id"]
        for route in [(known, path) for known, path in routes if known == method]:
            found[route] = [answer for path in filled(route[1], values) for answer in asked(client, method, path)]
    return found


def test_every_route_is_asked_and_answers(answers: Answers, app: FastAPI) -> None:
    assert set(answers) == set(routes_of(app))
    assert len(answers) > 50
    statuses = {route: {one.status_code for one in found} for route, found in answers.items()}
    unanswered = {route for route, found in statuses.items() if not found & {200, 201, 303}}
    assert unanswered == UPLOADS | ELSEWHERE
    every = set.union(*statuses.values())
    assert every >= {200, 201, 303, 307, 400, 404, 409, 415, 422}
    assert max(every) < 500


def test_no_answer_names_a_folder(answers: Answers) -> None:
    leaks = {
        f"{method} {path}: {line.strip()[:200]}"
        for (method, path), found in answers.items()
        for answer in found
        for line in (*answer.text.splitlines(), *answer.headers.values())
        if SECRET in line or (TYPED in line and method != "POST")
    }
    assert leaks == set()


def test_a_text_is_read_by_a_model_without_its_folder(client: TestClient, bundle: ComparisonBundle) -> None:
    page = client.post(f"/c/{bundle.summary.slug}/prompt", data={"text": "a"})
    assert page.status_code == 200
    assert "model at" in page.text
    assert "float32 on cpu" in page.text


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("/srv/a/b", "b"),
        ("/srv/a/b/", "b"),
        ("~/a/b", "b"),
        ("./a/b", "b"),
        ("../a/b@4", "b@4"),
        ("file:///srv/a", "a"),
        (r"C:\a\b", "b"),
        ("org/model", "org/model"),
        ("release:sae/id", "release:sae/id"),
    ],
)
def test_files_are_named_by_their_last_part(source: str, shown: str) -> None:
    assert last_part(source) == shown
    words = shlex.split(public_command(shlex.join(["hedgescope", "--text", source, f"--text={source}"])))
    assert words == ["hedgescope", "--text", shown, f"--text={shown}"]


READERS = {
    "app.store.read": {
        *("get_comparison", "list_comparisons", "summary_text", "summary_texts"),
        *("get_sae", "list_saes", "resolve_slug"),
    },
    "app.store.degrees": {"degrees_of"},
    "app.store.interventions": {"interventions_of", "get_intervention"},
    "app.jobs.queue": {"submit", "get_job", "list_jobs", "get_jobs", "cancel", "resume"},
}
"""Functions whose records name folders."""

UNUSED = {"get_comparison", "list_comparisons"}
"""The web reads the stored text of summaries instead."""

REDACTING = {"app/web/shared/find.py", "app/web/shared/job_queue.py"}


def private_names(tree: ast.Module) -> set[str]:
    """Those of `READERS` that a module uses, from their module or as attributes of it."""
    modules = {name.rpartition(".")[2]: names for name, names in READERS.items()}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in READERS:
            found |= {alias.name for alias in node.names} & READERS[node.module]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            found |= {node.attr} & modules[node.value.id]
    return found


def test_only_two_modules_of_the_web_read_private_records() -> None:
    users = {
        path.relative_to(ROOT).as_posix(): names
        for path in (ROOT / "app/web").rglob("*.py")
        if (names := private_names(ast.parse(path.read_text())))
    }
    assert set(users) == REDACTING
    assert set.union(*users.values()) == set.union(*READERS.values()) - UNUSED
