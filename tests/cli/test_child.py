"""The worker that `serve` starts: started again when it dies, ended with its parent however that ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
import pytest

from app.cli import worker_child
from app.cli.worker_child import WorkerChild, worker_for
from app.errors import WorkerError
from app.settings import Settings
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]

FAKE = """
import json, socket, sys
sent = json.loads(sys.stdin.readline())
assert sent["secret"] and sent["settings"]["data_dir"] and "worker_secret" not in sent["settings"]
listener = socket.create_server(("127.0.0.1", 0))
print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
sys.stdin.read()
"""
"""Does what the supervisor sees of a worker; the real one is below, once, since it takes seconds to start."""


def is_listening(child: WorkerChild) -> bool:
    try:
        child.where()
    except WorkerError:
        return False
    return True


@contextmanager
def child_of(tmp_path: Path, code: str = FAKE) -> Iterator[WorkerChild]:
    child = WorkerChild(Settings(data_dir=tmp_path), (sys.executable, "-c", code), first_pause_s=0.2)
    child.start()
    try:
        yield child
    finally:
        child.stop()


def test_it_says_where_it_is_and_ends(tmp_path: Path) -> None:
    with child_of(tmp_path) as child:
        wait_until(lambda: is_listening(child))
        pid = child.pid
        assert pid is not None
        assert child.where().url.startswith("http://127.0.0.1:")
        assert child.where().secret.get_secret_value() not in " ".join(psutil.Process(pid).cmdline())
        assert child.where().secret.get_secret_value() not in str(psutil.Process(pid).environ())
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert child.pid is None


def test_it_is_started_again_when_it_dies(tmp_path: Path) -> None:
    with child_of(tmp_path) as child:
        wait_until(lambda: is_listening(child))
        first, url = child.pid, child.where().url
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not is_listening(child))
        wait_until(lambda: is_listening(child))
        assert child.pid != first
        assert child.where().url != url


def test_one_that_never_starts_is_told_and_not_tried_all_the_time(tmp_path: Path) -> None:
    with child_of(tmp_path, f"open({str(tmp_path / 'starts')!r}, 'a').write('x')") as child:
        wait_until(lambda: (tmp_path / "starts").exists() and len((tmp_path / "starts").read_text()) >= 2)
        with pytest.raises(WorkerError, match="being started again"):
            child.where()
    assert not child._thread.is_alive(), "what would start it again has ended"
    assert len((tmp_path / "starts").read_text()) < 8


def test_without_torch_there_is_none_and_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(worker_child, "NEEDED", ("a_package_that_is_not_there",))
    with worker_for(Settings(data_dir=tmp_path)) as (where, missing):
        assert missing is not None
        assert "a_package_that_is_not_there not installed" in missing
        with pytest.raises(WorkerError, match="a_package_that_is_not_there"):
            where()


def test_a_configured_worker_is_used(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"data_dir": tmp_path, "worker_url": "http://worker:8001", "worker_secret": "abc"}
    )
    with worker_for(settings) as (where, missing):
        assert (where().url, where().secret.get_secret_value(), missing) == ("http://worker:8001", "abc", None)


def test_none_is_started_where_that_is_switched_off(tmp_path: Path) -> None:
    with worker_for(Settings(data_dir=tmp_path, start_worker=False)) as (where, missing):
        assert missing is None
        with pytest.raises(WorkerError, match="HEDGESCOPE_START_WORKER is off"):
            where()


def workers_of(pid: int) -> list[psutil.Process]:
    return [one for one in psutil.Process(pid).children(recursive=True) if {"worker", "--child"} <= set(one.cmdline())]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_serve_answers_at_once_and_its_worker_ends_with_it(tmp_path: Path, ending: signal.Signals) -> None:
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0"]
    environment = {**os.environ, "HEDGESCOPE_DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    with (
        (tmp_path / "err").open("w") as errors,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as server,
    ):
        try:
            assert server.stdout is not None
            found = re.search(r"serving (http://127\.0\.0\.1:\d+)/ ", server.stdout.readline())
            assert found
            status = json.loads(urlopen(f"{found[1]}/api/v1/worker", timeout=60).read())
            assert status["available"] is False
            assert "starting" in status["reason"]
            wait_until(lambda: bool(json.loads(urlopen(f"{found[1]}/api/v1/worker", timeout=60).read())["available"]))
            (worker,) = workers_of(server.pid)
            body = json.dumps({"text": "hello"}).encode()
            unknown = Request(f"{found[1]}/api/v1/comparisons/none/prompt", body, {"Content-Type": "application/json"})
            with pytest.raises(OSError, match="404"):
                urlopen(unknown, timeout=60)
            server.send_signal(ending)
            server.wait(60)
            wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
        finally:
            server.kill()
    assert "Traceback" not in (tmp_path / "err").read_text()
