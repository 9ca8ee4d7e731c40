"""Records of SAEs."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from app.records import SaeRecord

CREATED_AT = datetime(2026, 11, 23, 12, 30, 15, 123456, tzinfo=UTC)
D_IN = 64


def make_sae_record(
    name: str = "tiny-narrow", *, d_in: int = D_IN, d_sae: int = 24, widths: tuple[int, ...] | None = None
) -> SaeRecord:
    """A registered SAE; its checksum follows from its name."""
    return SaeRecord(
        name=name,
        checksum=hashlib.sha256(name.encode()).hexdigest(),
        source=f"saes/{name}",
        architecture="jumprelu",
        training_architecture="matryoshka_batchtopk" if widths else "batchtopk",
        d_in=d_in,
        d_sae=d_sae,
        dtype="float32",
        model_name="tiny-model",
        hook_name="model.layers.1",
        matryoshka_widths=widths,
        widths_source="metadata" if widths else None,
        explained_variance=0.75,
        l0=3.5,
        notes=("decoder norms range from 0.9 to 1.1",),
        created_at=CREATED_AT,
        training={"k": "4", **({"matryoshka_multipliers": "[0.5, 1.0]"} if widths else {})},
    )
