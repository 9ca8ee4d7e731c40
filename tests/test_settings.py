from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import create_engine

from app.errors import SettingsError
from app.settings import PREFIX, Settings, load_settings

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the developer's own: neither variables nor the checkout's `.env`."""
    for field in Settings.model_fields:
        monkeypatch.delenv(PREFIX + field.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_defaults_stay_on_this_computer() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.worker_url) == ("127.0.0.1", 8000, None)


def test_the_default_database_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    engine = create_engine(load_settings().resolved_database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x INTEGER)")
    engine.dispose()
    connection_to_file = sqlite3.connect(tmp_path / "data" / "hedgescope.db")
    tables = connection_to_file.execute("SELECT name FROM sqlite_master").fetchall()
    connection_to_file.close()
    assert tables == [("t",)]


def test_a_given_database_is_used_as_it_is() -> None:
    url = "postgresql+psycopg://someone@localhost/hedgescope"
    assert load_settings(database_url=url).resolved_database_url == url


def test_the_environment_is_stronger_than_the_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HEDGESCOPE_PORT=1111\nHEDGESCOPE_HOST=::1\nOTHER=kept out\n")
    monkeypatch.setenv("HEDGESCOPE_PORT", "2222")
    settings = load_settings()
    assert (settings.host, settings.port) == ("::1", 2222)


def test_the_command_line_is_stronger_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEDGESCOPE_PORT", "2222")
    assert load_settings(port=3333).port == 3333
    assert load_settings(port=None).port == 2222


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.setenv(PREFIX + field.upper(), "")
    assert load_settings() == Settings.model_construct()


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEDGESCOPE_CORS_ORIGINS", "https://a.example, http://localhost:3000")
    assert load_settings().cors_origins == ("https://a.example", "http://localhost:3000")


def test_the_data_folder_may_be_in_the_home_folder() -> None:
    assert load_settings(data_dir="~/sae-data").data_dir == Path.home() / "sae-data"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("HEDGESCOPE_PORT", "eighty", "integer"),
        ("HEDGESCOPE_PORT", "70000", "65535"),
        ("HEDGESCOPE_PAGE_SIZE_MAX", "0", "greater than or equal to 1"),
        ("HEDGESCOPE_LOG_LEVEL", "loud", "'warning'"),
        ("HEDGESCOPE_CORS_ORIGINS", "lab.example.org", "scheme"),
        ("HEDGESCOPE_CORS_ORIGINS", "https://lab.example.org/page", "without a path"),
    ],
)
def test_a_wrong_value_is_explained_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    message = str(caught.value)
    assert variable in message
    assert value in message
    assert expected in message
    assert "\n" not in message


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEDGESCOPE_PORT", "x")
    monkeypatch.setenv("HEDGESCOPE_LOG_LEVEL", "y")
    with pytest.raises(SettingsError, match=r"HEDGESCOPE_PORT.*HEDGESCOPE_LOG_LEVEL"):
        load_settings()


def test_a_level_may_be_written_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEDGESCOPE_LOG_LEVEL", "WARNING")
    assert load_settings().log_level == "warning"


def test_settings_do_not_change_once_made() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().port = 1  # type: ignore[misc]


def test_the_example_file_names_every_setting_and_no_other() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    named = {line.lstrip("# ").partition("=")[0] for line in lines if "=" in line}
    assert named == {PREFIX + field.upper() for field in Settings.model_fields}
