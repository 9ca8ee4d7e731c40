"""The pictures on a latent's page: its firings by partner, their plane, its score's terms, what would be left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from app.records import FiringCells, LatentDetail, LatentScores, TextRow
from app.store import read
from app.web.http import links
from app.web.pages.contexts.latent import Corrected, FiringPart, Pictures
from app.web.pages.neighbours import near_latents
from app.web.pages.respond import Visit
from app.web.shared.figures.decomposition import decomposition
from app.web.shared.figures.firing_cells import PARTS, Part, split_histogram
from app.web.shared.figures.mixed_masses import Releases, mixed_masses
from app.web.shared.figures.plane import plane_plot
from app.web.shared.figures.plot import Plot
from app.web.shared.figures.score_axis import score_axis
from app.web.shared.figures.style import shortened
from app.web.shared.latents import PartnerRow, latents_by_index
from app.web.shared.split import Split

MOST_BARS = 16
MOST_TOKENS = 4
MOST_NEAREST = 5

TABS: Mapping[str, str] = {
    "main partner only": "both",
    "main and mixed-in": "both",
    "mixed-in only": "mixed_in_without_main",
    "neither": "without_main",
}
"""Part of the firings -> the tab of contexts that shows it."""


def pictures(
    visit: Visit, latent: LatentScores, split: Split | str, rows: Sequence[PartnerRow], releases: Releases
) -> Pictures:
    """All of them, each None where there is nothing to draw.

    Args:
        rows: partners, the largest mass first behind the main one.
    """
    cells = split.cells if isinstance(split, Split) and split.slot is None else None
    has_firings = cells is not None and bool(cells.partners) and any(cells.counts)
    return Pictures(
        score=score_axis(latent),
        firings=split_histogram(cells) if cells is not None and has_firings else None,
        parts=_parts(visit, cells) if cells is not None and has_firings else (),
        near_misses=_near_misses(visit, split) if isinstance(split, Split) and has_firings else None,
        plane=plane_plot(cells, cells.plane) if cells is not None and cells.plane is not None else None,
        terms=mixed_masses(latent, rows, releases) or _decomposition(latent, rows),
    )


def corrected(visit: Visit, split: Split | str, detail: LatentDetail) -> Corrected | None:
    """What the row would be without its mixed-in parts, next to what it is; None where nothing is mixed in."""
    found = split.cells.corrected if isinstance(split, Split) and split.slot is None else None
    if found is None:
        return None
    lists = detail.other_sae[:MOST_NEAREST], found.other_sae[:MOST_NEAREST]
    latents = latents_by_index(visit.engine, visit.slug, "reference", {n.index for each in lists for n in each})
    actual, without = (near_latents(each, "reference", latents) for each in lists)
    return Corrected(found.decoder_cosine, actual, without, detail.logit_weights, found.logit_weights)


def _decomposition(latent: LatentScores, rows: Sequence[PartnerRow]) -> Plot | None:
    """For comparisons before scoring version 4, which have no masses."""
    weighted = [row for row in rows if row.partner.weight]
    return decomposition(latent, weighted[:MOST_BARS]) if weighted else None


def _parts(visit: Visit, cells: FiringCells) -> tuple[FiringPart, ...]:
    text = read.text_rows(visit.engine, visit.slug, {context.row for context in cells.contexts})
    total = sum(cells.counts)
    found = []
    for part in PARTS:
        n = sum(count for cell, count in enumerate(cells.counts) if part.has(cell))
        if len(cells.partners) > 1 or not part.mixed_in:
            href = _tab(visit, cells, TABS[part.name]) if n else None
            found.append(FiringPart(part.name, part.tone, n, n / total, tuple(_tokens(cells, part, text)), href))
    return tuple(found)


def _near_misses(visit: Visit, split: Split) -> FiringPart:
    """Where the main partner fires and the latent doesn't."""
    n, fires = split.count("partner_without_this", None), split.others[split.partners[0]].n_firings
    href = _tab(visit, split.cells, "partner_without_this") if n else None
    return FiringPart("main partner without it (near misses)", "ink", n, n / max(fires, 1), (), href)


def _tab(visit: Visit, cells: FiringCells, name: str) -> str:
    return f"{links.latent(visit.slug, 'narrow', cells.narrow_index, (('cell', name),))}#contexts"


def _tokens(cells: FiringCells, part: Part, text: Mapping[int, TextRow]) -> Iterator[str]:
    """The most frequent tokens among a part's strongest contexts."""
    found = Counter(
        text[context.row].tokens[context.position]
        for context in cells.contexts
        if part.has(context.cell) and context.row in text
    )
    return (shortened(token) for token, _ in found.most_common(MOST_TOKENS))
