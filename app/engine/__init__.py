"""Runs the shards of a stream."""
