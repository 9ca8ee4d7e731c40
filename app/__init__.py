"""Hedgescope: where a sparse autoencoder hedges, latent by latent."""

__version__ = "0.1.0"
