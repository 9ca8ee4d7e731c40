"""Training of SAEs, with SAELens' own classes."""
