"""The dashboard: API and pages over the store, by FastAPI. Needs no torch."""
