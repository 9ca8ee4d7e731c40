"""What the dashboard and the worker share as servers: request ids, logs, metrics, limits, shutdown."""
