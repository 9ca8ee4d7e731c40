"""Weights and statistics to scores: pure functions of arrays."""
