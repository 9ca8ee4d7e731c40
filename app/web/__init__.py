"""The dashboard: API and pages over the store, with FastAPI and without torch."""
