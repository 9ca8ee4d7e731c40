"""What a forward pass in bfloat16 changes, against float32 on the same tokens.

    python -m bench.drift --tokens 16384

Writes `bench/results/drift.json`: the relative error of the activations, how similar the firings are (Jaccard index
of all (token, latent) pairs), and how much hedging scores differ.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.lab.scratch import scratch_database
from app.pipeline.run import run
from app.progress import silent
from app.sparse.encode import encode
from app.store.read import get_latent
from bench.bundled import Bundled, open_bundled
from bench.machine import facts, say
from bench.output import command_line, page, table, write_results


def firings(bundled: Bundled, acts: torch.Tensor, side: int) -> set[tuple[int, int]]:
    """(token, latent) of every firing."""
    encoded = encode(bundled.saes[side], acts)
    token = np.repeat(np.arange(len(acts)), encoded.counts)
    return set(zip(token.tolist(), encoded.latent.tolist(), strict=True))


def scores(bundled: Bundled) -> list[float | None]:
    """Hedging scores of the narrow latents."""
    say(f"a comparison in {bundled.dtype}")
    with tempfile.TemporaryDirectory() as name, scratch_database(Path(name)) as engine:
        summary = run(engine, Path(name), bundled.request("drift"), silent, models=bundled.models)
        return [get_latent(engine, summary.slug, "narrow", i).hedging_score for i in range(summary.narrow.sae.d_sae)]


def measure(n_tokens: int) -> dict[str, Any]:
    """Both runs, compared."""
    exact, quick = open_bundled(n_tokens, "float32"), open_bundled(n_tokens, "bfloat16")
    rows = min(32, len(exact.stream.rows))
    say(f"activations and firings of {rows} rows")
    acts = [each.acts(rows) for each in (exact, quick)]
    jaccard = []
    for side in (0, 1):
        one, other = firings(exact, acts[0], side), firings(exact, acts[1], side)
        jaccard.append(len(one & other) / max(len(one | other), 1))
    pairs = zip(scores(exact), scores(quick), strict=True)
    differences = [abs(one - other) for one, other in pairs if one is not None and other is not None]
    return {
        "tokens": n_tokens,
        "relative_error": float((acts[0] - acts[1]).norm() / acts[0].norm()),
        "firing_jaccard": {"narrow": jaccard[0], "reference": jaccard[1]},
        "score_difference": {
            "mean": float(np.mean(differences)),
            "q95": float(np.quantile(differences, 0.95)),
            "n": len(differences),
        },
        **facts(),
    }


def markdown(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    firing, score = figures["firing_jaccard"], figures["score_difference"]
    rows = (
        ("relative error of the activations", f"{figures['relative_error']:.2%}"),
        ("firings, Jaccard index, narrow and reference", f"{firing['narrow']:.3f}, {firing['reference']:.3f}"),
        ("difference of hedging scores, mean and 95 %", f"{score['mean']:.4f}, {score['q95']:.4f}"),
    )
    return page(
        f"{figures['tokens']:,} tokens; commit {figures['commit']}, {figures['date']}.",
        table(("bfloat16 against float32", ""), rows),
    )


def main() -> None:
    """Measure, print, write."""
    parser = command_line(__doc__)
    parser.add_argument("--tokens", type=int, default=16_384)
    figures = measure(parser.parse_args().tokens)
    write_results("drift", figures)
    print(markdown(figures))


if __name__ == "__main__":
    main()
