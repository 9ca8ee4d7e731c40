"""The `hedgescope` program: commands, and how errors reach a person."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from app import __version__
from app.cli import (
    bundle,
    compare,
    comparison,
    database,
    degree,
    demo,
    extend,
    intervene,
    jobs,
    key,
    lab,
    labels,
    sae,
    serve,
    train,
    validate,
    worker,
)
from app.cli.console import errors
from app.errors import HedgescopeError, PreflightError

app = typer.Typer(
    name="hedgescope",
    help="Shows where a sparse autoencoder hedges, latent by latent.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.add_typer(sae.app, name="sae")
app.command("compare")(compare.compare)
app.add_typer(comparison.app, name="comparison")
app.command("export")(bundle.export)
app.command("import")(bundle.import_)
app.command("train")(train.train)
app.command("extend")(extend.extend)
app.command("degree")(degree.degree)
app.command("intervene")(intervene.intervene)
app.command("validate")(validate.validate)
app.command("lab")(lab.lab)
app.command("serve")(serve.serve)
app.command("jobs")(jobs.jobs)
app.add_typer(labels.app, name="labels")
app.add_typer(key.app, name="key")
app.command("worker")(worker.worker)
app.add_typer(database.app, name="db")

INTERRUPTED = 130
"""Exit code after Ctrl-C; Typer turns the interrupt into it."""

OF_WORKER = frozenset(
    {
        "datasets",
        "fsspec",
        "gguf",
        "huggingface_hub",
        "numpy",
        "pyarrow",
        "sae_lens",
        "safetensors",
        "scipy",
        "threadpoolctl",
        "tokenizers",
        "torch",
        "transformer_lens",
        "transformers",
    }
)
"""Packages of the extra that runs models and SAEs; the pages do without."""

_debug = False


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"hedgescope {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of explained errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the command's name."""
    global _debug
    _debug = debug


def main() -> None:
    """Run a command: exit code 0, 1 on a failure explained in one line, 2 on wrong usage."""
    try:
        app()
    except HedgescopeError as error:
        if _debug:
            raise
        _explain(error)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if _debug or (error.name or "").partition(".")[0] not in OF_WORKER:
            raise
        errors.print(
            f"error: this command needs the package {error.name}, which is not installed: it is part of the extra "
            "`worker`; run `pip install 'hedgescope[worker]'`",
            style="red",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        sys.exit(1)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            errors.print("stopped; run the same command again to resume")
        raise


def _explain(error: HedgescopeError) -> None:
    lines = [str(error)]
    if isinstance(error, PreflightError):
        lines = [f"{error.source}: {problem}" for problem in error.problems]
    for line in lines:
        errors.print(f"error: {line}", style="red", markup=False, highlight=False, soft_wrap=True)
