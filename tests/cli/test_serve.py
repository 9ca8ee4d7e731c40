"""`hedgescope serve` as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

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
