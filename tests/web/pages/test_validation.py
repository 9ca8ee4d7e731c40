"""The page of the checks says what the committed results say, the misses first."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from app.catalogue.checks import CHECKS
from app.records import CheckTable
from app.web.shared.figures.validation import cell_text, check_plot
from app.web.shared.validation import read_checks
from tests.web.pages.markup import Document


@pytest.fixture(scope="module")
def text(client: TestClient) -> str:
    answer = client.get("/validation", headers={"accept": "text/html"})
    assert answer.status_code == 200
    return answer.text


def test_every_check_has_its_figures_and_its_command(text: str) -> None:
    for check in read_checks():
        assert f'<h2 id="{check.result.name}">{check.title}</h2>' in text
        assert check.result.command in text
        for table in check.result.tables:
            for cell in (cell for row in table.rows for cell in row if isinstance(cell, float)):
                assert cell_text(cell) in text


def test_aims_that_are_missed_come_first(client: TestClient, text: str) -> None:
    shown = client.get("/validation.json").json()
    aims = [aim for check in read_checks() for aim in check.result.aims]
    assert [each["aim"]["what"] for each in shown["missed"]] == [aim.what for aim in aims if not aim.met]
    assert len(shown["missed"]) + len(shown["met"]) == len(aims)
    assert f"{len(shown['missed'])} of {len(aims)} aims are missed" in text
    assert text.index('id="missed"') < text.index('id="met"')


def test_other_pages_lead_there(client: TestClient) -> None:
    about = Document(client.get("/about", headers={"accept": "text/html"}).text)
    assert [link for link in about.all("a") if link.attributes.get("href") == "/validation"]


def test_bars_stand_in_the_order_of_the_rows() -> None:
    rows = (("hedging score", 0.9, 1), ("c_dec", None, 2), ("version 3", -0.25, 3))
    plot = check_plot("x", CheckTable("Ranks", ("score", "AUROC", "n"), rows, plotted=("AUROC",)))
    own, others = plot.chart.series
    assert [(mark.x1, mark.text) for mark in own.marks] == [(0.9, "hedging score, AUROC: 0.900")]
    assert [(mark.x1, mark.text) for mark in others.marks] == [(-0.25, "version 3, AUROC: −0.250")]
    assert [tick.text for tick in plot.chart.y.ticks] == ["version 3", "hedging score"]
    assert (plot.chart.x.low, plot.chart.x.high) == (-0.25, 1)
    assert plot.table.rows[1] == ("c_dec", "–", "2")


def test_every_check_is_committed() -> None:
    assert [check.result.name for check in read_checks()] == [check.name for check in CHECKS]
    for check in read_checks():
        assert check.result.aims or check.result.tables
        for table in check.result.tables:
            assert set(table.plotted) <= set(table.head[1:])
            assert {len(row) for row in table.rows} == {len(table.head)}
