"""`hedgescope serve` as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_it_serves_until_ctrl_c(tmp_path: Path) -> None:
    """Ctrl-C is how serving ends, so it ends well: exit code 0, no traceback."""
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0"]
    environment = {**os.environ, "HEDGESCOPE_DATA_DIR": str(tmp_path)}
    with (
        (tmp_path / "err").open("w") as errors,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as server,
    ):
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            found = re.search(r"serving (http://127\.0\.0\.1:\d+)/ ", line)
            assert found, line
            with urlopen(f"{found[1]}/healthz", timeout=60) as answer:
                assert answer.status == 200
            server.send_signal(signal.SIGINT)
            server.wait(60)
        finally:
            server.kill()
    said = (tmp_path / "err").read_text()
    assert server.returncode == 0
    assert "Traceback" not in said
    assert "goes on where" not in said


def test_several_processes_answer_on_one_address(tmp_path: Path) -> None:
    """One of them may die: the others answer, and it is started again. All end with the first."""
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0", "--no-worker"]
    environment = {**os.environ, "HEDGESCOPE_DATA_DIR": str(tmp_path)}
    with (
        (tmp_path / "err").open("w") as errors,
        subprocess.Popen(
            [*command, "--processes", "3"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as server,
    ):
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[1].rstrip("/")
            first = psutil.Process(server.pid)
            wait_until(lambda: all_answer(url, first), timeout_s=90)
            killed = first.children()[0]
            killed.kill()
            assert all(is_healthy(url) for _ in range(30))
            wait_until(lambda: killed not in first.children() and all_answer(url, first), timeout_s=90)
            everybody = first.children(recursive=True)
            server.send_signal(signal.SIGTERM)
            server.wait(60)
        finally:
            server.kill()
    assert server.returncode == 0
    assert psutil.wait_procs(everybody, timeout=20)[1] == []
    assert "Traceback" not in (tmp_path / "err").read_text()


def all_answer(url: str, first: psutil.Process) -> bool:
    """Whether there are three processes, and each answers while the others are stopped."""
    everybody = [first, *first.children()]
    return len(everybody) == 3 and all(answers_alone(url, one, everybody) for one in everybody)


def answers_alone(url: str, one: psutil.Process, everybody: list[psutil.Process]) -> bool:
    others = [process for process in everybody if process != one]
    for process in others:
        process.suspend()
    try:
        return is_healthy(url)
    finally:
        for process in others:
            process.resume()


def is_healthy(url: str) -> bool:
    try:
        with urlopen(f"{url}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
