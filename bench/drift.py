"""What a forward pass in bfloat16 changes, against float32 on the same tokens.

    python -m bench.drift --tokens 16384

Writes `bench/results/drift.json`: the relative error of the activations, how alike the firings are (Jaccard index
of all (token, latent) pairs), and how far hedging scores lie apart.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.pipeline.progress import silent
from app.pipeline.run import run
from app.pipeline.source import Request
from app.sparse.encode import encode
from app.store.read import get_latent
from app.store.session import make_engine, upgrade
from bench.machine import RESULTS, facts, say
from bench.run import Bundled, open_bundled


def firings(bundled: Bundled, acts: torch.Tensor, side: int) -> set[tuple[int, int]]:
    """(token, latent) of every firing."""
    encoded = encode(bundled.saes[side], acts)
    token = np.repeat(np.arange(len(acts)), encoded.counts)
    return set(zip(token.tolist(), encoded.latent.tolist(), strict=True))


def scores(bundled: Bundled) -> list[float | None]:
    """Hedging scores of the narrow latents."""
    say(f"a comparison in {bundled.dtype}")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/drift.db"
        upgrade(url)
        engine = make_engine(url)
        narrow, reference = map(str, bundled.folders)
        n_tokens = bundled.stream.rows.n_kept
        request = Request(narrow, reference, n_tokens=n_tokens, name="drift", dtype=bundled.dtype)
        summary = run(engine, Path(folder), request, silent, bundled.models)
        return [get_latent(engine, summary.slug, "narrow", i).hedging_score for i in range(summary.narrow.sae.d_sae)]


def measure(n_tokens: int) -> dict[str, Any]:
    """Both runs, compared."""
    exact, quick = open_bundled(n_tokens, "float32"), open_bundled(n_tokens, "bfloat16")
    rows = min(32, len(exact.stream.rows))
    say(f"activations and firings of {rows} rows")
    acts = [torch.cat([batch.acts for batch in each.stream.batches(0, rows)]) for each in (exact, quick)]
    jaccard = []
    for side in (0, 1):
        one, other = firings(exact, acts[0], side), firings(exact, acts[1], side)
        jaccard.append(len(one & other) / max(len(one | other), 1))
    pairs = zip(scores(exact), scores(quick), strict=True)
    apart = [abs(one - other) for one, other in pairs if one is not None and other is not None]
    return {
        "tokens": n_tokens,
        "relative_error": float((acts[0] - acts[1]).norm() / acts[0].norm()),
        "firing_jaccard": {"narrow": jaccard[0], "reference": jaccard[1]},
        "score_difference": {"mean": float(np.mean(apart)), "q95": float(np.quantile(apart, 0.95)), "n": len(apart)},
        **facts(),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    firing, score = figures["firing_jaccard"], figures["score_difference"]
    return "\n".join(
        [
            f"{figures['tokens']:,} tokens; commit {figures['commit']}, {figures['date']}.",
            "",
            "| bfloat16 against float32 | |",
            "|---|---|",
            f"| relative error of the activations | {figures['relative_error']:.2%} |",
            f"| firings, Jaccard index, narrow and reference | {firing['narrow']:.3f}, {firing['reference']:.3f} |",
            f"| hedging scores apart, mean and 95 % | {score['mean']:.4f}, {score['q95']:.4f} |",
            "",
        ]
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=16_384)
    figures = measure(parser.parse_args().tokens)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "drift.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(table(figures))


if __name__ == "__main__":
    main()
