"""Mixed masses: how much of which reference latent a narrow latent's decoder row holds. Arrays only."""
