"""Worlds whose features are known, and what SAEs make of them."""
