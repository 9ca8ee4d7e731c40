"""A candidate for the next hedging score: mixed masses over named partners. Not used by the program yet."""
