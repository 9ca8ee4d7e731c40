"""`hedgescope lab`: the toy worlds on which feature hedging can be watched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from app.cli.console import errors, output, stages

if TYPE_CHECKING:
    from app.records import ToyLab

COMMAND = "hedgescope lab"


def lab(
    out: Annotated[Path | None, typer.Option(help="File to write the results to, as JSON.")] = None,
    samples: Annotated[int | None, typer.Option(min=1024, help="Samples per world; default: 2,000,000.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of feature directions, initialisation and samples.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Train tiny SAEs on worlds of two to four features and compare what they learn with theory."""
    import orjson

    from app.lab.toys import N_SAMPLES

    results = _train(samples or N_SAMPLES, seed)
    if out is not None:
        out.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        errors.print(f"saved {out}", highlight=False, soft_wrap=True)
    if json:
        typer.echo(orjson.dumps(results).decode())
        return
    output.print(_table(results), highlight=False)


def _train(samples: int, seed: int) -> ToyLab:
    from app.lab.toy_set import TOYS
    from app.lab.toys import result_of, train_toy
    from app.pipeline.identity import versions
    from app.records import ToyLab

    results = []
    with stages() as progress:
        advance = progress("toys", len(TOYS), "SAEs")
        for toy in TOYS:
            results.append(result_of(toy, train_toy(toy, seed=seed, n_samples=samples)))
            advance(1)
    return ToyLab(f"{COMMAND} --samples {samples} --seed {seed}", seed, samples, versions(), tuple(results))


def _table(results: ToyLab) -> Table:
    """Decoder cosines of every latent, and those of the theory."""
    table = Table("toy", "latent", "decoder along the features", "theory", box=None)
    for toy in results.toys:
        for latent, row in enumerate(toy.decoder):
            expected = toy.expected[latent] if latent < len(toy.expected) else None
            table.add_row(
                "" if latent else toy.title, str(latent), _row(row), "–" if expected is None else _row(expected)
            )
        theory = "–" if toy.expected_b_dec is None else _row(toy.expected_b_dec)
        table.add_row("", "b_dec", _row(toy.b_dec), theory)
    return table


def _row(values: tuple[float, ...]) -> str:
    return "  ".join(f"{value:6.3f}" for value in values)
