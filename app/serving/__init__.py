"""What the dashboard and the worker have in common as servers: ids, logs and metrics of requests, limits, shutdown."""
