"""`hedgescope sae`: register SAEs and look at them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.console import errors, output
from app.cli.options import field_argument, field_option
from app.errors import SettingsError
from app.records import SaeRecord, SaeRequest

app = typer.Typer(help="Trained SAEs: add, list, show, remove.", no_args_is_help=True)


@app.command()
def add(
    source: Annotated[str, field_argument(SaeRequest, "source")],
    name: Annotated[str | None, field_option(SaeRequest, "name")] = None,
    matryoshka_widths: Annotated[str | None, field_option(SaeRequest, "matryoshka_widths")] = None,
    model: Annotated[str | None, field_option(SaeRequest, "model")] = None,
    hook: Annotated[str | None, field_option(SaeRequest, "hook")] = None,
    sample: Annotated[bool, typer.Option(help="First try it on a few rows of text.")] = True,
) -> None:
    """Check a trained SAE and register it."""
    from app.activations.language_model import ModelShelf
    from app.cli.store import open_store
    from app.pipeline.register import add_sae
    from app.settings import load_settings

    settings = load_settings()
    widths = parse_widths(matryoshka_widths)
    request = SaeRequest(source, name=name, matryoshka_widths=widths, model=model, hook=hook)
    models = ModelShelf(settings.data_dir / "models")
    with errors.status("checking the SAE"):
        record = add_sae(open_store(settings, writes=True), request, models=models, sample=sample)
    _print(record)


@app.command("list")
def list_() -> None:
    """List the registered SAEs."""
    from app.cli.store import open_store
    from app.settings import load_settings
    from app.store.read import list_saes

    table = Table("name", "latents", "d_in", "levels", "model", "hook", "explained variance", "L0", box=None)
    for record in list_saes(open_store(load_settings())):
        table.add_row(
            record.name,
            str(record.d_sae),
            str(record.d_in),
            _widths(record),
            record.model_name or "–",
            record.hook_name or "–",
            _number(record.explained_variance, 3),
            _number(record.l0, 1),
        )
    output.print(table)


@app.command()
def show(name: Annotated[str, typer.Argument(help="Registered name.")]) -> None:
    """Show the details of a registered SAE."""
    from app.cli.store import open_store
    from app.settings import load_settings
    from app.store.read import get_sae

    _print(get_sae(open_store(load_settings()), name))


@app.command()
def remove(name: Annotated[str, typer.Argument(help="Registered name.")]) -> None:
    """Unregister an SAE; its files and its comparisons stay."""
    from app.cli.store import open_store
    from app.settings import load_settings
    from app.store.write import remove_sae

    remove_sae(open_store(load_settings()), name)


def parse_widths(value: str | None) -> tuple[int, ...] | None:
    """`128,512` to numbers.

    Raises:
        SettingsError: it is something else.
    """
    if value is None:
        return None
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise SettingsError(f"widths {value!r}: expected numbers separated by commas, e.g. 128,512,2048")
    return tuple(int(part) for part in parts)


def _print(record: SaeRecord) -> None:
    table = Table(show_header=False, box=None)
    table.add_row("name", record.name)
    table.add_row("weights", f"sha256 {record.checksum}")
    table.add_row("source", record.source)
    table.add_row("architecture", f"{record.architecture} (trained as {record.training_architecture or 'not said'})")
    table.add_row("size", f"{record.d_sae:,} latents, d_in {record.d_in}, {record.dtype}")
    table.add_row("levels", f"{_widths(record)}{f' (from {record.widths_source})' if record.widths_source else ''}")
    table.add_row("reads", f"{record.hook_name or 'not said'} of {record.model_name or 'not said'}")
    table.add_row(
        "on a sample", f"explained variance {_number(record.explained_variance, 3)}, L0 {_number(record.l0, 1)}"
    )
    for note in record.notes:
        table.add_row("note", escape(note))
    output.print(table, highlight=False)


def _widths(record: SaeRecord) -> str:
    return ", ".join(map(str, record.matryoshka_widths)) if record.matryoshka_widths else "–"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
