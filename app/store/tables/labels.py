"""Labels of latents that other programs made; they belong to an SAE's weights, not to a comparison."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from app.store.tables.base import metadata

labels = Table(
    "labels",
    metadata,
    Column("sae_checksum", Text, primary_key=True),
    Column("latent_index", Integer, primary_key=True, autoincrement=False),
    # `Neuronpedia` or `SAEDashboard`.
    Column("source", Text, primary_key=True),
    # In the order of the file, from 0.
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("label", Text, nullable=False),
    # The language model that explained the latent, where it is known.
    Column("made_by", Text),
)
