"""`hedgescope degree`: the paper's hedging degree of a control/extended pair."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from app.cli.console import errors, output

if TYPE_CHECKING:
    from app.scores.degree import HedgingDegree

N_SHOWN = 10


def degree(
    control: Annotated[str, typer.Option(help="Folder of the control SAE.")],
    extended: Annotated[str, typer.Option(help="Folder of the extended SAE.")],
    baselines: Annotated[int, typer.Option(min=2, help="Random subspaces of the baseline.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the random subspaces.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, with every latent.")] = False,
) -> None:
    """Measure the hedging degree of two SAEs that `hedgescope extend` made."""
    from app.sae.load import load_sae
    from app.scores.degree import hedging_degree
    from app.training.pair import check_pair

    first, second = load_sae(control), load_sae(extended)
    pair = check_pair(first, second)
    result = hedging_degree(first.unit_decoder, second.unit_decoder, seed=seed, n_baselines=baselines)
    if json:
        import orjson

        numbers: dict[str, Any] = asdict(result) | {"shown_degree": result.shown_degree}
        typer.echo(orjson.dumps({"control": control, "extended": extended, "pair": pair, **numbers}).decode())
        return
    _print(result)


def _print(result: HedgingDegree) -> None:
    table = Table(show_header=False, box=None)
    table.add_row("hedging degree", _number(result.shown_degree))
    if result.degree is not None and result.degree < 0:
        table.add_row("", f"measured {result.degree:.4f}; below 0 the change avoids the new latents' span")
    table.add_row("raw", _number(result.raw))
    table.add_row(
        "baseline", f"{_number(result.baseline_mean)} (sd {_number(result.baseline_sd)}, {result.n_baselines} draws)"
    )
    table.add_row("mean change", _number(result.mean_change))
    table.add_row("latents", f"{result.n_latents:,}, and {result.n_new} new ones that span {result.rank} dimensions")
    output.print(table, highlight=False)
    if result.reason:
        errors.print(f"no hedging degree: {result.reason}", highlight=False, soft_wrap=True)
        return
    output.print(_top(result), highlight=False)


def _top(result: HedgingDegree) -> Table:
    """The latents that changed most along the new ones."""
    table = Table("latent", "degree", "raw", "baseline", box=None)
    scored = [latent for latent in result.latents if latent.degree is not None]
    for latent in sorted(scored, key=lambda latent: -(latent.degree or 0.0))[:N_SHOWN]:
        table.add_row(str(latent.index), _number(latent.degree), _number(latent.raw), _number(latent.baseline))
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
