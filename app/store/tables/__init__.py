"""The schema, as SQLAlchemy Core tables. A change here needs a migration; a test compares the two.

Text columns that hold JSON: `saes.record`, `comparisons.summary`, `latents.reasons` (field -> why it is null) and
`text_rows.payload`. Binary `payload` columns: see `payloads.py`.
"""

from app.store.tables.base import UtcDateTime, metadata
from app.store.tables.comparisons import (
    comparisons,
    latent_column,
    latent_details,
    latents,
    pair_details,
    pair_profiles,
    partner_column,
    partners,
    published,
    saes,
    text_rows,
)
from app.store.tables.jobs import job_steps, jobs
from app.store.tables.measurements import INTERVENTION_TABLES, degrees, interventions, latent_releases, releases

__all__ = [
    "INTERVENTION_TABLES",
    "UtcDateTime",
    "comparisons",
    "degrees",
    "interventions",
    "job_steps",
    "jobs",
    "latent_column",
    "latent_details",
    "latent_releases",
    "latents",
    "metadata",
    "pair_details",
    "pair_profiles",
    "partner_column",
    "partners",
    "published",
    "releases",
    "saes",
    "text_rows",
]
