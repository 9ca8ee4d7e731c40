"""Runs shards, here or on other machines."""
