"""`hedgescope db`: the database's schema."""

from __future__ import annotations

import typer

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command()
def upgrade() -> None:
    """Bring the database's schema up to date; creates the database where there is none."""
    from app.settings import load_settings
    from app.store.session import upgrade as upgrade_schema

    settings = load_settings()
    upgrade_schema(settings.resolved_database_url)
    typer.echo("the database is up to date")


@app.command()
def compact() -> None:
    """Rewrite the database without gaps, and remove what killed writers left. Nobody else can write meanwhile."""
    from app.cli.store import opened_store
    from app.store import space
    from app.store.staging import remove_abandoned

    with opened_store() as engine:
        before = space.size_in_bytes(engine)
        n_removed = remove_abandoned(engine)
        space.compact(engine)
        after = space.size_in_bytes(engine)
    if n_removed:
        typer.echo(f"removed {n_removed} comparisons that were never finished")
    typer.echo(f"the database takes {after / 2**20:,.1f} MiB now, {before / 2**20:,.1f} MiB before")
