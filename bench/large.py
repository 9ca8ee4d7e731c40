"""Two wide SAEs from synthetic active latents: time and peak memory of everything that comes after encoding.

    python -m bench.large --tokens 1000000                        16,384 × 65,536, d_in 2,304, stored in a database
    python -m bench.large --tokens 1000000 --reference 1048576 --d-in 256 --l0 50 --stages co-firing,contexts,geometry

No activations are encoded: random decoders, and active latents drawn at random with the frequencies that
trained SAEs have (Zipf), are written as shards directly, so that the SAEs' matrix products are left out. Each stage
is measured in a process of its own, so that its peak memory is its own. Adds to `bench/results/large.json`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource as process
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.activations.batch import NO_TOKEN, TokenRows
from app.pipeline.passes import ShardReader
from app.pipeline.progress import silent
from app.records import SaeRecord
from app.sae.load import LoadedSae
from app.sparse.csr import SparseActs
from app.sparse.inputs import pack, sampled_rows
from app.sparse.shards import Shard, ShardStore, TokenShard, plan_shards
from bench.machine import RESULTS, facts, say

ROW = 128
STAGES = ("shards", "co-firing", "contexts", "geometry", "comparison")
GIB = 1 << 30


@dataclass(frozen=True)
class Size:
    """What is measured."""

    n_tokens: int
    narrow: int
    reference: int
    d_in: int
    l0: int


@dataclass(frozen=True)
class Tied:
    """In the place of an SAE's module: encoder weights only. It can't encode.

    Attributes:
        W_enc: `[d_in, d_sae]`, the decoder transposed.
    """

    W_enc: torch.Tensor


def synthetic_sae(name: str, d_sae: int, d_in: int, seed: int) -> LoadedSae:
    """A random unit decoder with tied encoder weights; it can't encode."""
    rng = np.random.default_rng(seed)
    decoder = rng.standard_normal((d_sae, d_in), dtype=np.float32)
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    record = SaeRecord(
        name, f"{seed:064x}", name, "jumprelu", None, d_in, d_sae, "float32", None, None, None, None, None, None
    )
    return LoadedSae(record, Tied(torch.from_numpy(decoder).T), decoder, np.ones(d_sae, dtype=np.float32), (d_sae,))


def draw(rng: np.random.Generator, rows: TokenRows, start: int, d_sae: int, l0: int) -> SparseActs:
    """Active latents of some rows: latent `floor(d_sae · u²)`, so that low indices fire often, each once a token."""
    row, position = np.nonzero(rows.keep)
    n = len(row)
    latent = np.sort((d_sae * rng.random((n, l0), dtype=np.float32) ** 2).astype(np.int32), axis=1)
    np.minimum(latent, d_sae - 1, out=latent)
    first = np.ones((n, l0), dtype=np.bool_)
    first[:, 1:] = latent[:, 1:] != latent[:, :-1]
    indptr = np.concatenate([[0], np.cumsum(first.sum(axis=1))])
    value = rng.exponential(1.0, int(indptr[-1])).astype(np.float32) + np.float32(0.01)
    return SparseActs(indptr, latent[first], value, row.astype(np.int64) + start, position.astype(np.int32), d_sae)


def make_shards(
    store: ShardStore, shards: list[Shard], rows: TokenRows, saes: tuple[LoadedSae, LoadedSae], l0: int
) -> None:
    """Write the shards of both SAEs."""
    d_in = saes[0].record.d_in
    for shard in shards:
        part = rows.slice(shard.start, shard.stop)
        kept = part.keep & sampled_rows(rows, shard.start, shard.stop, d_in)[:, None]
        sampled = np.flatnonzero(kept[part.keep])
        inputs = np.random.default_rng([shard.start, 2]).standard_normal((len(sampled), d_in), dtype=np.float32)
        sample = sampled, *pack(inputs)
        for number, sae in enumerate(saes):
            rng = np.random.default_rng([shard.start, number])
            acts = draw(rng, part, shard.start, sae.d_sae, l0)
            store.write_acts(shard, sae.shard_key, acts, np.array([float(shard.n_tokens)]))
        store.write_tokens(shard, TokenShard(part, np.zeros(d_in), 2.0 * shard.n_tokens, *sample))


