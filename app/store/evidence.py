"""Partners and contexts of many latents at once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, select

from app.records import LatentDetail, Partner, Side
from app.store import tables
from app.store.lookup import IN_CHUNK, require_comparison
from app.store.payloads import DETAIL, expand
from app.store.read_pairs import PARTNER_ORDERS
from app.store.rows import PARTNER_COLUMNS, partner_from
from app.store.session import reading
from app.store.tables import partners


def partners_of_many(engine: Engine, slug: str, side: Side, indices: Sequence[int]) -> dict[int, list[Partner]]:
    """Index -> partners, in the order of `partners_of_narrow` or `partners_of_reference`; none is an empty list.

    Raises:
        NotFoundError: no such comparison.
    """
    found: dict[int, list[Partner]] = {index: [] for index in indices}
    key = partners.c[f"{side}_index"]
    order = PARTNER_ORDERS[side]
    with reading(engine) as connection:
        comparison_id = require_comparison(connection, slug)
        query = select(*PARTNER_COLUMNS).where(partners.c.comparison_id == comparison_id).order_by(key, *order)
        for start in range(0, len(indices), IN_CHUNK):
            for row in connection.execute(query.where(key.in_(indices[start : start + IN_CHUNK]))):
                partner = partner_from(row)
                found[partner.narrow_index if side == "narrow" else partner.index].append(partner)
    return found


def details_of_many(engine: Engine, slug: str, side: Side, indices: Sequence[int]) -> dict[int, LatentDetail]:
    """Index -> histogram, neighbours, contexts and logit weights. Raises NotFoundError."""
    table = tables.latent_details
    found: dict[int, LatentDetail] = {}
    with reading(engine) as connection:
        comparison_id = require_comparison(connection, slug)
        query = select(table.c.latent_index, table.c.payload)
        of_side = query.where(table.c.comparison_id == comparison_id, table.c.side == side)
        for start in range(0, len(indices), IN_CHUNK):
            some = of_side.where(table.c.latent_index.in_(indices[start : start + IN_CHUNK]))
            found.update({index: expand(DETAIL, payload) for index, payload in connection.execute(some)})
    return found
