"""Node.js for the tests of the scripts: the one that Playwright brings.

It is there wherever the test tools are installed, and in the version that `constraints.txt` names.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import playwright

NODE = Path(playwright.__file__).parent / "driver" / "node"
SCRIPTS = Path(__file__).parents[2] / "static" / "js"
CALL = Path(__file__).with_name("call.mjs")
TIMEOUT_S = 120
QUIET = "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"
"""Browsers are told that a file is a module by the page; Node finds out, and says so."""


def run_node(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run Node.js and capture what it says."""
    command = [str(NODE), QUIET, *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


def call(script: str, function: str, calls: Sequence[Sequence[Any]]) -> list[Any]:
    """What a function of a script returns for each list of arguments; both ways as JSON."""
    done = run_node(CALL, SCRIPTS / script, function, stdin=json.dumps(calls))
    assert done.returncode == 0, done.stderr
    results: list[Any] = json.loads(done.stdout)
    return results
