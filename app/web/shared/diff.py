"""Two comparisons, latent by latent: which latents are the same, and how their scores and labels differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Engine

from app.errors import ConflictError
from app.records import ComparisonSummary, SaeRecord
from app.store import read

MatchedBy = Literal["index", "reference"]

FIELDS = ("label", "hedging_score", "diagnosis", "main_partner")
NEAREST = ("max_decoder_cosine_index", "mutual_best")


@dataclass(frozen=True)
class LatentOfOne:
    """A latent in one of two comparisons.

    Attributes:
        index: in that comparison's narrow SAE.
        hedging_score: null where undefined.
        diagnosis: null where undefined.
        main_partner: index in that comparison's reference; null where there is none.
    """

    index: int
    hedging_score: float | None
    diagnosis: str | None
    main_partner: int | None


@dataclass(frozen=True)
class LatentDifference:
    """A latent in both comparisons.

    Attributes:
        index: in the first comparison's narrow SAE.
        label: the tokens it fires on most strongly in the first comparison.
        a, b: in each of them.
        difference: hedging score of b less that of a; null unless both are defined.
        reference_index: the reference latent that both are matched by; null where they are matched by index.
    """

    index: int
    label: str
    a: LatentOfOne
    b: LatentOfOne
    difference: float | None
    reference_index: int | None = None


@dataclass(frozen=True)
class Crossing:
    """How many latents have one label in the first comparison and one in the second.

    Attributes:
        a, b: diagnosis in each; null for none.
        n: latents.
    """

    a: str | None
    b: str | None
    n: int


@dataclass(frozen=True)
class Differences:
    """All latents that two comparisons have in common.

    Attributes:
        matched_by: `index` for one narrow SAE or two prefixes of it; `reference` for two narrow SAEs, whose latents are
            the same where the same reference latent is mutually nearest to both.
        items: the latents that differ most, then those that are scored in one of them only, then the others.
        n_only_a, n_only_b: narrow latents without a match in the other comparison.
        crossings: numbers of latents by both labels, the most frequent first.
    """

    matched_by: MatchedBy
    items: tuple[LatentDifference, ...]
    n_only_a: int
    n_only_b: int
    crossings: tuple[Crossing, ...]

    @property
    def differences(self) -> list[float]:
        """Of the latents that are scored in both."""
        return [item.difference for item in self.items if item.difference is not None]

    @property
    def mean_difference(self) -> float | None:
        """Of the latents that are scored in both; None without any."""
        return _mean(self.differences)

    @property
    def mean_absolute_difference(self) -> float | None:
        """Of the latents that are scored in both; None without any."""
        return _mean([abs(each) for each in self.differences])

    @property
    def n_same_label(self) -> int:
        """Latents with the same label in both, or without one in both."""
        return sum(crossing.n for crossing in self.crossings if crossing.a == crossing.b)


def matched_by(a: ComparisonSummary, b: ComparisonSummary) -> MatchedBy:
    """How the latents of two comparisons are matched.

    Raises:
        ConflictError: neither the narrow SAE nor the reference is the same.
    """
    if _weights(a.narrow.sae) == _weights(b.narrow.sae):
        return "index"
    one, other = a.reference.sae, b.reference.sae
    if (_weights(one), one.d_sae) == (_weights(other), other.d_sae):
        return "reference"
    raise ConflictError(
        f"the narrow SAEs differ ({a.narrow.sae.name} and {b.narrow.sae.name}), and so do the references "
        f"({one.name} and {other.name}); expected two comparisons of the same narrow SAE or with the same reference"
    )


def differences(engine: Engine, a: ComparisonSummary, b: ComparisonSummary) -> Differences:
    """Two comparisons latent by latent. Raises as `matched_by`."""
    by = matched_by(a, b)
    names = FIELDS if by == "index" else (*FIELDS, *NEAREST)
    first, second = (read.columns(engine, each.slug, "narrow", names) for each in (a, b))
    n_a, n_b = len(first["label"]), len(second["label"])
    pairs = [(i, i, None) for i in range(min(n_a, n_b))] if by == "index" else list(_by_reference(first, second))
    items = [_difference(first, second, *pair) for pair in pairs]
    labels = Counter((item.a.diagnosis, item.b.diagnosis) for item in items)
    return Differences(
        matched_by=by,
        items=tuple(sorted(items, key=_rank)),
        n_only_a=n_a - len(items),
        n_only_b=n_b - len(items),
        crossings=tuple(Crossing(*pair, n) for pair, n in labels.most_common()),
    )


def _mean(values: Sequence[float]) -> float | None:
    """None without values."""
    return sum(values) / len(values) if values else None


def _weights(sae: SaeRecord) -> tuple[str, str]:
    return sae.checksum, sae.config_checksum


def _by_reference(a: dict[str, list[Any]], b: dict[str, list[Any]]) -> Iterator[tuple[int, int, int]]:
    """(index in a, index in b, reference latent): a reference latent is mutually nearest to one latent at most."""
    in_b = {nearest: i for i, nearest in enumerate(b["max_decoder_cosine_index"]) if b["mutual_best"][i]}
    for i, nearest in enumerate(a["max_decoder_cosine_index"]):
        if a["mutual_best"][i] and nearest in in_b:
            yield i, in_b[nearest], nearest


def _difference(
    a: dict[str, list[Any]], b: dict[str, list[Any]], i: int, j: int, reference: int | None
) -> LatentDifference:
    first, second = _latent(a, i), _latent(b, j)
    change = None
    if first.hedging_score is not None and second.hedging_score is not None:
        change = second.hedging_score - first.hedging_score
    return LatentDifference(i, a["label"][i], first, second, change, reference)


def _latent(columns: dict[str, list[Any]], i: int) -> LatentOfOne:
    return LatentOfOne(i, columns["hedging_score"][i], columns["diagnosis"][i], columns["main_partner"][i])


def _rank(item: LatentDifference) -> tuple[int, float, int]:
    """Those scored in both by size, then those scored in one, then the others."""
    if item.difference is not None:
        return 0, -abs(item.difference), item.index
    is_scored = item.a.hedging_score is not None or item.b.hedging_score is not None
    return (1 if is_scored else 2), 0.0, item.index
