"""What bfloat16 changes in the answers to live prompts, against float32 on the same texts and the demo's model.

    python -m bench.prompt_drift            (--device cuda for the bfloat16 of a GPU; float32 stays on the processor)

Two workers' applications answer the same texts over their own HTTP interface. Writes
`bench/results/prompt-drift.json`: per SAE on how many tokens the strongest latent is the same, how similar the five
strongest and the numbers of active latents are, and how much the activations of latents in both answers differ.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.inference.server.run import make_app
from app.inference.wire import TOP_MAX, PromptAnswer, SideAnswer
from app.records import SIDES
from app.settings import Settings, load_settings
from app.store.session import make_engine
from bench.bundled import models_folder
from bench.machine import facts
from bench.output import command_line, page, table, write_results
from bench.prompts import make_comparison, make_texts

STRONGEST = 5
SECRET = "of this run only"

Firings = list[list[tuple[int, float]]]
"""Of each token its strongest latents with their activations, strongest first."""


@dataclass(frozen=True)
class SideDrift:
    """How one SAE's answers in bfloat16 differ from those in float32.

    Attributes:
        tokens: with an active latent in either.
        same_strongest: share of them on which the strongest latent is the same.
        jaccard: of all (token, latent) pairs among the five strongest.
        n_active: mean number of active latents, (float32, bfloat16).
        activation_median, activation_q99: relative difference of activations, of latents in both answers.
    """

    tokens: int
    same_strongest: float
    jaccard: float
    n_active: tuple[float, float]
    activation_median: float
    activation_q99: float


def answers(settings: Settings, engine: Engine, slug: str, texts: Sequence[str]) -> list[PromptAnswer]:
    """What a worker with these settings answers."""
    headers = {"Authorization": f"Bearer {SECRET}"}
    with TestClient(make_app(settings, engine, SECRET), headers=headers) as worker:
        found = []
        for text in texts:
            answer = worker.post("/prompt", json={"slug": slug, "text": text, "top": TOP_MAX})
            answer.raise_for_status()
            found.append(PromptAnswer.model_validate_json(answer.content))
        return found


def drift(exact: Sequence[PromptAnswer], rough: Sequence[PromptAnswer], side: str) -> SideDrift:
    """Answers to the same texts, compared."""
    sides = [[getattr(answer, side) for answer in each] for each in (exact, rough)]
    pairs = list(zip(*([token for answer in each for token in firings(answer)] for each in sides), strict=True))
    fired = [(one, other) for one, other in pairs if one or other]
    same = sum(bool(one and other) and one[0][0] == other[0][0] for one, other in fired)
    shared, either, differences = 0, 0, []
    for one, other in fired:
        few = [{latent for latent, _ in each[:STRONGEST]} for each in (one, other)]
        shared, either = shared + len(few[0] & few[1]), either + len(few[0] | few[1])
        roughly = dict(other)
        differences += [abs(roughly[latent] - value) / value for latent, value in one if latent in roughly]
    mean = [float(np.mean([n for answer in each for n in answer.n_active if n])) for each in sides]
    return SideDrift(
        len(fired),
        same / len(fired),
        shared / either,
        (mean[0], mean[1]),
        float(np.median(differences)),
        float(np.quantile(differences, 0.99)),
    )


def firings(side: SideAnswer) -> Firings:
    """Token by token."""
    pairs = list(zip(side.strongest_index, side.strongest_activation, strict=True))
    return [pairs[start:stop] for start, stop in pairwise(accumulate(side.n_strongest, initial=0))]


def measure(folder: Path, n_texts: int, device: str = "cpu") -> dict[str, SideDrift]:
    """Both workers over one comparison.

    Args:
        folder: of the comparison, with converted models in `models`.
        device: of the worker in bfloat16.
    """
    slug = make_comparison(folder, folder / "models")
    engine = make_engine(f"sqlite:///{folder / 'hedgescope.db'}")
    texts = make_texts(n_texts)
    both = [
        answers(load_settings(data_dir=folder, worker_device=where, worker_dtype=dtype), engine, slug, texts)
        for where, dtype in (("cpu", "float32"), (device, "bfloat16"))
    ]
    engine.dispose()
    return {side: drift(both[0], both[1], side) for side in SIDES}


def rows(found: dict[str, SideDrift]) -> Iterator[tuple[str, str, str]]:
    """(what, of the narrow SAE, of the reference SAE)."""
    one, other = (found[side] for side in SIDES)
    yield "tokens with an active latent", f"{one.tokens:,}", f"{other.tokens:,}"
    yield "the same strongest latent", f"{one.same_strongest:.1%}", f"{other.same_strongest:.1%}"
    yield "five strongest, Jaccard index", f"{one.jaccard:.3f}", f"{other.jaccard:.3f}"
    counts = [f"{each.n_active[0]:.1f}, {each.n_active[1]:.1f}" for each in (one, other)]
    yield "active latents a token, float32 and bfloat16", counts[0], counts[1]
    yield "difference of activations, median", f"{one.activation_median:.2%}", f"{other.activation_median:.2%}"
    yield "difference of activations, 99 %", f"{one.activation_q99:.1%}", f"{other.activation_q99:.1%}"


def markdown(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    where = f"{figures['texts']:,} texts, bfloat16 on {'the processor' if figures['device'] == 'cpu' else 'a GPU'}"
    return page(
        f"{where}; {figures['machine']}; commit {figures['commit']}, {figures['date']}.",
        table(
            ("bfloat16 against float32", "narrow SAE", "reference SAE"),
            rows({side: SideDrift(**figures[side]) for side in SIDES}),
        ),
    )


def main() -> None:
    """Measure, print, write."""
    parser = command_line(__doc__)
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of the worker in bfloat16")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "models").symlink_to(models_folder())
        found = measure(folder, given.texts, given.device)
    figures = {"texts": given.texts, "device": given.device, **{side: vars(found[side]) for side in SIDES}, **facts()}
    write_results("prompt-drift", figures)
    print(markdown(figures))


if __name__ == "__main__":
    main()
