"""Parents and children between levels, as pages and API name them."""

from __future__ import annotations

from app.records import ComparisonSummary, Side


def why_no_links(summary: ComparisonSummary, side: Side) -> str:
    """Why there are no parents and children between the levels of an SAE."""
    own = summary.narrow if side == "narrow" else summary.reference
    if len(own.levels) < 2:
        return f"{own.sae.name} has a single level"
    if side == "narrow" and own.sae.checksum == summary.reference.sae.checksum:
        return "the narrow SAE is a prefix of the reference; its levels are among the reference's"
    return (
        "this comparison was stored before parents and children were counted, or no latent of an outer level fires "
        "mostly where one of an inner level does; compare again to count them"
    )
