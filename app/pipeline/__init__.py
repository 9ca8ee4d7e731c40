"""One comparison from SAE files to the store, from top to bottom."""
