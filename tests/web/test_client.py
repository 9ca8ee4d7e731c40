"""The client against a real server, and every snippet of `docs/api.md`."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.client import ApiError, AsyncClient, Client, parameters
from app.records import ComparisonBundle
from app.settings import Settings
from app.store.keys import create_key
from app.store.session import make_engine, upgrade
from app.store.write import write_comparison
from app.web.main import create_app
from tests.builders import make_bundle
from tests.live.conftest import served
from tests.saved_saes import save_sae

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/api.md").read_text()
SHELL = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
PYTHON = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def demo() -> ComparisonBundle:
    return make_bundle(name="demo")


@pytest.fixture(scope="module")
def server(demo: ComparisonBundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """URL and a key."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("client"))
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    write_comparison(engine, demo)
    _, key = create_key(engine, "docs", ("write",))
    with served(create_app(settings, engine)) as url:
        yield url, key
    engine.dispose()


@pytest.fixture
def client(server: tuple[str, str]) -> Iterator[Client]:
    with Client(server[0]) as client:
        yield client


@pytest.mark.parametrize("limit", [5, 1000])
def test_all_pages_are_iterated_over(client: Client, demo: ComparisonBundle, limit: int) -> None:
    found = list(client.latents("demo", sae="reference", sort="index", limit=limit))
    assert found == [orjson.loads(orjson.dumps(x)) for x in demo.latents if x.sae == "reference"]


def test_the_asynchronous_client_gets_the_same(server: tuple[str, str], client: Client) -> None:
    async def everything() -> tuple[object, ...]:
        async with AsyncClient(server[0]) as other:
            latents = [latent async for latent in other.latents("demo", limit=7)]
            return latents, await other.comparison("demo"), await other.latent("demo", "narrow", 3)

    expected = list(client.latents("demo")), client.comparison("demo"), client.latent("demo", "narrow", 3)
    assert asyncio.run(everything()) == expected


def test_a_frame_has_every_latent(client: Client, demo: ComparisonBundle) -> None:
    frame = client.latents_frame("demo", sae="narrow", sort="index")
    narrow = [x for x in demo.latents if x.sae == "narrow"]
    assert list(frame["n_firings"]) == [x.n_firings for x in narrow]
    assert frame["hedging_score"].isna().sum() == sum(x.hedging_score is None for x in narrow)
    with pytest.raises(ValueError, match="expected pandas or polars"):
        client.latents_frame("demo", library="numpy")


def test_errors_have_the_problem(client: Client) -> None:
    with pytest.raises(ApiError, match="no comparison 'nope'") as caught:
        client.comparison("nope")
    assert caught.value.status == 404
    assert caught.value.problem["request_id"]


def test_jobs_with_a_key(server: tuple[str, str]) -> None:
    url, key = server
    with Client(url, key) as client:
        job = client.start_job(kind="sae", source="somewhere")
        assert client.job(job["id"])["state"] == "queued"
        assert client.cancel_job(job["id"])["state"] == "cancelled"


def test_parameters_are_written_as_the_api_takes_them() -> None:
    given: dict[str, Any] = {"a": [1, 2], "b": True, "c": None, "d": "x,y", "e": 0.5}
    assert parameters(given) == {"a": "1,2", "b": "1", "d": "x,y", "e": "0.5"}


@pytest.mark.parametrize("snippet", SHELL)
def test_the_documents_commands_work(server: tuple[str, str], tmp_path: Path, snippet: str) -> None:
    environment = {**os.environ, "URL": server[0], "KEY": server[1]}
    if "@cfg.json" in snippet:
        save_sae(tmp_path)
    script = f'set -eu; curl() {{ command curl --silent --show-error --fail-with-body "$@"; }}; {snippet}'
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    if "jobs/preflight" in snippet:
        # There is no worker here; tests/e2e/test_inputs.py has one.
        assert orjson.loads(done.stdout)["type"] == "urn:hedgescope:problem:worker"
        return
    assert done.returncode == 0, done.stdout + done.stderr
    if "latents.csv" in snippet:
        assert len((tmp_path / "latents.csv").read_text().splitlines()) >= 25
    else:
        assert orjson.loads(done.stdout)


def test_the_documents_python_works(server: tuple[str, str]) -> None:
    assert len(PYTHON) >= 7
    script = "\n".join([f"URL = {server[0]!r}", *PYTHON])
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "400 sort (" in done.stdout.replace("['", "(")
