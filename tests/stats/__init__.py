"""Statistics against dense computations, under any split."""
