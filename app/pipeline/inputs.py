"""What a comparison is made from: two SAEs, activations, and the shards that the work is cut into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.arrays import Float32s
from app.pipeline.identity import checked_name, content_hash, default_name, slug_of
from app.pipeline.open import OpenFiles, Resources
from app.pipeline.places import UNKNOWN, Places, check_places
from app.pipeline.source import Source
from app.records import BySide, ComparisonRequest
from app.sae.levels import levels_of
from app.sae.load import LoadedSae
from app.scores.weights import ComparedWeights, Weights
from app.sparse.read import ShardReader
from app.sparse.shards import Shard, ShardStore, plan_shards
from app.sparse.work import check_width


@dataclass(frozen=True)
class ComparisonInputs:
    """A comparison whose inputs are read and checked, but not computed yet.

    Attributes:
        saes: both SAEs.
        source: the activations.
        shards: the pieces of work; store: where their results are kept.
        places: where both SAEs read.
        name: name part of the slug; content_hash: of everything that decides the numbers.
    """

    request: ComparisonRequest
    saes: BySide[LoadedSae]
    source: Source
    shards: list[Shard]
    store: ShardStore
    name: str
    content_hash: str
    places: Places = UNKNOWN

    @property
    def slug(self) -> str:
        """Where its pages will be."""
        return slug_of(self.name, self.content_hash)

    @property
    def n_tokens(self) -> int:
        """Scored tokens."""
        return sum(shard.n_tokens for shard in self.shards)

    @property
    def reader(self) -> ShardReader:
        """Reads its shards, once they are on disk."""
        return ShardReader(self.store, self.shards, self.saes)

    @property
    def weights(self) -> ComparedWeights:
        """What scores need of the SAEs."""
        return weights_of(self.saes)


def open_inputs(files: OpenFiles, data_dir: Path, request: ComparisonRequest, resources: Resources) -> ComparisonInputs:
    """Read and check what a request names, and cut the work into shards.

    Args:
        files: what other comparisons of this run have opened.
        data_dir: where shards are kept, unless the resources say otherwise.

    Raises:
        HedgescopeError: something can't be used.
    """
    saes = BySide(files.sae(request.narrow), files.sae(request.reference))
    records = saes.map(lambda sae: sae.record)
    name = checked_name(request.name or default_name(*records))
    source = files.source(request, records.narrow)
    for sae in saes:
        check_width(source.stream, sae)
    places = check_places(request, records, source)
    shards = plan_shards(source.stream.rows)
    return ComparisonInputs(
        request=request,
        saes=saes,
        source=source,
        shards=shards,
        store=ShardStore(resources.shards or data_dir / "shards", source.stream.key),
        places=places,
        name=name,
        content_hash=content_hash(
            records, places.identity, source.stream.description, sum(shard.n_tokens for shard in shards)
        ),
    )


def weights_of(saes: BySide[LoadedSae]) -> ComparedWeights:
    """What scores need of two SAEs."""
    weights = saes.map(
        lambda sae: Weights(sae.record.name, sae.unit_decoder, _encoder_rows(sae), levels_of(sae.levels))
    )
    is_prefix = saes.narrow.shard_key == saes.reference.shard_key
    return ComparedWeights(weights.narrow, weights.reference, is_prefix)


def _encoder_rows(sae: LoadedSae) -> Float32s:
    rows: Float32s = sae.module.W_enc.T[: sae.d_sae].numpy()
    return rows
