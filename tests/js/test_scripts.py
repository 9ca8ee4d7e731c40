"""The scripts of the pages under Node.js: their syntax, their own tests, and agreement with the server.

There is no linter: ESLint would bring npm and a hundred packages for 700 lines. Node's own check of the syntax, in the
strict mode of modules, and these tests need nothing that is not installed anyway.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.catalogue import ScoreSpec
from app.store.filters import OPS
from app.web.shared import formatting
from tests.js.node import SCRIPTS, call, run_node

pytestmark = pytest.mark.slow

TESTS = sorted(Path(__file__).parent.glob("*.test.mjs"))
CLASSIC = frozenset({"docs.js", "theme-first.js"})
"""Not modules: the second has to run before the page is painted."""


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.js")), ids=lambda script: script.name)
def test_a_script_has_no_error_of_syntax(script: Path) -> None:
    kind = "commonjs" if script.name in CLASSIC else "module"
    done = run_node(f"--input-type={kind}", "--check", stdin=script.read_text(encoding="utf-8"))
    assert done.returncode == 0, done.stderr


def test_the_tests_of_the_scripts_pass() -> None:
    assert TESTS
    done = run_node("--test", *TESTS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_script_has_a_test() -> None:
    tested = "".join(path.read_text(encoding="utf-8") for path in TESTS)
    assert [script.name for script in SCRIPTS.glob("*.js") if f'{script.name}"' not in tested] == []


def floats() -> Iterator[float]:
    """Numbers of all sizes, and those on which rounding could differ: ties, and both neighbours of a boundary."""
    rng = random.Random(0)
    yield from (sign * 10 ** rng.uniform(-12, 12) for _ in range(4000) for sign in (1, -1))
    # Exact ties in the last digit that is shown, and numbers next to them.
    for step in (1 / 16, 1 / 8, 0.25, 0.5, 1 / 128):
        for k in range(1, 400):
            yield from (k * step, math.nextafter(k * step, 0), math.nextafter(k * step, math.inf))
    yield from (k + 0.5 for k in range(1000, 1400))
    yield from (k * 10.0**power for k in range(10, 130) for power in (4, 5, 8, 20))
    for edge in (0.001, 0.9995, 1.0, 9.9995, 10.0, 99.95, 999.95, 1000.0, 999_999.5, 1e6, 1e21, 1e100, 5e-324):
        yield from (edge, -edge, math.nextafter(edge, 0), math.nextafter(edge, math.inf))
    yield from (0.0, -0.0)


def test_numbers_are_written_as_on_the_server() -> None:
    values: list[float | None] = [*floats(), None]
    found = call("format.js", "number", [[value] for value in values])
    wrong = [(value, text) for value, text in zip(values, found, strict=True) if text != formatting.number(value)]
    assert wrong == []


def test_whole_numbers_are_written_as_on_the_server() -> None:
    values = [0, 7, -3, 999, 1000, -65_536, 1_234_567, 2**53, *(random.Random(1).randrange(10**12) for _ in range(500))]
    assert call("format.js", "count", [[value] for value in values]) == [formatting.number(value) for value in values]


def test_stretches_of_time_are_written_as_on_the_server() -> None:
    values = [None, *(k / 4 for k in range(500)), 3599.4, 3599.5, 3600.0, 86_399.0, 1e6]
    expected = [formatting.duration(value) for value in values]
    assert call("format.js", "duration", [[value] for value in values]) == expected


def test_values_of_the_catalogue_are_written_as_on_the_server() -> None:
    index = ScoreSpec("index", "", "", "integer")
    count = ScoreSpec("count", "", "", "integer", unit="tokens")
    share = ScoreSpec("share", "", "", minimum=0, maximum=1)
    density = ScoreSpec("density", "", "")
    given: list[tuple[float | None, ScoreSpec]] = [
        (value, spec) for spec in (index, count) for value in (None, 0, 4095)
    ]
    small = (None, 0.0, 0.00001, 0.0009, 0.001, 0.25, 0.99999)
    given += [(value, spec) for spec in (share, density) for value in (*small, *(k / 999 for k in range(1000)))]
    calls = [[value, {"kind": spec.kind, "unit": spec.unit, "shown": spec.shown}] for value, spec in given]
    assert call("format.js", "ofSpec", calls) == [formatting.of_spec(value, spec) for value, spec in given]


def test_colours_have_the_steps_of_the_server() -> None:
    rng = random.Random(2)
    pairs: list[tuple[float, float | None]] = [(rng.uniform(-1, 12), rng.uniform(0, 10)) for _ in range(1000)]
    pairs += [(k / 10, 1.0) for k in range(12)] + [(1.0, None), (1.0, 0.0), (0.0, 1.0), (1e-300, 1.0)]
    found = call("format.js", "intensity", [list(pair) for pair in pairs])
    assert found == [formatting.intensity(*pair) for pair in pairs]


NUMBERS = [None, -1.5, 0.0, 0.25, 0.5, 1.0, 2.0, 10.0, 1e-9]
WORDS = [None, "clean", "hedged", "dead", "10"]
TEXTS = {"value": ("0.5", "1", "-1.5", "1e-9"), "word": ("hedged", "10")}
LISTS = {"value": ("0.5,10", "1"), "word": ("hedged, dead", "10")}


def filter_cases() -> Iterator[tuple[str, str, str]]:
    """(field, operation, text) for each operation that suits the field."""
    for name, op in OPS.items():
        for field, kind in (("value", "number"), ("word", "text")):
            if kind in op.kinds:
                texts = {"in": LISTS[field], "isnull": ("0", "1")}.get(name, TEXTS[field])
                yield from ((field, name, text) for text in texts)


def test_filters_pass_the_same_rows_as_in_the_database() -> None:
    columns: dict[str, list[float | str | None]] = {"value": [*NUMBERS, None], "word": [*WORDS, *WORDS]}
    table = sa.Table(
        "rows", sa.MetaData(), sa.Column("i", sa.Integer), sa.Column("value", sa.Double), sa.Column("word", sa.Text)
    )
    rows = [{"i": i, "value": columns["value"][i], "word": columns["word"][i]} for i in range(10)]
    cases = list(filter_cases())
    found = call("filters.js", "passing", [[[[f"{field}__{op}", text]], columns, 10] for field, op, text in cases])
    with sa.create_engine("sqlite://").begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), rows)
        for (field, op, text), passed in zip(cases, found, strict=True):
            condition = OPS[op].condition(table.c[field], value_of(field, op, text))
            expected = connection.scalars(sa.select(table.c.i).where(condition).order_by(table.c.i)).all()
            assert passed == expected, (field, op, text)


def value_of(field: str, op: str, text: str) -> object:
    """What a filter's text stands for."""
    if op == "isnull":
        return text == "1"
    read = float if field == "value" else str
    return tuple(read(part.strip()) for part in text.split(",")) if op == "in" else read(text)


def test_the_operations_are_those_of_the_database() -> None:
    assert call("filters.js", "operations", [[]]) == [list(OPS)]