class Work:
    """One size: its SAEs, rows and shards."""

    def __init__(self, size: Size, folder: Path) -> None:
        self.size, self.folder = size, folder
        self.saes = (
            synthetic_sae("narrow", size.narrow, size.d_in, 1),
            synthetic_sae("reference", size.reference, size.d_in, 2),
        )
        n_rows = -(-size.n_tokens // ROW)
        keep = np.arange(n_rows * ROW).reshape(n_rows, ROW) < size.n_tokens
        self.rows = TokenRows(np.full((n_rows, ROW), NO_TOKEN, dtype=np.int32), keep)
        self.shards = plan_shards(self.rows)
        self.store = ShardStore(folder / "shards", "synthetic")

    @property
    def reader(self) -> ShardReader:
        """The shards, for one more pass."""
        return ShardReader(self.store, self.shards, *self.saes)

    def shards_written(self) -> dict[str, Any]:
        """The shards of both SAEs."""
        make_shards(self.store, self.shards, self.rows, self.saes, self.size.l0)
        return {"bytes": sum(path.stat().st_size for path in self.store.folder.rglob("*.safetensors"))}

    def co_firing(self) -> dict[str, Any]:
        """How often the latents of each pair fire together."""
        from app.pipeline.passes import co_firing_of

        accumulator = co_firing_of(self.reader, *self.saes)
        for shard in self.reader.read(silent, ""):
            accumulator.update(shard.narrow, shard.reference)
        table = accumulator.finalize()
        return {"kind": type(accumulator).__name__, "pairs_kept": int(table.n_both.nnz)}

    def contexts(self) -> dict[str, Any]:
        """Firings, histograms, and contexts of every strength for every latent of both SAEs."""
        from app.pipeline.passes import SideAccumulators, band_contexts, chosen_contexts

        sides = SideAccumulators(self.saes[0]), SideAccumulators(self.saes[1])
        for shard in self.reader.read(silent, ""):
            sides[0].update(shard.narrow, shard.tokens, shard.narrow_residual)
            sides[1].update(shard.reference, shard.tokens, shard.reference_residual)
        found = [side.finalize() for side in sides]
        bands = [band_contexts(each) for each in found]
        for shard in self.reader.read(silent, ""):
            bands[0].update(shard.narrow)
            bands[1].update(shard.reference)
        chosen = [chosen_contexts(each.top, band.finalize()) for each, band in zip(found, bands, strict=True)]
        return {"contexts": sum(len(each.latent) for each in chosen)}

    def geometry(self) -> dict[str, Any]:
        """Nearest latents both ways, mutual best, and the null: all cosines, a block of rows at a time."""
        from app.scores.geometry import mutual_best, nearest, null_of

        d, e = self.saes[0].unit_decoder, self.saes[1].unit_decoder
        everything = np.ones(len(d), dtype=np.bool_), np.ones(len(e), dtype=np.bool_)
        forth, back = nearest(d, e, everything[1], 10), nearest(e, d, everything[0], 10)
        null = null_of(e, everything[1])
        percentile = null.percentile(forth.cosine[:, 0])
        return {
            "mutual_best": int(mutual_best(forth.index[:, 0], back.index[:, 0]).sum()),
            "mean_percentile": float(percentile.mean()),
            "multiplications": 2.0 * len(d) * len(e) * d.shape[1] * 2,
        }

    def comparison(self) -> dict[str, Any]:
        """All of it, scores and database included."""
        from app.pipeline.run import Prepared, score
        from app.pipeline.source import Request, Source
        from app.store.session import make_engine, upgrade

        url = f"sqlite:///{self.folder}/large.db"
        upgrade(url)
        stages: list[tuple[str, float]] = []

        def progress(stage: str, _total: int, _unit: str) -> Callable[[int], None]:
            say(f"  {stage}")
            stages.append((stage, time.perf_counter()))
            return lambda _n: None

        source = Source(_Rows(self.rows, self.size.d_in), None, None, "synthetic", "0" * 64)
        request = Request("narrow", "reference", activations="synthetic", name="large")
        prepared = Prepared(request, self.saes, source, self.shards, self.store, "large", "0" * 64)
        score(make_engine(url), prepared, progress)
        ends = [*(begin for _, begin in stages[1:]), time.perf_counter()]
        return {
            "stages": {name: end - begin for (name, begin), end in zip(stages, ends, strict=True)},
            "database_bytes": (self.folder / "large.db").stat().st_size,
        }


@dataclass(frozen=True)
class _Rows:
    """A stream of which only the rows are asked for."""

    rows: TokenRows
    d_in: int
    key: str = "synthetic"
    description: dict[str, Any] | None = None


METHODS = {
    "shards": Work.shards_written,
    "co-firing": Work.co_firing,
    "contexts": Work.contexts,
    "geometry": Work.geometry,
    "comparison": Work.comparison,
}


def _stage(size: Size, folder: Path, stage: str, answer: Any) -> None:
    work = Work(size, folder)
    # Peak memory of the process so far: what the SAEs themselves take.
    before = process.getrusage(process.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    found = METHODS[stage](work)
    seconds = time.perf_counter() - started
    peak = process.getrusage(process.RUSAGE_SELF).ru_maxrss
    answer.send({"seconds": seconds, "peak_gib": peak * 1024 / GIB, "start_gib": before * 1024 / GIB, **found})


def measure(size: Size, folder: Path, stages: list[str]) -> dict[str, Any]:
    """Each stage in a fresh process."""
    context = multiprocessing.get_context("spawn")
    found = {}
    for stage in ["shards", *(stage for stage in stages if stage != "shards")]:
        say(f"{stage} of {size.n_tokens:,} tokens, {size.narrow:,} × {size.reference:,}")
        receive, send = context.Pipe(duplex=False)
        child = context.Process(target=_stage, args=(size, folder, stage, send))
        child.start()
        # Only the child holds its end now: when it dies, waiting ends.
        send.close()
        try:
            found[stage] = receive.recv()
        except EOFError:
            child.join()
            found[stage] = {"failed": f"exit code {child.exitcode}"}
        child.join()
        print(f"{stage:12} {json.dumps(found[stage])}", flush=True)
    return found


def main() -> None:
    """Measure one size and add it to the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--narrow", type=int, default=16_384)
    parser.add_argument("--reference", type=int, default=65_536)
    parser.add_argument("--d-in", type=int, default=2304)
    parser.add_argument("--l0", type=int, default=75)
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--folder", type=Path, default=None, help="where shards and database go; deleted afterwards")
    arguments = parser.parse_args()
    stages = arguments.stages.split(",")
    if unknown := set(stages) - set(STAGES):
        parser.error(f"no stage {', '.join(sorted(unknown))}; expected some of {', '.join(STAGES)}")
    size = Size(arguments.tokens, arguments.narrow, arguments.reference, arguments.d_in, arguments.l0)
    folder = Path(tempfile.mkdtemp(prefix="large-", dir=arguments.folder))
    try:
        found = measure(size, folder, stages)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    add_result({**vars(size), "stages": found, **facts()})


def add_result(result: dict[str, Any]) -> None:
    """Replace the result of the same size, or add it."""
    path = RESULTS / "large.json"
    known = json.loads(path.read_text()) if path.exists() else []
    sizes = ("n_tokens", "narrow", "reference", "d_in", "l0")
    kept = [each for each in known if any(each[name] != result[name] for name in sizes)]
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps([*kept, result], indent=1) + "\n")


if __name__ == "__main__":
    main()
