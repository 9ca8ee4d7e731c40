"""The schema, as SQLAlchemy Core tables. A change here needs a migration; a test compares the two.

Text columns that hold JSON: `saes.record`, `comparisons.summary`, `latents.reasons` (field -> why it is null) and
`text_rows.payload`. Binary `payload` columns: see `payloads.py`.
"""

from app.store.tables.base import UtcDateTime, metadata
from app.store.tables.comparisons import (
    comparisons,
    firing_cells,
    latent_column,
    latent_details,
    latents,
    level_links,
    pair_details,
    pair_profiles,
    partner_column,
    partners,
    published,
    saes,
    text_rows,
)
from app.store.tables.jobs import job_steps, jobs
from app.store.tables.keys import api_keys
from app.store.tables.labels import labels
from app.store.tables.measurements import INTERVENTION_TABLES, degrees, interventions, latent_releases, releases
from app.store.tables.reading import COUNTED, SEARCH_TABLE, label_search, latent_counts, search_rows

__all__ = [
    "COUNTED",
    "INTERVENTION_TABLES",
    "SEARCH_TABLE",
    "UtcDateTime",
    "api_keys",
    "comparisons",
    "degrees",
    "firing_cells",
    "interventions",
    "job_steps",
    "jobs",
    "label_search",
    "labels",
    "latent_column",
    "latent_counts",
    "latent_details",
    "latent_releases",
    "latents",
    "level_links",
    "metadata",
    "pair_details",
    "pair_profiles",
    "partner_column",
    "partners",
    "published",
    "releases",
    "saes",
    "search_rows",
    "text_rows",
]
