"""`hedgescope db`: the database's schema."""

from __future__ import annotations

import typer

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.callback()
def database() -> None:
    """Keeps `upgrade` a subcommand of `db`, also while it is the only one."""


@app.command()
def upgrade() -> None:
    """Bring the database's schema up to date; creates the database where there is none."""
    from app.settings import load_settings
    from app.store.session import upgrade as upgrade_schema

    settings = load_settings()
    upgrade_schema(settings.resolved_database_url)
    typer.echo("the database is up to date")
