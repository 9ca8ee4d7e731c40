"""`hedgescope demo`: the main job on what ships with the program."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
import typer
from rich.markup import escape
from rich.table import Table

from app.cli.console import errors, output, stages
from app.cli.serve import Port, run_server
from app.records import ComparisonSummary, Context, LatentScores, Partner
from app.settings import Settings

NAME = "demo"
SAES = {"demo-narrow": "narrow", "demo-matryoshka": "matryoshka"}
"""Registered name -> folder below demo/saes."""

TOKENS = 65_536
N_SHOWN = 10
MAX_PARTNERS = 3
"""Named partners in a line of the table."""


def demo(
    tokens: Annotated[int, typer.Option(min=1000, help="Number of scored tokens.")] = TOKENS,
    serve: Annotated[bool, typer.Option(help="Serve the pages afterwards.")] = True,
    port: Port = None,
) -> None:
    """Score the bundled narrow SAE against the bundled Matryoshka SAE of SmolLM2-135M, and serve the pages."""
    from app.cli.serve import bind, url_of
    from app.cli.store import open_store
    from app.settings import load_settings

    settings = load_settings(port=port)
    if serve:
        bind(settings.host, settings.port).close()
    engine = open_store(settings, writes=True)
    summary = stored_demo(engine, tokens)
    if summary is None:
        summary = _score(engine, settings, tokens)
    _store_intervention(engine, summary)
    _print_hedged(engine, summary)
    path = f"/c/{summary.slug}"
    if serve:
        run_server(settings, path=path)
    else:
        output.print(f"{url_of(settings.host, settings.port)}{path} (after `hedgescope serve`)", soft_wrap=True)


def stored_demo(engine: sa.Engine, tokens: int) -> ComparisonSummary | None:
    """The demo's comparison where it is stored already for just these files; no model is loaded for that."""
    from app.catalogue import SCORING_VERSION
    from app.hashing import file_checksum
    from app.paths import resource
    from app.store.read import list_comparisons

    weights = [file_checksum(resource(f"demo/saes/{folder}/sae_weights.safetensors")) for folder in SAES.values()]
    for summary in list_comparisons(engine):
        found = [summary.narrow.sae.checksum, summary.reference.sae.checksum]
        if (summary.name, found, summary.n_tokens, summary.scoring_version) == (
            NAME,
            weights,
            tokens,
            SCORING_VERSION,
        ):
            return summary
    return None


def _score(engine: sa.Engine, settings: Settings, tokens: int) -> ComparisonSummary:
    """Register the bundled SAEs and compare them."""
    from app.activations.language_model import ModelShelf
    from app.paths import resource
    from app.pipeline.register import add_sae
    from app.pipeline.run import run
    from app.records import ComparisonRequest, SaeRequest

    models = ModelShelf(settings.data_dir / "models")
    _forget_older(engine)
    for name, folder in SAES.items():
        with errors.status(f"checking {name} on a sample (the first time, the model is converted: half a minute)"):
            request = SaeRequest(str(resource("demo") / "saes" / folder), name=name)
            record = add_sae(engine, request, models=models)
        explained = record.explained_variance
        quality = "" if explained is None else f", explained variance {explained:.3f}"
        for line in (f"{name}: {record.d_sae:,} latents{quality}", *record.notes):
            errors.print(line, markup=False, highlight=False)
    narrow, reference = SAES
    comparison = ComparisonRequest(narrow, reference, tokens=tokens, name=NAME)
    with stages() as progress:
        return run(engine, settings.data_dir, comparison, progress, models=models)


def _forget_older(engine: sa.Engine) -> None:
    """Free the demo's names where an earlier version of the program registered other weights under them."""
    from app.hashing import file_checksum
    from app.paths import resource
    from app.store.read import list_saes
    from app.store.write import remove_sae

    for record in list_saes(engine):
        if record.name not in SAES:
            continue
        weights = resource("demo") / "saes" / SAES[record.name] / "sae_weights.safetensors"
        if file_checksum(weights) != record.checksum:
            remove_sae(engine, record.name)


def _store_intervention(engine: sa.Engine, summary: ComparisonSummary) -> None:
    """Put the intervention that ships with the program next to the comparison, or say why not."""
    from app.errors import StoreError
    from app.pipeline.shipped_intervention import store_shipped

    try:
        number = store_shipped(engine, summary)
    except StoreError as error:
        errors.print(f"no intervention yet: {error}", markup=False, highlight=False, soft_wrap=True)
        return
    errors.print(f"intervention {number}: measured before, ships with the program", markup=False, highlight=False)


def _print_hedged(engine: sa.Engine, summary: ComparisonSummary) -> None:
    """The most hedged latents, their partners and a context of each."""
    from app.store.page import LatentQuery, latents_page
    from app.store.read import get_detail, partners_of_narrow, text_rows

    query = LatentQuery(side="narrow", sort="-hedging_score", limit=N_SHOWN)
    table = Table("latent", "hedging score", "main partner", "named partners", "a top context", box=None)
    for latent in latents_page(engine, summary.slug, query).items:
        if latent.hedging_score is None:
            continue
        partners = partners_of_narrow(engine, summary.slug, latent.index)
        context = get_detail(engine, summary.slug, "narrow", latent.index).contexts[0]
        tokens = text_rows(engine, summary.slug, [context.row])[context.row].tokens
        table.add_row(
            str(latent.index),
            _score_text(latent),
            ", ".join(f"{partner.index}" for partner in partners if partner.diagnosis == "main"),
            _named_text(partners),
            _context_text(context, tokens),
        )
    hedged, merged = summary.n_hedged, summary.n_merged
    output.print(
        f"{hedged} of {summary.n_scored} scored narrow latents are hedged; {merged} of these may be merged instead. "
        "The highest scores, with the mass of each named partner:"
    )
    output.print(table, highlight=False)


def _score_text(latent: LatentScores) -> str:
    if latent.hedging_score is None:
        return "–"
    if latent.hedging_score_low is None or latent.hedging_score_high is None:
        return f"{latent.hedging_score:.2f}"
    return f"{latent.hedging_score:.2f} ({latent.hedging_score_low:.2f} to {latent.hedging_score_high:.2f})"


def _named_text(partners: list[Partner]) -> str:
    """The partners that the score counts with their masses, largest first; what is too many for a line is counted."""
    named = sorted((p for p in partners if p.mixed_mass is not None), key=lambda p: -p.predicted_mass)
    found = [f"{partner.index} ({partner.predicted_mass:.0%})" for partner in named]
    more = [f"{len(found) - MAX_PARTNERS} more"] if len(found) > MAX_PARTNERS else []
    return ", ".join([*found[:MAX_PARTNERS], *more])


def _context_text(context: Context, tokens: tuple[str, ...]) -> str:
    """A few tokens around the firing, the firing one in bold; control characters made visible."""
    at = context.position
    first = max(context.start, at - 8)
    before, token, after = ("".join(tokens[a:b]) for a, b in ((first, at), (at, at + 1), (at + 1, at + 5)))
    shown = [escape("".join(c if c.isprintable() else "·" for c in part)) for part in (before, token, after)]
    return f"{shown[0]}[bold]{shown[1]}[/bold]{shown[2]}"
