"""One comparison from SAE files to the store, readable top to bottom."""
