"""Pack the newest intervention on the demo's comparison, so that it ships with the program.

    hedgescope demo --no-serve
    hedgescope intervene --comparison demo
    python demo/pack_intervention.py

Numbers are rounded to a few digits: that halves the file, and repeating the command does not give the later ones again.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson

from app.cli.store import open_store
from app.pipeline.shipped_intervention import DIGITS, FOLDER, MANIFEST, MANIFEST_FILE, RECORD, RECORD_FILE, manifest_of
from app.records import InterventionRecord
from app.settings import load_settings
from app.store.interventions import interventions_of, latent_releases_of, pair_releases
from app.store.read import get_comparison, resolve_slug


def rounded(value: Any) -> Any:
    """The same JSON with `DIGITS` significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, list):
        return [rounded(each) for each in value]
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return value


def main() -> None:
    """Read the database, write the two files."""
    engine = open_store(load_settings())
    comparison = get_comparison(engine, resolve_slug(engine, "demo"))
    number, summary = interventions_of(engine, comparison.slug)[0]
    pairs, latents = pair_releases(engine, number), latent_releases_of(engine, number)
    record = InterventionRecord(summary, tuple(pairs), tuple(latents))
    packed = gzip.compress(orjson.dumps(rounded(orjson.loads(RECORD.dump_json(record)))), compresslevel=9, mtime=0)
    folder = Path(FOLDER)
    folder.mkdir(exist_ok=True)
    (folder / RECORD_FILE).write_bytes(packed)
    (folder / MANIFEST_FILE).write_bytes(MANIFEST.dump_json(manifest_of(comparison, record, packed), indent=1) + b"\n")
    print(f"{folder}: intervention {number} of {comparison.slug}, {len(packed):,} bytes")


if __name__ == "__main__":
    main()
