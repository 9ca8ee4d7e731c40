"""Activations kept as active latents only, in memory and in shards on disk."""
