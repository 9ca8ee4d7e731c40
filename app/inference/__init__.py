"""The inference worker: its server, its client, and the messages between them."""
