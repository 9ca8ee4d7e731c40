"""`hedgescope labels`: labels and explanations of latents that other programs made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Labels of latents by other programs.", no_args_is_help=True)

Sae = Annotated[str, typer.Option(help="Registered name of the SAE that they are for.")]


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="Neuronpedia's export of explanations, or SAEDashboard's JSON.")],
    sae: Sae,
) -> None:
    """Store the labels in a file; those that the SAE had from the same program are replaced."""
    from app.cli.store import opened_store
    from app.store.label_files import read_labels
    from app.store.labels import write_labels
    from app.store.read import get_sae

    with opened_store(writes=True) as engine:
        record = get_sae(engine, sae)
        found = read_labels(file, record.d_sae, record.neuronpedia_id)
        write_labels(engine, record.checksum, found)
    typer.echo(f"{len(found):,} labels of {len({each.index for each in found}):,} latents")


@app.command()
def remove(sae: Sae) -> None:
    """Remove the labels of an SAE that other programs made."""
    from app.cli.store import opened_store
    from app.store.labels import remove_labels
    from app.store.read import get_sae

    with opened_store(writes=True) as engine:
        n_removed = remove_labels(engine, get_sae(engine, sae).checksum)
    typer.echo(f"{n_removed:,} labels removed")
