"""`hedgescope export` and `hedgescope import`: a comparison as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli.console import errors
from app.errors import SettingsError

if TYPE_CHECKING:
    from app.records import Side

Format = Literal["bundle", "csv", "ndjson", "parquet"]

Slug = Annotated[str, typer.Argument(help="Slug of a comparison, or its name where only one has that name.")]
FormatOption = Annotated[
    Format,
    typer.Option("--format", help="bundle: all of it, for another Hedgescope; the others: a table of a part."),
]
What = Literal["latents", "partners", "contexts", "pairs", "cells", "releases"]
WhatOption = Annotated[What, typer.Option(help="What a table lists.")]
Sae = Annotated[
    Literal["narrow", "reference"] | None,
    typer.Option(help="Whose latents or contexts a table lists; by default those of both SAEs."),
]
Out = Annotated[Path | None, typer.Option(help="File to write; by default named after the comparison.")]


def export(
    comparison: Slug,
    format_: FormatOption = "bundle",
    what: WhatOption = "latents",
    sae: Sae = None,
    out: Out = None,
) -> None:
    """Write a comparison to a file: whole, as a bundle, or a part of it as a table."""
    from app.cli.store import opened_store
    from app.store.bundle_file import export_bundle
    from app.store.export_rows import ROWS, export_rows
    from app.store.read import resolve_slug
    from app.web.shared.export_files import write_rows

    with opened_store() as engine:
        slug = resolve_slug(engine, comparison)
        path = out or Path(f"{slug}.{_ending(format_, what, sae)}")
        if path.exists():
            raise SettingsError("already exists; choose another file with --out or delete it first", place=path)
        if format_ == "bundle":
            export_bundle(engine, slug, path)
        else:
            write_rows(path, format_, ROWS[what], export_rows(engine, slug, what, sae))
    typer.echo(str(path))


def _ending(format_: Format, what: What, sae: Side | None) -> str:
    """The end of the file's name. Raises SettingsError for options that do not go together."""
    if format_ == "bundle" and (what != "latents" or sae is not None):
        raise SettingsError("a bundle holds all of a comparison; give --format csv, ndjson or parquet for a part of it")
    if sae is not None and what not in ("latents", "contexts"):
        raise SettingsError(f"--sae chooses latents or contexts; {what} are of both SAEs")
    return "hedgescope.zip" if format_ == "bundle" else ".".join(filter(None, (what, sae, format_)))


def import_(bundle: Annotated[Path, typer.Argument(help="File that `hedgescope export` wrote.")]) -> None:
    """Store the comparison of a bundle under its own address, whole or not at all."""
    from app.cli.store import opened_store
    from app.store.bundle_import import import_bundle

    with opened_store(writes=True) as engine:
        slug, is_new = import_bundle(engine, bundle)
    if not is_new:
        errors.print("it is stored already", highlight=False)
    typer.echo(slug)
