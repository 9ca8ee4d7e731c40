"""Which partners a narrow latent's firings are split by."""

from __future__ import annotations

import numpy as np

from app.arrays import Int64s
from app.scores.mixing.results import NamedPartners
from app.scores.partners import PartnerLists

N_MIXED_IN = 3
"""Partners behind the main one: on the demo they hold half of the mixed mass, and people can follow three marks."""


def cell_partners(lists: PartnerLists, named: NamedPartners) -> Int64s:
    """`[L, 1 + N_MIXED_IN]` the main partner and the largest mixed-in ones of each narrow latent, -1 for none.

    A latent without a main partner has none at all.

    Args:
        named: by narrow latent, then descending mass.
    """
    main = np.where(lists.valid[:, 0], lists.partners[:, 0], -1)
    found = np.full((len(main), 1 + N_MIXED_IN), -1, dtype=np.int64)
    found[:, 0] = main
    other = (named.reference != main[named.narrow]) & (main[named.narrow] >= 0)
    narrow, reference = named.narrow[other], named.reference[other]
    place = 1 + np.arange(len(narrow)) - np.searchsorted(narrow, narrow)
    few = place <= N_MIXED_IN
    found[narrow[few], place[few]] = reference[few]
    return found
