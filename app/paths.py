"""Paths of the folders that ship with the program, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from app.errors import HedgescopeError

PACKAGE = Path(__file__).resolve().parent
WHEEL_RESOURCES = PACKAGE / "_resources"
"""Where a wheel carries the folders; a checkout (or an editable install) has no such folder."""


def resource(name: str) -> Path:
    """The absolute path of a folder or file that ships with the program.

    Args:
        name: path below the checkout's root, e.g. `templates`, `static`, `migrations` or `demo`.

    Raises:
        HedgescopeError: it is neither in the wheel nor in the checkout.
    """
    root = WHEEL_RESOURCES if WHEEL_RESOURCES.is_dir() else PACKAGE.parent
    path = root / name
    if not path.exists():
        raise HedgescopeError(f"{name!r} is missing: this installation is incomplete; reinstall it", place=root)
    return path
