"""Latents pinned to the grid of a text of one's own: in the address, and as strips over the tokens."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import QueryError
from app.inference.wire import LatentRef
from app.records import ComparisonSummary
from app.records.sides import SIDES
from app.web.http import links
from app.web.live.prompt import check_latent
from app.web.live.prompt_records import PromptLatent, PromptResult
from app.web.live.prompt_strips import strip_svg, tokens_svg
from app.web.pages.contexts.prompt import GridRow, PromptGrid

MOST_PINS = 10
USUAL = 4
"""Latents of each SAE in a grid without pins: those nearest to their largest activation."""

Pins = tuple[LatentRef, ...]


def parse_latent(text: str, parameter: str, summary: ComparisonSummary) -> LatentRef:
    """A latent as addresses name it, `narrow:17`. Raises QueryError."""
    side, _, index = text.partition(":")
    if side not in SIDES or not (index.isascii() and index.isdigit() and len(index) < 10):
        raise QueryError(f"{parameter} is {text!r}; expected for example narrow:17", parameter=parameter)
    ref = LatentRef.model_validate({"sae": side, "index": int(index)})
    check_latent(summary, ref.sae, ref.index)
    return ref


def parse_pins(text: str, summary: ComparisonSummary) -> Pins:
    """The pinned latents, each once. Raises QueryError, also for too many."""
    names = dict.fromkeys(filter(None, text.split(",")))
    if len(names) > MOST_PINS:
        raise QueryError(f"{len(names)} latents are pinned; expected at most {MOST_PINS}", parameter="pin")
    return tuple(parse_latent(name, "pin", summary) for name in names)


def toggled(pins: Pins, ref: LatentRef) -> Pins | None:
    """The pins without this latent, or with it; None where there is no room for it."""
    if ref in pins:
        return tuple(pin for pin in pins if pin != ref)
    return (*pins, ref) if len(pins) < MOST_PINS else None


def pin_url(slug: str, pins: Pins, chosen: LatentRef | None, ref: LatentRef) -> str | None:
    """The page with this latent pinned, or unpinned where it is; None where there is no room."""
    found = toggled(pins, ref)
    return None if found is None else links.prompt(slug, chosen, found)


def prompt_grid(result: PromptResult, pins: Pins, chosen: LatentRef | None) -> PromptGrid:
    """The pinned latents over the tokens; without pins the most active ones of each SAE."""
    tokens = [token.text for token in result.tokens]
    latents = {LatentRef(sae=each.sae, index=each.index): each for each in result.latents}
    shown = [latents[pin] for pin in pins if pin in latents] or _most_active(result.latents)
    rows = (_row(result.slug, each, tokens, pins, chosen) for each in shown)
    return PromptGrid(tokens_svg(tokens), tuple(rows), bool(pins))


def largest_of(latent: PromptLatent) -> float:
    """The activation that gets full colour."""
    found = latent.max_activation or max((firing.activation for firing in latent.firings), default=0.0)
    return found or 1.0


def _row(slug: str, latent: PromptLatent, tokens: Sequence[str], pins: Pins, chosen: LatentRef | None) -> GridRow:
    ref = LatentRef(sae=latent.sae, index=latent.index)
    strip = strip_svg(latent, tokens, largest_of(latent))
    return GridRow(latent, strip, pin_url(slug, pins, chosen, ref), ref in pins)


def _most_active(latents: Sequence[PromptLatent]) -> list[PromptLatent]:
    def relative(latent: PromptLatent) -> float:
        return max(firing.activation for firing in latent.firings) / largest_of(latent)

    found: list[PromptLatent] = []
    for side in SIDES:
        own = [each for each in latents if each.sae == side and each.firings]
        found += sorted(own, key=relative, reverse=True)[:USUAL]
    return found
