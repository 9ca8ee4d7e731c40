"""Active latents, in memory and in shards on disk."""
