"""`hedgescope export` and `hedgescope import`: a comparison as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli.console import errors
from app.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from app.records import Side

Format = Literal["bundle", "csv", "ndjson", "parquet"]

Slug = Annotated[str, typer.Argument(help="Slug of a comparison, or its name where only one has that name.")]
FormatOption = Annotated[
    Format,
    typer.Option("--format", help="bundle: all of it, for another Hedgescope; the others: a table of its latents."),
]
Sae = Annotated[Literal["narrow", "reference"], typer.Option(help="Whose latents a table lists.")]
Out = Annotated[Path | None, typer.Option(help="File to write; by default named after the comparison.")]


def export(comparison: Slug, format_: FormatOption = "bundle", sae: Sae = "narrow", out: Out = None) -> None:
    """Write a comparison to a file: whole, as a bundle, or its latents as a table."""
    from app.cli.store import opened_store
    from app.store.bundle_file import export_bundle
    from app.store.read import resolve_slug

    with opened_store() as engine:
        slug = resolve_slug(engine, comparison)
        ending = "hedgescope.zip" if format_ == "bundle" else f"{sae}.{format_}"
        path = out or Path(f"{slug}.{ending}")
        if path.exists():
            raise SettingsError("already exists; choose another file with --out or delete it first", place=path)
        if format_ == "bundle":
            export_bundle(engine, slug, path)
        else:
            _write_table(engine, slug, sae, format_, path)
    typer.echo(str(path))


def import_(bundle: Annotated[Path, typer.Argument(help="File that `hedgescope export` wrote.")]) -> None:
    """Store the comparison of a bundle under its own address, whole or not at all."""
    from app.cli.store import opened_store
    from app.store.bundle_import import import_bundle

    with opened_store(writes=True) as engine:
        slug, is_new = import_bundle(engine, bundle)
    if not is_new:
        errors.print("it is stored already", highlight=False)
    typer.echo(slug)


def _write_table(engine: Engine, slug: str, sae: Side, format_: Format, path: Path) -> None:
    from app.store.page import LatentQuery, iter_latents, row_blocks
    from app.web.shared.latent_files import latents_as_csv, latents_as_ndjson

    query = LatentQuery(side=sae)
    try:
        if format_ == "parquet":
            from dataclasses import asdict

            import pyarrow as pa
            import pyarrow.parquet as pq

            rows = [{**asdict(latent), "reasons": None} for latent in iter_latents(engine, slug, query)]
            pq.write_table(pa.Table.from_pylist(rows).drop_columns(["reasons"]), path)
            return
        write = latents_as_csv if format_ == "csv" else latents_as_ndjson
        with path.open("wb") as file:
            file.writelines(write(row_blocks(engine, slug, query)))
    except OSError as error:
        raise SettingsError(f"can't be written ({error.strerror})", place=path) from error
