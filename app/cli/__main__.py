"""`python -m app.cli`: the same as the `hedgescope` program."""

from __future__ import annotations

from app.cli import main

main()
