"""The command around the checks; what they find is tested with them."""

from __future__ import annotations

import importlib

from app.catalogue.checks import CHECKS
from app.cli.validate import in_markdown
from app.lab.checks.registry import RUN
from app.records import CheckResult, CheckTable
from app.records.validation import aim
from tests.cli.conftest import Terminal


def test_every_declared_check_has_a_module_that_runs_it() -> None:
    assert list(RUN) == [check.name for check in CHECKS]
    for check in CHECKS:
        assert RUN[check.name] is importlib.import_module(f"app.lab.checks.{check.name}").run


def test_an_unknown_check_is_wrong_usage(terminal: Terminal) -> None:
    found = terminal.run("validate", "--only", "nope")
    assert found.code == 2
    assert "no such check" in found.err


def test_an_aim_is_met_by_all_or_missed() -> None:
    assert aim("x", "at least", 0.9, 0.95, 0.9).met is True
    assert aim("x", "at least", 0.9, 0.95, 0.89).met is False
    assert aim("x", "at most", 0.05, 0.06).met is False
    assert aim("x", "at most", 0.05, 0.01, None).met is None
    # One that misses is enough to know.
    assert aim("x", "at most", 0.05, 0.06, None).met is False
    assert aim("x", "at least", 0.5).met is None


def test_tables_in_markdown() -> None:
    table = CheckTable("Ranks", ("score", "AUROC"), (("hedging score", 0.9555), ("c_dec", None)))
    result = CheckResult("x", "hedgescope validate", "2026-01-01", {}, {}, (table,), (aim("a", "at least", 1, 0.5),))
    lines = in_markdown(result).splitlines()
    assert lines[:6] == [
        "**Ranks**",
        "",
        "| score | AUROC |",
        "| --- | --- |",
        "| hedging score | 0.956 |",
        "| c_dec | – |",
    ]
    assert lines[-1] == "| a | at least 1 | 0.500 | no | – |"
