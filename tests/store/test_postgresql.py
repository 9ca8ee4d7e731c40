"""PostgreSQL: what goes wrong with a server is told helpfully, and passes by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text

from app.errors import SchemaError, StoreError
from app.store import read
from app.store.session import check_schema, make_engine, reading, upgrade, writing
from app.store.write import write_comparison
from tests.builders import make_bundle
from tests.postgres import PostgresServer, free_port
from tests.store.conftest import ON_POSTGRESQL, fresh_engine, url_of


def complaint(url: str) -> str:
    with fresh_engine(url) as engine, pytest.raises(StoreError) as caught:
        check_schema(engine)
    assert not isinstance(caught.value, SchemaError)
    assert str(make_url(url).password) not in str(caught.value)
    return str(caught.value)


def test_a_wrong_password_is_named(postgres_server: PostgresServer, postgres_url: str) -> None:
    url = postgres_server.url("postgres", password="not-the-secret")
    assert "user or password is wrong; check them in HEDGESCOPE_DATABASE_URL" in complaint(url)


def test_a_database_that_is_not_there_is_named(postgres_server: PostgresServer, postgres_url: str) -> None:
    told = complaint(postgres_server.url("nowhere"))
    assert "its server has no database of that name; create it with `createdb nowhere`" in told


def test_a_server_that_is_not_there_is_named(postgres_url: str) -> None:
    url = make_url(postgres_url).set(port=free_port()).render_as_string(hide_password=False)
    assert "its server does not answer; check that it runs" in complaint(url)


def test_a_host_that_is_not_there_is_named(postgres_url: str) -> None:
    url = make_url(postgres_url).set(host="no-such-host.invalid").render_as_string(hide_password=False)
    assert "its server does not answer; check that it runs" in complaint(url)


def test_an_option_that_is_none_is_named(postgres_url: str) -> None:
    assert "has an invalid option" in complaint(postgres_url + "?colour=blue")


def test_a_user_without_rights_is_told(postgres_server: PostgresServer, postgres_url: str) -> None:
    with fresh_engine(postgres_url) as engine, writing(engine) as connection:
        connection.execute(text("DROP ROLE IF EXISTS guest"))
        connection.execute(text("CREATE ROLE guest LOGIN PASSWORD 'guest-secret'"))
    url = make_url(postgres_url).set(username="guest", password="guest-secret")
    with pytest.raises(StoreError, match="its user lacks a required permission"):
        upgrade(url.render_as_string(hide_password=False))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_usual_ways_to_write_the_url_are_understood(postgres_url: str, scheme: str) -> None:
    with fresh_engine(postgres_url.replace("postgresql+psycopg", scheme)) as engine, reading(engine) as connection:
        assert connection.execute(text("SELECT current_setting('application_name')")).scalar() == "hedgescope"
        assert connection.execute(text("SELECT current_setting('transaction_read_only')")).scalar() == "on"


def test_other_drivers_are_refused_before_anything_is_tried() -> None:
    with pytest.raises(StoreError, match="'postgresql\\+psycopg2' is not a supported database"):
        make_engine("postgresql+psycopg2://a:b@c/d")


@ON_POSTGRESQL
def test_the_pool_has_the_size_that_was_asked_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.session.POOL_TIMEOUT_S", 0.2)
    small = make_engine(url_of(engine), pool_size=2)
    with reading(small), reading(small), pytest.raises(StoreError, match="raise HEDGESCOPE_DATABASE_POOL_SIZE"):
        read.list_comparisons(small)
    assert read.list_comparisons(small) == []
    small.dispose()


@ON_POSTGRESQL
@pytest.mark.parametrize("immediate", [False, True])
def test_a_restarted_server_is_found_again(engine: Engine, postgres_server: PostgresServer, immediate: bool) -> None:
    bundle = make_bundle()
    write_comparison(engine, bundle)
    # Several connections of the pool die with the server.
    with reading(engine), reading(engine), reading(engine):
        assert read.list_comparisons(engine) == [bundle.summary]
    postgres_server.stop(immediate=immediate)
    for _ in range(2):
        with pytest.raises(StoreError, match="its server does not answer"):
            read.list_comparisons(engine)
    postgres_server.start()
    for _ in range(6):
        assert read.list_comparisons(engine) == [bundle.summary]


@ON_POSTGRESQL
def test_a_restart_in_the_middle_of_a_write_shows_nothing(engine: Engine, postgres_server: PostgresServer) -> None:
    bundle = make_bundle()

    def restarted(records: Iterable[Any]) -> Iterator[Any]:
        yield from records
        postgres_server.stop()

    with pytest.raises(StoreError) as caught:
        write_comparison(engine, replace(bundle, partners=restarted(())))
    assert "stay until the next comparison is stored" in "".join(caught.value.__notes__)
    postgres_server.start()
    assert read.list_comparisons(engine) == []
    write_comparison(engine, bundle)
    assert read.list_comparisons(engine) == [bundle.summary]
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM comparisons")).scalar() == 1


@ON_POSTGRESQL
@pytest.mark.parametrize(
    ("option", "prepares"), [("", False), ("prepare_threshold=none", False), ("prepare_threshold=0", True)]
)
def test_statements_are_prepared_on_the_server_only_if_wanted(engine: Engine, option: str, prepares: bool) -> None:
    """Behind PgBouncer a prepared statement would be another connection's in the next transaction."""
    url = engine.url.render_as_string(hide_password=False) + (f"?{option}" if option else "")
    with fresh_engine(url) as fresh, reading(fresh) as connection:
        for _ in range(12):
            connection.execute(text("SELECT count(*) FROM latents"))
        n_prepared = connection.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar()
    assert bool(n_prepared) == prepares


@ON_POSTGRESQL
def test_an_impossible_threshold_is_named(engine: Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    with pytest.raises(StoreError, match="prepare_threshold is 'often'; expected a number, or none"):
        make_engine(f"{url}?prepare_threshold=often")
