"""Model and text, or a file, to a stream of activations."""
