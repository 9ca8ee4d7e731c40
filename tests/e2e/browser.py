"""The browser of the browser tests: one that is there, else one that can be installed.

`python -m tests.e2e.browser` makes sure that there is one and prints it. In order: the program
named by HEDGESCOPE_TEST_BROWSER, a Chromium or Chrome on the PATH, the one Playwright keeps,
Debian's package (as root), and last `playwright install chromium`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

VARIABLE = "HEDGESCOPE_TEST_BROWSER"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ANSWER_S = 30
"""Longest a browser may take to tell its version; a cold start from a slow disk takes a few seconds."""


class NoBrowserError(Exception):
    """There is no browser, and none could be installed."""


def find_browser() -> str | None:
    """The program to launch, or None where there is none.

    Raises:
        NoBrowserError: HEDGESCOPE_TEST_BROWSER names something that is no browser.
    """
    if named := os.environ.get(VARIABLE):
        if not _answers(named):
            raise NoBrowserError(f"{VARIABLE} is {named!r}, which does not run: name a Chromium or Chrome program")
        return named
    on_path = (shutil.which(program) for program in PROGRAMS)
    return next((path for path in on_path if path and _answers(path)), None) or _playwrights_own()


def ensure_browser() -> str:
    """The program to launch, installed if need be.

    Raises:
        NoBrowserError: with what was tried and what to do.
    """
    if found := find_browser():
        return found
    tried = [_install_debian_package()] if _is_debian_root() else []
    if found := find_browser():
        return found
    tried.append(_run([sys.executable, "-m", "playwright", "install", "chromium"]))
    if found := find_browser():
        return found
    raise NoBrowserError(
        f"no Chromium was found and none could be installed ({'; '.join(tried)}): "
        f"install Chromium or Chrome, or set {VARIABLE} to the path of one"
    )


def _answers(program: str) -> bool:
    """Whether it runs: some systems have a `chromium` that only says how to install it."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, timeout=ANSWER_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _playwrights_own() -> str | None:
    with sync_playwright() as playwright:
        program = playwright.chromium.executable_path
    return program if Path(program).exists() and _answers(program) else None


def _is_debian_root() -> bool:
    """On Debian, as root. Ubuntu's package is a stub that needs snap, so it does not count."""
    release = Path("/etc/os-release")
    is_debian = release.is_file() and "ID=debian" in release.read_text().splitlines()
    return is_debian and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install_debian_package() -> str:
    """Install Debian's Chromium; what happened, for the message if it did not help."""
    _run(["apt-get", "update", "-qq"])
    return _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"])


def _run(command: list[str]) -> str:
    print("+", " ".join(command), file=sys.stderr, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=environment, check=False)
    return f"`{' '.join(command)}` ended with exit code {done.returncode}"


def main() -> int:
    """Print the browser's path; exit code 1 and one line where there is none."""
    try:
        print("Browser:", ensure_browser())
    except NoBrowserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
