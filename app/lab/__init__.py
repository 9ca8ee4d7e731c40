"""Worlds with known features, and what SAEs learn from them."""
