"""Durable jobs: their state is in the database, so none is lost when a process ends.

A job is work in steps: a plan, shards, and a finish. A job runner holds a step by a lease that it renews; each lease
has its own number, and only the holder of a step's latest lease can complete it. Nothing here needs torch.
"""
