"""What two comparisons have in common, and in what they differ, in words."""

from __future__ import annotations

from collections.abc import Callable

from app.records import ComparisonSummary, SideSummary
from app.web.shared import formatting as show


def _rows(summary: ComparisonSummary) -> str:
    rules = summary.rows
    if rules is None:
        return "not recorded"
    return f"{show.number(rules.length)} tokens{', from a beginning-of-sequence token' if rules.bos else ''}"


def _sae(side: SideSummary) -> str:
    sae = side.sae
    return f"{sae.name}, {show.number(sae.d_sae)} latents, {sae.training_architecture or sae.architecture}"


FACTS: tuple[tuple[str, Callable[[ComparisonSummary], str]], ...] = (
    ("Narrow SAE", lambda s: _sae(s.narrow)),
    ("Reference SAE", lambda s: _sae(s.reference)),
    ("Model", lambda s: s.model_name or "activations from a file"),
    ("Hook", lambda s: s.hook_name or "unknown"),
    ("Text", lambda s: f"{s.text_source} (SHA-256 {s.text_checksum[:12]})"),
    ("Tokens", lambda s: show.number(s.n_tokens)),
    ("Rows", _rows),
    ("Scoring version", lambda s: s.scoring_version),
    ("L0 of the narrow SAE", lambda s: show.tenths(s.narrow.l0)),
    ("L0 of the reference", lambda s: show.tenths(s.reference.l0)),
    ("Explained variance of the narrow SAE", lambda s: show.number(s.narrow.explained_variance)),
    ("Explained variance of the reference", lambda s: show.number(s.reference.explained_variance)),
    ("Dead latents of the narrow SAE", lambda s: show.number(s.narrow.n_dead)),
    ("Scored latents", lambda s: show.number(s.n_scored)),
    ("Hedged latents", lambda s: show.number(s.n_hedged)),
    ("Median hedging score", lambda s: show.number(s.score_quantiles.get("0.5"))),
    ("Chance level", lambda s: show.number(s.chance_level)),
)
"""Title, and what it is of a comparison; settings first, then results."""


def facts_of(a: ComparisonSummary, b: ComparisonSummary) -> list[tuple[str, str, str]]:
    """(title, in a, in b) of every fact."""
    return [(title, text(a), text(b)) for title, text in FACTS]
