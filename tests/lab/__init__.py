"""Worlds whose features are known."""
