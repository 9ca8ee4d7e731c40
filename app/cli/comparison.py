"""`hedgescope comparison`: what is stored, and its removal."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Stored comparisons.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Slug of a comparison, or its name where only one has that name.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


@app.command("list")
def list_() -> None:
    """List the stored comparisons, newest first."""
    from app.cli.store import opened_store
    from app.store.read import list_comparisons

    with opened_store() as engine:
        summaries = list_comparisons(engine)
    for summary in summaries:
        sides = f"{summary.narrow.sae.name} / {summary.reference.sae.name}"
        typer.echo(f"{summary.slug}  {summary.created_at:%Y-%m-%d %H:%M}  {sides}  {summary.n_tokens:,} tokens")


@app.command()
def delete(comparison: Name, yes: Yes = False) -> None:
    """Remove a comparison with everything that belongs to it, and free its disk space."""
    from app.cli.store import opened_store
    from app.store import space
    from app.store.read import resolve_slug
    from app.store.write import delete_comparison

    with opened_store() as engine:
        slug = resolve_slug(engine, comparison)
        if not yes:
            typer.confirm(f"Remove {slug} for good?", abort=True)
        before = space.size_in_bytes(engine)
        delete_comparison(engine, slug)
        freed = before - space.size_in_bytes(engine)
    typer.echo(f"removed {slug}; the database is {freed / 2**20:,.1f} MiB smaller")
