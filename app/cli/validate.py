"""`hedgescope validate`: the scores against known truth."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from app.cli.console import errors, output, stages

if TYPE_CHECKING:
    from app.lab.report import Sheet
    from app.lab.validation import Purpose


def validate(
    quick: Annotated[
        bool, typer.Option("--quick", help="Only a few small worlds: minutes instead of a quarter of an hour.")
    ] = False,
    tuning: Annotated[
        bool, typer.Option("--tuning", help="Use the worlds for tuning a formula, not the test worlds.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worlds to run at once; default: one per processor.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write all figures to, as JSON.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables in Markdown.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Train SAEs on worlds whose features are known, score them, and compare with the truth."""
    import orjson

    from app.lab import report
    from app.lab.validation import n_worlds, run_all
    from app.pipeline.identity import versions

    if quick and tuning:
        raise typer.BadParameter("--quick and --tuning are two sets of worlds; give one of them")
    purpose: Purpose = "quick" if quick else "tuning" if tuning else "test"
    with stages() as progress, tempfile.TemporaryDirectory(prefix="hedgescope-validate-") as folder:
        advance = progress("worlds", n_worlds(purpose), "worlds")
        found = run_all(purpose, Path(folder), workers or os.cpu_count() or 1, advance)
    record = orjson.dumps({"purpose": purpose, "versions": versions(), "validation": found})
    if out is not None:
        out.write_bytes(record + b"\n")
        errors.print(f"saved {out}", highlight=False, soft_wrap=True)
    tables = report.sheets(found)
    if json:
        typer.echo(record.decode())
    elif markdown:
        typer.echo(report.markdown(tables))
    else:
        for sheet in tables:
            output.print(_table(sheet), highlight=False)


def _table(sheet: Sheet) -> Table:
    table = Table(title=sheet.title, title_justify="left", box=None, pad_edge=False)
    for place, name in enumerate(sheet.head):
        table.add_column(name, justify="right" if place else "left")
    for row in sheet.rows:
        table.add_row(*row)
    return table
