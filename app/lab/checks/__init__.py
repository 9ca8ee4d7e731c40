"""The checks of `hedgescope validate`: one module each, declared in `app/catalogue/checks.py`."""
