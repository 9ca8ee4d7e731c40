"""What the pages of latents and pairs show."""
