"""Statistics over shards: accumulators with `update`, `merge` and `finalize`.

Counts and contexts are exact, and the same under any split of the text into shards at row
boundaries, in any order. Sums of activations are float64, the same up to rounding.
No printing, files or settings here.
"""
