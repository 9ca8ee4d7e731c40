"""Benchmarks: ratios against the limits of the machine, measured in the same run."""
