"""`hedgescope intervene`: the randomised intervention on a stored comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from app.cli.console import errors, output, stages
from app.cli.options import field_option
from app.records.request import InterventionRequest

if TYPE_CHECKING:
    from app.records import FallSummary, InterventionSummary, PairRelease

N_SHOWN = 10


def intervene(
    comparison: Annotated[str, field_option(InterventionRequest, "comparison")],
    runs: Annotated[int, field_option(InterventionRequest, "runs")] = 8,
    add: Annotated[int | None, field_option(InterventionRequest, "add")] = None,
    tokens: Annotated[int, field_option(InterventionRequest, "tokens")] = 400_000,
    activations: Annotated[str | None, field_option(InterventionRequest, "activations")] = None,
    text: Annotated[str | None, field_option(InterventionRequest, "text")] = None,
    seed: Annotated[int, field_option(InterventionRequest, "seed")] = 0,
    hold_budget: Annotated[
        bool, typer.Option("--hold-budget", help="Keep k, instead of growing it by the firings of the added latents.")
    ] = False,
    batch_size: Annotated[int, field_option(InterventionRequest, "batch_size")] = 1024,
    lr: Annotated[float, field_option(InterventionRequest, "lr")] = 3e-4,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:N or auto; by default as in the settings.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Measure hedging: give random halves of the predicted partners latents of their own, and see what lets go."""
    from app.activations.device import choose_device
    from app.cli.store import open_store
    from app.pipeline.intervene import intervene as run
    from app.pipeline.open import shelf_of
    from app.settings import load_settings
    from app.store.interventions import latent_releases_of, pair_releases
    from app.store.read import resolve_slug

    request = InterventionRequest(
        comparison,
        runs=runs,
        add=add,
        tokens=tokens,
        activations=activations,
        text=text,
        batch_size=batch_size,
        lr=lr,
        seed=seed,
        hold_budget=hold_budget,
    )
    settings = load_settings(device=device)
    engine = open_store(settings, writes=True)
    request = replace(request, comparison=resolve_slug(engine, comparison))
    where = str(choose_device(settings.device))
    with stages() as progress:
        number, summary = run(engine, settings.data_dir, request, shelf_of(settings), progress, device=where)
    pairs = pair_releases(engine, number)
    if json:
        import orjson

        answer = {"id": number, "summary": summary, "pairs": pairs, "latents": latent_releases_of(engine, number)}
        typer.echo(orjson.dumps(answer).decode())
        return
    _print(number, summary, pairs)


def _print(number: int, summary: InterventionSummary, pairs: list[PairRelease]) -> None:
    settings = summary.settings
    n_blocks = settings.n_runs // 2
    errors.print(
        f"{len(summary.candidates)} reference latents, each added in {n_blocks} of {settings.n_runs} runs at random, "
        f"next to {n_blocks} controls; {settings.n_tokens:,} tokens each, {summary.seconds:,.0f} s in all",
        highlight=False,
        soft_wrap=True,
    )
    output.print(_falls(summary), highlight=False)
    if summary.n_above_zero is not None:
        output.print(
            f"{summary.n_above_zero} of {summary.n_named} named pairs release more than 0 by their 95 % intervals, "
            f"{summary.n_below_zero} less",
            highlight=False,
            soft_wrap=True,
        )
    rho = summary.mass_and_release
    said = rho.reason if rho.rho is None else f"{rho.rho:.2f} ({rho.low:.2f} to {rho.high:.2f}, n = {rho.n})"
    output.print(f"rank correlation of predicted mass and release: {said}", highlight=False)
    output.print(_largest(pairs), highlight=False)
    output.print(f"intervention {number} of {summary.comparison}", highlight=False)


def _falls(summary: InterventionSummary) -> Table:
    table = Table("pairs", "partner", "share that falls", "median fall", "motion cosine", box=None)
    rows = {
        ("named", "added"): summary.named_added,
        ("named", "not added"): summary.named_not_added,
        ("all other", "added"): summary.other_added,
        ("all other", "not added"): summary.other_not_added,
    }
    for (kind, added), falls in rows.items():
        table.add_row(kind, added, *_numbers(falls))
    return table


def _numbers(falls: FallSummary) -> tuple[str, str, str]:
    return (
        "–" if falls.share_falling is None else f"{falls.share_falling:.3f}",
        "–" if falls.median is None else f"{falls.median:+.4f}",
        "–" if falls.motion_cosine is None else f"{falls.motion_cosine:+.2f}",
    )


def _largest(pairs: list[PairRelease]) -> Table:
    """The named pairs that released most."""
    table = Table("narrow", "reference", "predicted", "release", "± s.e.", "not added", box=None)
    for pair in [pair for pair in pairs if pair.named][:N_SHOWN]:
        spread = "–" if pair.release_se is None else f"{pair.release_se:.4f}"
        numbers = f"{pair.mass:.3f}", f"{pair.release:+.4f}", spread, f"{pair.fall_not_added:+.4f}"
        table.add_row(str(pair.narrow_index), str(pair.reference_index), *numbers)
    return table
