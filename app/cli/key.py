"""`hedgescope key`: the keys of the API."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(help="Keys of the API.", no_args_is_help=True)

Scopes = Annotated[
    str, typer.Option("--scope", help="What it allows, separated by commas: read, prompt, write, admin.")
]
Name = Annotated[str, typer.Option(help="What you call it, such as the person or program that gets it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `key list` shows it.")]


@app.command()
def create(scope: Scopes = "read", name: Name = "key", as_json: AsJson = False) -> None:
    """Make a key and print it. It is shown this once: only a digest of it is stored."""
    from app.cli.store import opened_store
    from app.store.keys import create_key

    with opened_store() as engine:
        record, key = create_key(engine, name, [part.strip() for part in scope.split(",")])
    if as_json:
        typer.echo(json.dumps({"id": record.public_id, "name": name, "scopes": record.scopes, "key": key}))
        return
    typer.echo(key)
    typer.echo(f"key {record.public_id} for {', '.join(record.scopes)}; it is not shown again", err=True)


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List the keys, newest first, without their secrets."""
    from app.cli.store import opened_store
    from app.store.keys import list_keys

    with opened_store() as engine:
        found = list_keys(engine)
    for record in found:
        state = "usable" if record.revoked_at is None else f"revoked {record.revoked_at:%Y-%m-%d %H:%M} UTC"
        values = {"id": record.public_id, "name": record.name, "scopes": record.scopes, "state": state}
        if as_json:
            typer.echo(json.dumps(values))
        else:
            made = f"{record.created_at:%Y-%m-%d %H:%M} UTC"
            typer.echo(f"{record.public_id}  {made}  {', '.join(record.scopes):<20}  {state}  {record.name}")


@app.command()
def revoke(public_id: KeyId) -> None:
    """Make a key unusable, from the next request on."""
    from app.cli.store import opened_store
    from app.store.keys import revoke_key

    with opened_store() as engine:
        revoke_key(engine, public_id)
    typer.echo(f"key {public_id} is revoked")
