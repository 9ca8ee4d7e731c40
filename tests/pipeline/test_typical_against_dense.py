"""Typical hedging equals the plain implementation where little is known: few firings, few dimensions, nothing left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from app.scores.hedging import hedging_scores
from app.scores.typical import MAX_TOKENS, MIN_TOKENS, Residuals, typical_impurity
from app.stats.input_sample import N_GROUPS, Sample
from tests.pipeline.dense_typical import typical, with_groups_left_out

Floats = NDArray[np.float64]
N_TOKENS, ROW_LENGTH = 2048, 16


@dataclass(frozen=True)
class Tokens:
    """Tokens with one latent of interest, the first: it mixes the first feature with a part of another one."""

    inputs: Floats
    acts: Floats
    unit: Floats

    @property
    def row(self) -> NDArray[np.int64]:
        return np.arange(len(self.inputs)) // ROW_LENGTH

    def sample(self) -> Sample:
        """As the program collects it."""
        group = self.row % N_GROUPS
        order = np.lexsort((np.arange(len(group)), group))
        acts = sp.csc_array(self.acts[order].astype(np.float32))
        bounds = np.concatenate([[0], np.cumsum(np.bincount(group, minlength=N_GROUPS))])
        return Sample(self.inputs[order].astype(np.float32), acts, acts, bounds)

    def program(self) -> Floats:
        """Its typical hedging, from all tokens and with each group left out."""
        return typical_impurity(Residuals(self.sample(), self.unit.astype(np.float32)).spread(0))

    def plain(self) -> Floats:
        return np.array(with_groups_left_out(self.inputs, self.acts, self.unit, 0, self.row), dtype=np.float64)


def make(d_in: int, n_firings: int, *, noise: float = 0.05, residual_where_it_fires: float = 1.0) -> Tokens:
    """Latent 0 fires on `n_firings` tokens, with its child on a fifth of them; latent 1 on others.

    Args:
        residual_where_it_fires: noise on these tokens, relative to the others.
    """
    rng = np.random.default_rng(d_in * 1000 + n_firings)
    fires = np.zeros(N_TOKENS, dtype=np.bool_)
    fires[rng.permutation(N_TOKENS)[:n_firings]] = True
    child = fires & (rng.random(N_TOKENS) < 0.2)
    unit = np.eye(d_in)[: min(d_in, 2)].copy()
    if d_in > 1:
        unit[0] = [np.cos(0.4), *([0.0] * (d_in - 2)), np.sin(0.4)]
    sizes = 1 + 0.2 * rng.random(N_TOKENS)
    inputs = np.outer(fires * sizes, np.eye(d_in)[0])
    inputs[:, -1] += child * sizes
    scale = np.where(fires, residual_where_it_fires, 1.0)
    inputs += noise * scale[:, None] * rng.standard_normal((N_TOKENS, d_in))
    acts = np.zeros((N_TOKENS, len(unit)))
    acts[:, 0] = np.where(fires, np.maximum(inputs @ unit[0], 0.05), 0.0)
    if d_in > 2:
        acts[:, 1] = np.maximum(inputs @ unit[1], 0)
    return Tokens(inputs, acts, unit)


@pytest.mark.parametrize("d_in", [2, 3, 8, 40])
@pytest.mark.parametrize("n_firings", [MIN_TOKENS, 60, 400, MAX_TOKENS + 337])
def test_few_firings_and_few_dimensions(d_in: int, n_firings: int) -> None:
    tokens = make(d_in, n_firings)
    assert (tokens.acts[:, 0] > 0).sum() == n_firings
    np.testing.assert_allclose(tokens.program(), tokens.plain(), atol=1e-3)
    if n_firings == 400:
        assert tokens.plain()[0] == pytest.approx(np.sin(0.4) ** 2, abs=0.05)


def test_too_few_firings() -> None:
    """One token less has no typical hedging, nor any score."""
    tokens = make(8, MIN_TOKENS - 1)
    assert typical(tokens.inputs, tokens.acts, tokens.unit, 0, tokens.row) is None
    found = hedging_scores(tokens.sample(), tokens.unit.astype(np.float32), np.ones(2, dtype=np.bool_))
    assert np.isnan([found.typical[0], found.score[0]]).all()


def test_firings_in_one_half_only() -> None:
    """A half without the latent: no mode, hence no number, however many firings there are."""
    tokens = make(8, 400)
    tokens.acts[np.isin(tokens.row % N_GROUPS, (2, 3)), 0] = 0
    assert (tokens.acts[:, 0] > 0).sum() > MIN_TOKENS
    assert np.isnan(tokens.plain()).all()
    assert np.isnan(tokens.program()).all()


@pytest.mark.parametrize("n_firings", [MIN_TOKENS, 400])
def test_one_dimension_has_nothing_beside_the_latent(n_firings: int) -> None:
    tokens = make(1, n_firings)
    known = ~np.isnan(tokens.plain())
    assert known[0]
    np.testing.assert_array_equal(tokens.program()[known], 0)
    np.testing.assert_array_equal(tokens.plain()[known], 0)
    np.testing.assert_array_equal(np.isnan(tokens.program()), ~known)


@pytest.mark.parametrize("d_in", [2, 3, 8, 40])
def test_a_residual_that_is_smaller_where_the_latent_fires(d_in: int) -> None:
    """No direction has more there than elsewhere; those with least less are looked at, not the latent's own."""
    tokens = make(d_in, 400, noise=2.0, residual_where_it_fires=0.01)
    np.testing.assert_allclose(tokens.program(), tokens.plain(), atol=1e-3)
    assert tokens.plain()[0] > 0.05
