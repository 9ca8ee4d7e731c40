"""Two wide SAEs from synthetic active latents: time and peak memory of everything that comes after encoding.

    python -m bench.large --tokens 1000000                        16,384 × 65,536, d_in 2,304, stored in a database
    python -m bench.large --tokens 1000000 --reference 1048576 --d-in 256 --l0 50 --stages co-firing,contexts,geometry
    python -m bench.large --tokens 50000 --stages regression      the hedging score's joint regression, of half of them

No activations are encoded: random decoders, and active latents drawn at random with the frequencies that
trained SAEs have (Zipf), are written as shards directly, so that the SAEs' matrix products are left out. Each stage
is measured in a process of its own, so that its peak memory is its own. Adds to `bench/results/large.json`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.lab.scratch import scratch_database
from app.records import BySide
from app.sparse.inputs import unpack
from app.sparse.read import ShardReader
from app.sparse.shards import ShardStore, plan_shards
from bench.child import ChildDiedError, in_fresh_process
from bench.machine import facts, measured_on, peak_mib, say
from bench.output import command_line, page, read_results, table, write_results
from bench.stages import StageClock
from bench.synthetic import RowsOnly, Size, make_shards, synthetic_sae, token_rows

if TYPE_CHECKING:
    from app.stats.collect import SideStatistics

STAGES = ("shards", "co-firing", "contexts", "geometry", "regression", "comparison")
GIB = 1 << 30


class Synthetic:
    """One size: its SAEs, rows and shards, and each stage of a comparison by itself."""

    def __init__(self, size: Size, folder: Path) -> None:
        self.size, self.folder = size, folder
        self.saes = BySide(
            synthetic_sae("narrow", size.narrow, size.d_in, 1),
            synthetic_sae("reference", size.reference, size.d_in, 2),
        )
        self.rows = token_rows(size.n_tokens)
        self.shards = plan_shards(self.rows)
        self.store = ShardStore(folder / "shards", "synthetic")

    @property
    def reader(self) -> ShardReader:
        """The shards, for one more pass."""
        return ShardReader(self.store, self.shards, self.saes)

    def shards_written(self) -> dict[str, Any]:
        """The shards of both SAEs."""
        make_shards(self.store, self.shards, self.rows, self.saes, self.size.l0)
        return {"bytes": sum(path.stat().st_size for path in self.store.folder.rglob("*.safetensors"))}

    def co_firing(self) -> dict[str, Any]:
        """How often the latents of each pair fire together."""
        from app.stats.collect import co_firing_accumulator

        accumulator = co_firing_accumulator(self.reader.shape)
        for shard in map(self.reader.read_one, self.shards):
            accumulator.update(*shard.acts)
        found = accumulator.finalize()
        return {"kind": type(accumulator).__name__, "pairs_kept": int(found.n_both.nnz)}

    def contexts(self) -> dict[str, Any]:
        """Firings, histograms, and contexts of every strength for every latent of both SAEs."""
        from app.stats.collect import SideStatistics
        from app.stats.contexts import BandContexts, chosen_contexts

        found = self._alone()
        accumulators = found.map(SideStatistics.band_contexts)
        for shard in map(self.reader.read_one, self.shards):
            for side, accumulator in accumulators.items():
                accumulator.update(shard.acts[side])
        bands = accumulators.map(BandContexts.finalize)
        del accumulators
        chosen = BySide.of(lambda side: chosen_contexts(found[side].top, bands[side]))
        return {"contexts": sum(len(each.latent) for each in chosen)}

    def _alone(self) -> BySide[SideStatistics]:
        """What is known of each SAE alone; the accumulators end here, as they do in a comparison."""
        from app.stats.collect import SideAccumulators

        shape = self.reader.shape
        sides = BySide.of(lambda side: SideAccumulators(shape.n_latents[side], shape.n_levels[side]))
        for shard in map(self.reader.read_one, self.shards):
            for side, accumulators in sides.items():
                accumulators.update(shard.acts[side], shard.tokens, shard.residual[side])
        return sides.map(SideAccumulators.finalize)

    def geometry(self) -> dict[str, Any]:
        """Nearest latents both ways, mutual best, and the null: all cosines, a block of rows at a time."""
        from app.scores.cosines import mutual_best, nearest
        from app.scores.null import null_of

        d, e = self.saes.narrow.unit_decoder, self.saes.reference.unit_decoder
        everything = np.ones(len(d), dtype=np.bool_), np.ones(len(e), dtype=np.bool_)
        forth, back = nearest(d, e, everything[1], 10), nearest(e, d, everything[0], 10)
        null = null_of(e, everything[1])
        percentile = null.percentile(forth.cosine[:, 0])
        return {
            "mutual_best": int(mutual_best(forth.index[:, 0], back.index[:, 0]).sum()),
            "mean_percentile": float(percentile.mean()),
            "multiplications": 2.0 * len(d) * len(e) * d.shape[1] * 2,
        }

    def regression(self) -> dict[str, Any]:
        """The joint regression of all reference latents on all narrow ones, from half of the sample."""
        from app.scores.mixing.composition import Composition
        from app.scores.mixing.mixing import LATENTS_AT_ONCE
        from app.stats.input_sample import InputSample

        collected = InputSample(self.saes.map(lambda sae: sae.d_sae), self.size.d_in)
        for shard in map(self.reader.read_one, self.shards):
            tokens = shard.tokens
            collected.update(shard.acts, tokens.input_token, unpack(tokens.inputs, tokens.input_scale))
        sample = collected.finalize()
        started = time.perf_counter()
        composition = Composition(sample, 0)
        inverted = time.perf_counter()
        largest = 0.0
        for start in range(0, self.size.narrow, LATENTS_AT_ONCE):
            latents = slice(start, start + LATENTS_AT_ONCE)
            largest = max(largest, float(np.abs(composition.weights(latents)).max()))
        return {
            "sampled": len(sample),
            "inverse_seconds": inverted - started,
            "weights_seconds": time.perf_counter() - inverted,
            "largest_weight": largest,
        }

    def comparison(self) -> dict[str, Any]:
        """All of it, scores and database included."""
        from app.pipeline.inputs import ComparisonInputs
        from app.pipeline.run import score_and_store
        from app.pipeline.source import Source
        from app.records import ComparisonRequest

        stream = RowsOnly(self.rows, self.size.d_in, "synthetic", {})
        source = Source(stream, None, None, "synthetic", "0" * 64)
        request = ComparisonRequest("narrow", "reference", activations="synthetic", name="large")
        inputs = ComparisonInputs(request, self.saes, source, self.shards, self.store, "large", "0" * 64)
        with scratch_database(self.folder) as engine:
            clock = StageClock()
            score_and_store(engine, inputs, clock)
            stages = clock.seconds(time.perf_counter())
        return {"stages": stages, "database_bytes": (self.folder / "scratch.db").stat().st_size}


METHODS = {
    "shards": Synthetic.shards_written,
    "co-firing": Synthetic.co_firing,
    "contexts": Synthetic.contexts,
    "geometry": Synthetic.geometry,
    "regression": Synthetic.regression,
    "comparison": Synthetic.comparison,
}


def run_stage(size: Size, folder: Path, stage: str) -> dict[str, Any]:
    """One stage: seconds, and peak memory before it (what the SAEs take) and after it."""
    synthetic = Synthetic(size, folder)
    before = peak_mib() / 1024
    started = time.perf_counter()
    found = METHODS[stage](synthetic)
    return {"seconds": time.perf_counter() - started, "peak_gib": peak_mib() / 1024, "start_gib": before, **found}


def measure(size: Size, folder: Path, stages: list[str]) -> dict[str, Any]:
    """Each stage in a fresh process."""
    found: dict[str, Any] = {}
    for stage in ["shards", *(stage for stage in stages if stage != "shards")]:
        say(f"{stage} of {size.n_tokens:,} tokens, {size.narrow:,} × {size.reference:,}")
        try:
            found[stage] = in_fresh_process(run_stage, size, folder, stage)
        except ChildDiedError as error:
            found[stage] = {"failed": str(error)}
        print(f"{stage:12} {json.dumps(found[stage])}", flush=True)
    return found


def markdown(results: list[dict[str, Any]]) -> str:
    """One row a size and stage."""
    head = ("narrow × reference", "d_in", "L0", "tokens", "stage", "seconds", "peak GiB", "")
    rows = []
    for result in results:
        widths = f"{result['narrow']:,} × {result['reference']:,}"
        size = widths, f"{result['d_in']:,}", f"{result['l0']}", f"{result['n_tokens']:,}"
        rows += [(*size, stage, *stage_cells(found)) for stage, found in result["stages"].items()]
    return page(measured_on(results[-1]), table(head, rows))


def stage_cells(found: dict[str, Any]) -> tuple[str, str, str]:
    """Seconds, peak memory, and what else is known of a stage."""
    if "failed" in found:
        return found["failed"], "", ""
    notes = []
    if "bytes" in found:
        notes.append(f"{found['bytes'] / GIB:.2f} GiB on disk")
    if "multiplications" in found:
        notes.append(f"{found['multiplications'] / found['seconds'] / 1e9:,.0f} GFlop/s")
    if "sampled" in found:
        notes.append(
            f"half of {found['sampled']:,} tokens: inverse {found['inverse_seconds']:,.0f} s, all weights "
            f"{found['weights_seconds']:,.0f} s"
        )
    if "stages" in found:
        notes += [f"{name} {seconds:,.0f} s" for name, seconds in found["stages"].items()]
        notes.append(f"database {found['database_bytes'] / GIB:.2f} GiB")
    return f"{found['seconds']:,.1f}", f"{found['peak_gib']:.2f}", ", ".join(notes)


def main() -> None:
    """Measure one size and add it to the results."""
    parser = command_line(__doc__)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--narrow", type=int, default=16_384)
    parser.add_argument("--reference", type=int, default=65_536)
    parser.add_argument("--d-in", type=int, default=2304)
    parser.add_argument("--l0", type=int, default=75)
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--folder", type=Path, default=None, help="where shards and database go; deleted afterwards")
    given = parser.parse_args()
    stages = given.stages.split(",")
    if unknown := set(stages) - set(STAGES):
        parser.error(f"no stage {', '.join(sorted(unknown))}; expected some of {', '.join(STAGES)}")
    size = Size(given.tokens, given.narrow, given.reference, given.d_in, given.l0)
    folder = Path(tempfile.mkdtemp(prefix="large-", dir=given.folder))
    try:
        found = measure(size, folder, stages)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    add_result({**vars(size), "stages": found, **facts()})


def add_result(result: dict[str, Any]) -> None:
    """Replace the result of the same size, or add it."""
    sizes = ("n_tokens", "narrow", "reference", "d_in", "l0")
    kept = [each for each in read_results("large") or [] if any(each[name] != result[name] for name in sizes)]
    write_results("large", [*kept, result])


if __name__ == "__main__":
    main()
