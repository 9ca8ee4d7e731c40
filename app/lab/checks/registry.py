"""From the name of a check to what runs it."""

from __future__ import annotations

from app.lab.checks import copies, grafts, halves, intervention, null_saes, planted, resynthesis, synth_bench, worlds
from app.lab.checks.scope import RunCheck

RUN: dict[str, RunCheck] = {
    "copies": copies.run,
    "grafts": grafts.run,
    "planted": planted.run,
    "halves": halves.run,
    "resynthesis": resynthesis.run,
    "null_saes": null_saes.run,
    "worlds": worlds.run,
    "synth_bench": synth_bench.run,
    "intervention": intervention.run,
}
