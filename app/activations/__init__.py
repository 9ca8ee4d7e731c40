"""Activation streams, from a model and a text or from a file."""
