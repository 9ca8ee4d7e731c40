"""Training, on worlds small enough to train on within seconds."""
