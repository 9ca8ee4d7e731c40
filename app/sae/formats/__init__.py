"""Readers of the formats that SAEs are saved in, each from its own files to SAELens' configuration and tensors."""
