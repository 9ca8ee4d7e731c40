"""What the store reads from a database, as JSON: the same from every schema that holds the same."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from app.jobs.queue import list_jobs
from app.records import ComparisonSummary
from app.store import read
from app.store.degrees import degrees_of
from app.store.firing_cells import get_cells
from app.store.interventions import get_intervention, interventions_of, latent_releases_of, pair_releases


def read_contents(engine: Engine) -> dict[str, Any]:
    """SAEs, comparisons with all their latents and partners, degrees, interventions and jobs."""
    return {
        "saes": [[sae.name, sae.checksum, sae.d_sae] for sae in read.list_saes(engine)],
        "comparisons": {summary.slug: comparison(engine, summary.slug) for summary in read.list_comparisons(engine)},
        "cells": {summary.slug: cells(engine, summary) for summary in read.list_comparisons(engine)},
        "interventions": {
            summary.slug: [intervention(engine, number) for number, _ in interventions_of(engine, summary.slug)]
            for summary in read.list_comparisons(engine)
        },
        "jobs": [[job.id, job.kind, job.state, job.error, job.slug, job.sae] for job in list_jobs(engine, limit=100)],
    }


def cells(engine: Engine, summary: ComparisonSummary) -> list[Any]:
    """How each narrow latent fires with its partners."""
    found = [get_cells(engine, summary.slug, i) for i in range(summary.narrow.sae.d_sae)]
    return [
        each
        and [
            list(each.partners),
            list(each.counts),
            [[context.cell, context.row, list(context.activations)] for context in each.contexts],
            [len(misses) for misses in each.near_misses],
            None if each.plane is None else [[point.x, point.y, point.token] for point in each.plane.points],
        ]
        for each in found
    ]


def intervention(engine: Engine, number: int) -> list[Any]:
    """Its hash, and the numbers of its latents and pairs."""
    latents = [[each.index, each.summed, each.moved] for each in latent_releases_of(engine, number)]
    pairs = [[each.narrow_index, each.reference_index, each.release] for each in pair_releases(engine, number)]
    return [get_intervention(engine, number).content_hash, latents, pairs]


def comparison(engine: Engine, slug: str) -> dict[str, Any]:
    """The numbers of one comparison, from each table that it has rows in."""
    summary = read.get_comparison(engine, slug)
    narrow, reference = summary.narrow.sae, summary.reference.sae
    partners = [each for i in range(narrow.d_sae) for each in read.partners_of_narrow(engine, slug, i)]
    details = [read.get_detail(engine, slug, "narrow", i) for i in range(narrow.d_sae)]
    rows = sorted({context.row for detail in details for context in detail.contexts})
    pairs = [read.get_pair_detail(engine, slug, each.narrow_index, each.index) for each in partners]
    return {
        "n_tokens": summary.n_tokens,
        "n_scored": summary.n_scored,
        "narrow": read.columns(engine, slug, "narrow", ("hedging_score", "diagnosis", "n_firings", "label")),
        "reference": read.columns(engine, slug, "reference", ("main_partner", "density", "level")),
        "partners": [[each.narrow_index, each.index, each.weight, each.n_both, each.diagnosis] for each in partners],
        "contexts": [[[each.kind, each.row, list(each.activations)] for each in one.contexts] for one in details],
        "text": [[row, list(found.tokens)] for row, found in sorted(read.text_rows(engine, slug, rows).items())],
        "joint": [pair and [list(counts) for counts in pair.joint_counts] for pair in pairs],
        "profiles": [list(read.get_profile(engine, slug, i).n_both) for i in range(narrow.d_sae)],
        "reference_width": reference.d_sae,
        "degrees": [[each.degree, each.n_new] for each in degrees_of(engine, narrow.checksum, narrow.d_sae)],
    }
