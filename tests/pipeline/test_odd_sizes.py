from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.errors import ActivationsError
from app.pipeline.run import run
from app.progress import silent
from app.sparse.shards import ROWS_PER_SHARD
from tests.pipeline.dense_comparison import DensePair
from tests.pipeline.dense_sae import ROW
from tests.pipeline.odd_sizes import ODD_SIZES, save_rows
from tests.pipeline.workplace import Workplace
from tests.pipeline.world import World
from tests.saved_saes import D_IN


def oracle(name: str, folder: Path) -> DensePair:
    return ODD_SIZES[name].make(folder)[1]


def test_the_gap_holds_a_whole_batch_and_a_whole_shard(tmp_path: Path) -> None:
    dense = oracle("a batch and a shard with no active latent", tmp_path)
    fires = np.hstack([dense.narrow.fires, dense.reference.fires])
    active = [bool(fires[row * ROW : (row + 1) * ROW].any()) for row in range(dense.n_tokens // ROW)]
    assert not any(active[16:32])
    assert not any(active[ROWS_PER_SHARD : 2 * ROWS_PER_SHARD])
    assert all(active[:8])
    assert all(active[2 * ROWS_PER_SHARD :])


@pytest.mark.parametrize("name", ["every latent always active", "one token", "one latent each, one token"])
def test_every_latent_is_active_on_every_token(name: str, tmp_path: Path) -> None:
    dense = oracle(name, tmp_path)
    assert dense.narrow.fires.all()
    assert dense.reference.fires.all()
    assert dense.n_tokens == ODD_SIZES[name].n_tokens


def test_rows_of_one_position_are_refused(tmp_path: Path, world: World, workplace: Workplace) -> None:
    """Their only position is the one that is never scored."""
    folder = save_rows(tmp_path / "rows", np.ones((5, 1, D_IN), dtype=np.float32), 0)
    with pytest.raises(ActivationsError, match="rows of 1 activation; expected at least 2"):
        run(workplace.engine, workplace.data_dir, world.request(activations=str(folder)), silent)
