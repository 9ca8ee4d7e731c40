"""Databases of wide comparisons, made up, for measuring pages: `python -m bench.wide FOLDER 65536 131072`.

Each number makes a comparison `wide-NUMBER` with so many narrow latents. Scores are random, firings spread over
decades; partners are left out, since plots and tables do not read them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from app.records import ComparisonBundle, LatentDetail, LatentDiagnosis, LatentScores
from app.settings import Settings
from app.store.session import make_engine, upgrade
from app.store.write import write_comparison
from bench.output import command_line
from tests.builders import make_bundle

DIAGNOSES: tuple[LatentDiagnosis, ...] = ("hedged", "uncertain", "clean", "novel", "absorbed")
WORDS = ("the", "of", "and", "not", "le", "2026", "Sir", "{", "ing", "Paris")


def wide_latents(n: int, template: LatentScores) -> Iterator[LatentScores]:
    """`n` narrow latents; one in sixteen is dead and has no scores."""
    rng = random.Random(n)
    for index in range(n):
        cosine, density = rng.betavariate(5, 3), 10 ** rng.uniform(-5, -1)
        score = min(1.0, max(0.0, rng.gauss(1.1 - cosine, 0.15)))
        yield replace(
            template,
            index=index,
            label=f"{rng.choice(WORDS)} {rng.choice(WORDS)} {index % 5000}",
            max_decoder_cosine=cosine,
            max_jaccard=min(1.0, cosine * rng.random()),
            hedging_score=score if index % 16 else None,
            hedging_score_low=0.8 * score if index % 16 else None,
            hedging_score_high=min(1.0, 1.2 * score) if index % 16 else None,
            reasons=template.reasons if index % 16 else {**template.reasons, "hedging_score": "never fires"},
            diagnosis=rng.choice(DIAGNOSES) if index % 16 else "dead",
            density=density,
            n_firings=round(1_000_000 * density),
            max_activation=rng.lognormvariate(2, 1),
            c_dec=rng.uniform(0.03, 0.08),
        )


def wide_bundle(n: int) -> ComparisonBundle:
    """A comparison with `n` narrow latents."""
    small = make_bundle(name=f"wide-{n}")
    template = next(one for one in small.latents if one.sae == "narrow" and one.hedging_score is not None)
    detail = next(one for one in small.details if one.sae == "narrow")
    narrow = replace(small.summary.narrow, sae=replace(small.summary.narrow.sae, d_sae=n))
    references = tuple(one for one in small.latents if one.sae == "reference")
    return ComparisonBundle(
        replace(small.summary, narrow=narrow),
        (one for some in (wide_latents(n, template), references) for one in some),
        (),
        _details(n, detail),
        (),
        (),
        (),
        small.text_rows,
    )


def _details(n: int, detail: LatentDetail) -> Iterator[LatentDetail]:
    return (replace(detail, index=index) for index in range(n))


def make_database(folder: Path, widths: list[int]) -> None:
    """A database of wide comparisons in a data folder."""
    url = Settings(data_dir=folder).resolved_database_url
    upgrade(url)
    engine = make_engine(url)
    for n in widths:
        write_comparison(engine, wide_bundle(n))
    engine.dispose()


def main() -> None:
    """Make it."""
    parser = command_line(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("widths", type=int, nargs="+")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    make_database(given.folder, given.widths)


if __name__ == "__main__":
    main()
