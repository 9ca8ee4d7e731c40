"""Intervals of shares. No numpy: the dashboard runs without it."""

from __future__ import annotations

from statistics import NormalDist

Z_95 = round(NormalDist().inv_cdf(0.975), 6)
"""97.5 % quantile of the normal distribution, with the digits that all stored intervals were made with."""
