from __future__ import annotations

import numpy as np

from app.stats.firing_hash import GAMMA, hash_firings, splitmix64

MASK = 2**64 - 1


def test_published_sequence() -> None:
    """The first outputs of SplitMix64 seeded with 1234567, as Rosetta Code lists them."""
    states = np.uint64(1234567) + np.arange(5, dtype=np.uint64) * GAMMA
    assert splitmix64(states).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def plain(state: int) -> int:
    """The same in Python's own whole numbers."""
    mixed = (state + 0x9E3779B97F4A7C15) & MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
    return mixed ^ (mixed >> 31)


def test_hash_equals_plain_arithmetic() -> None:
    rng = np.random.default_rng(0)
    latent, row = rng.integers(0, 70_000, 50), rng.integers(0, 10**9, 50)
    position = rng.integers(0, 128, 50).astype(np.int32)
    expected = [
        plain(plain(plain(i) ^ r) ^ p) for i, r, p in zip(latent.tolist(), row.tolist(), position.tolist(), strict=True)
    ]
    assert hash_firings(latent, row, position).tolist() == expected


def test_neighbouring_places_do_not_collide_and_spread_evenly() -> None:
    latent, row, position = (index.ravel() for index in np.indices((20, 20, 128)))
    hashed = hash_firings(latent, row, position.astype(np.int32))
    assert len(np.unique(hashed)) == len(hashed)
    shares = np.bincount((hashed >> np.uint64(60)).astype(np.int64), minlength=16) / len(hashed)
    # 51,200 draws in 16 bins: a bin's share has standard deviation 0.0011.
    assert np.abs(shares - 1 / 16).max() < 0.005
