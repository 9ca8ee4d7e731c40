"""Which files a job may read: those of the input folder."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from app.activations.model_names import BUNDLED_MODELS
from app.errors import HedgescopeError
from app.records import SaeRequest

HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


def allowed(name: str, folder: Path) -> str:
    """Where something named by a job is: in the input folder, or on the hub under that name.

    Args:
        folder: the only one that jobs may read.

    Raises:
        HedgescopeError: it is outside the folder, or neither there nor a possible name on the hub.
    """
    if name in BUNDLED_MODELS:
        return name
    root = folder.resolve()
    # A text may have options behind it, such as `?column=body`.
    file, mark, options = name.partition("?")
    for inside, behind in ((name, ""), (file, f"{mark}{options}")):
        try:
            path = (root / inside).resolve()
            if inside and path.is_relative_to(root) and path != root and path.exists():
                return f"{path}{behind}"
        except (OSError, ValueError):
            pass
    name, behind = file, f"{mark}{options}"
    source, colon, inner = name.partition(":")
    is_hub_name = HUB_NAME.fullmatch(source) and ".." not in name and not inner.startswith(("/", "~"))
    # The libraries look for a file of this name first, wherever the program was started.
    if not is_hub_name or (not colon and Path(name).exists()):
        raise HedgescopeError("there is no such file or folder in the input folder (HEDGESCOPE_INPUT_DIR)", place=name)
    return name + behind


def found_files(request: SaeRequest, find_file: Callable[[str], str]) -> SaeRequest:
    """The request with its files named by where they are. Raises as `find_file`."""
    model = None if request.model is None else find_file(request.model)
    return replace(request, source=find_file(request.source), model=model)
