"""From the name of a check to what runs it."""

from __future__ import annotations

from app.lab.checks import grafts, intervention, synth_bench, worlds
from app.lab.checks.scope import RunCheck

RUN: dict[str, RunCheck] = {
    "grafts": grafts.run,
    "worlds": worlds.run,
    "synth_bench": synth_bench.run,
    "intervention": intervention.run,
}
