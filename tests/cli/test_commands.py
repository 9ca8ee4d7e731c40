"""Commands that succeed: what they print, and where."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from app import __version__
from app.cli import demo
from app.cli.serve import bind, url_of
from app.records import ComparisonSummary
from app.settings import Settings
from app.store.read import get_comparison, get_sae, list_comparisons, list_saes
from app.store.session import make_engine, writing
from app.store.write import write_comparison
from app.web.main import create_app
from tests.builders import make_bundle
from tests.cli.conftest import Terminal
from tests.local_client import local_client
from tests.pipeline.world import World
from tests.saved_saes import save_matryoshka

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def compare(world: World, *more: str) -> list[str]:
    saes = ["--narrow", str(world.narrow), "--reference", str(world.reference)]
    return ["compare", *saes, "--activations", str(world.file), "--name", "tiny", *more]


def test_compare_prints_one_json_object(world: World, terminal: Terminal) -> None:
    result = terminal.run(*compare(world, "--json"))
    assert result.code == 0
    assert len(result.out.splitlines()) == 1
    answer: dict[str, Any] = json.loads(result.out)
    assert set(answer) == {"slug", "url", "summary"}
    assert answer["slug"].startswith("tiny-")
    assert answer["url"] == f"http://127.0.0.1:8000/c/{answer['slug']}"
    assert "statistics" in result.err
    settings = Settings(data_dir=terminal.data_dir)
    engine = terminal.engine()
    with local_client(create_app(settings, engine), base_url="http://127.0.0.1:8000") as client:
        assert client.get(f"/api/v1/comparisons/{answer['slug']}").json() == answer["summary"]
        assert client.get(f"/c/{answer['slug']}").status_code == 200
    engine.dispose()


def test_compare_prints_one_json_object_for_each_narrow_sae(world: World, terminal: Terminal) -> None:
    narrow = ["--narrow", f"{world.reference}@4", "--narrow", str(world.narrow)]
    arguments = ["compare", *narrow, "--reference", str(world.reference), "--activations", str(world.file), "--json"]
    result = terminal.run(*arguments)
    assert result.code == 0
    answers = [json.loads(line) for line in result.out.splitlines()]
    assert [answer["summary"]["narrow"]["sae"]["d_sae"] for answer in answers] == [4, 8]
    assert all(set(answer) == {"slug", "url", "summary"} for answer in answers)
    named = terminal.run(*arguments, "--name", "both")
    assert named.code == 1
    assert "--name is for one comparison" in named.err


def test_what_is_stored_is_printed_again(world: World, terminal: Terminal) -> None:
    """With `--json` the same object; without it slug and address on stdout, the rest on stderr."""
    first, second, plain = (terminal.run(*compare(world, *more)) for more in (["--json"], ["--json"], []))
    assert first.code == second.code == plain.code == 0
    assert json.loads(first.out) == json.loads(second.out)
    slug, url = plain.out.splitlines()
    assert slug == json.loads(first.out)["slug"]
    assert url == f"http://127.0.0.1:8000/c/{slug} (after `hedgescope serve`)"
    assert "scored latents are hedged" in plain.err


def test_registered_saes(world: World, terminal: Terminal) -> None:
    assert terminal.run("sae", "add", str(world.narrow), "--name", "small", "--no-sample").code == 0
    added = terminal.run("sae", "add", str(world.reference), "--no-sample")
    assert "4, 12, 24 (from metadata)" in added.out
    listed = terminal.run("sae", "list")
    assert [line.split()[:2] for line in listed.out.splitlines()[-2:]] == [["reference", "24"], ["small", "8"]]
    assert terminal.run("sae", "show", "reference").out == added.out
    result = terminal.run(
        "compare", "--narrow", "reference@4", "--reference", "reference", "--activations", str(world.file)
    )
    assert result.code == 0
    assert result.out.startswith("reference-4-vs-reference-")
    assert terminal.run("sae", "remove", "small").code == 0
    engine = terminal.engine()
    assert [record.name for record in list_saes(engine)] == ["reference"]
    engine.dispose()


def test_declared_widths(terminal: Terminal, tmp_path: Path) -> None:
    save_matryoshka(tmp_path / "old", widths_in="nowhere")
    result = terminal.run("sae", "add", str(tmp_path / "old"), "--matryoshka-widths", "4, 12", "--no-sample")
    assert result.code == 0
    engine = terminal.engine()
    assert get_sae(engine, "old").matryoshka_widths == (4, 12, 24)
    assert get_sae(engine, "old").widths_source == "declared"
    engine.dispose()


def test_an_sae_whose_model_is_not_here_is_added_with_a_note(world: World, terminal: Terminal) -> None:
    """The tiny SAEs' model is a folder with a tokenizer alone."""
    result = terminal.run("sae", "add", str(world.narrow))
    assert result.code == 0
    assert "not tried on text" in result.out


