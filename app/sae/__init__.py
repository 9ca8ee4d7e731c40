"""SAE files to weights."""
