"""For those who run the server: health, readiness, metrics."""