def test_db_upgrade(terminal: Terminal) -> None:
    result = terminal.run("db", "upgrade")
    assert (result.code, result.out) == (0, "the database is up to date\n")
    assert (terminal.data_dir / "hedgescope.db").exists()


def test_comparisons_are_listed_and_deleted(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = terminal.engine()
    bundle = make_bundle()
    write_comparison(engine, bundle)
    listed = terminal.run("comparison", "list")
    assert listed.out == (
        f"{bundle.summary.slug}  2026-11-23 12:30  tiny-narrow / tiny-matryoshka  {bundle.summary.n_tokens:,} tokens\n"
    )
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert terminal.run("comparison", "delete", "tiny").code != 0
    assert len(list_comparisons(engine)) == 1

    deleted = terminal.run("comparison", "delete", "tiny", "--yes")
    assert deleted.out.startswith(f"removed {bundle.summary.slug}; the database is ")
    assert list_comparisons(engine) == []
    missing = terminal.run("comparison", "delete", "tiny", "--yes")
    assert (missing.code, missing.out) == (1, "")
    assert "no comparison 'tiny'" in missing.err
    engine.dispose()


def test_db_compact_tells_the_size(terminal: Terminal) -> None:
    assert re.fullmatch(r"the database takes [0-9.]+ MiB now, [0-9.]+ MiB before\n", terminal.run("db", "compact").out)


def test_serve_refuses_an_old_schema_on_postgresql(terminal: Terminal, postgres_url: str) -> None:
    terminal.set("HEDGESCOPE_DATABASE_URL", postgres_url)
    refused = terminal.run("serve", "--port", "0")
    assert refused.code == 1
    assert "has no schema yet; run `hedgescope db upgrade`" in refused.err
    assert terminal.run("db", "upgrade").code == 0
    assert terminal.run("comparison", "list").code == 0

    engine = make_engine(postgres_url)
    with writing(engine) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '2026_11_23_initial'"))
    engine.dispose()
    refused = terminal.run("serve", "--port", "0")
    assert refused.code == 1
    assert "has schema 2026_11_23_initial, but this program expects" in refused.err
    assert "run `hedgescope db upgrade`" in refused.err


def test_version(terminal: Terminal) -> None:
    assert terminal.run("--version").out == f"hedgescope {__version__}\n"


def test_no_command_shows_the_help(terminal: Terminal) -> None:
    shown = terminal.run()
    assert "Usage" in shown.out + shown.err


@pytest.mark.parametrize("arguments", [["--help"], ["compare", "--help"]])
def test_help_is_quick(arguments: list[str]) -> None:
    """Nothing that takes seconds to import, in a process of its own."""
    code = (
        f"import sys; sys.argv = ['hedgescope', *{arguments!r}]\n"
        "from app.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as stop:\n"
        "    slow = [name for name in ('torch', 'sae_lens', 'numpy', 'scipy', 'fastapi') if name in sys.modules]\n"
        "    print(stop.code, slow, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "0 []"
    assert done.stdout


def test_the_most_hedged_latents(stored: tuple[Engine, ComparisonSummary], capsys: pytest.CaptureFixture[str]) -> None:
    """Tokens of all kinds, no control character reaches the terminal; the order is the score's."""
    engine, summary = stored
    demo._print_hedged(engine, summary)
    shown = capsys.readouterr().out
    assert f"{summary.n_hedged} of {summary.n_scored} scored narrow latents are hedged" in shown
    assert all(character.isprintable() or character == "\n" for character in shown)
    scores = [float(score) for score in re.findall(r"^ \d+ +(\d\.\d\d) \(", shown, re.MULTILINE)]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == demo.N_SHOWN


def test_the_demo_is_found_where_it_is_stored(terminal: Terminal) -> None:
    engine = terminal.engine()
    folders = [ROOT / "demo" / "saes" / folder for folder in demo.SAES.values()]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip("the demo's SAEs are not here")
    assert demo.stored_demo(engine, demo.TOKENS) is None
    engine.dispose()


def test_addresses() -> None:
    assert url_of("127.0.0.1", 80) == "http://127.0.0.1:80"
    assert url_of("0.0.0.0", 8000) == "http://localhost:8000"
    assert url_of("::1", 8000) == "http://[::1]:8000"
    with bind("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0


def test_summary_is_what_is_stored(world: World, terminal: Terminal) -> None:
    result = terminal.run(*compare(world, "--json", "--tokens", "500"))
    answer = json.loads(result.out)
    engine = terminal.engine()
    assert get_comparison(engine, answer["slug"]).n_tokens == answer["summary"]["n_tokens"] == 500
    engine.dispose()
