"""SAEs trained with SAELens' own classes."""
