"""SAEs on the Hub: a repository's folder in any format that is read here, or a release of SAELens."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from app.errors import SaeError
from app.sae.checksum import tensors_checksum
from app.sae.formats.raw import one_line

_REPOSITORY = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?::(?P<path>[^@]+))?(?:@(?P<revision>[\w./-]+))?")
_RELEASE = re.compile(r"[\w.-]+:.+")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_LOCAL = (".", "/", "~", "\\")

NOT_FOUND = "no such folder; expected a folder of an SAE, owner/repo:path on the Hub, or release:sae_id of SAELens"


def load_release(source: str) -> tuple[Any, str, dict[str, Any]]:
    """(SAELens module, checksum of its tensors, its configuration) of `release:sae_id`, by SAELens' own loader.

    Raises:
        SaeError: it looks like a path that is not there, or can't be loaded.
    """
    if is_path(source) or not _RELEASE.fullmatch(source):
        raise SaeError(NOT_FOUND, place=source)
    from sae_lens import SAE

    release, _, sae_id = source.partition(":")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module: Any = SAE.from_pretrained(release, sae_id, device="cpu", dtype="float32")
    except Exception as error:
        raise SaeError("SAELens can't load it from the Hub", place=source, reason=one_line(error)) from error
    return module, tensors_checksum(module.state_dict()), module.cfg.to_dict()


def is_path(source: str) -> bool:
    """Whether a name can only be a path of this machine: by how it begins, or since its first folder is there."""
    if source.startswith(_LOCAL) or _DRIVE.match(source):
        return True
    first, slash, _ = source.partition("/")
    return bool(slash) and Path(first).is_dir()


def fetched(source: str) -> Path | None:
    """The folder that a repository's part was downloaded to; None where the source names no repository.

    The Hub's cache, its offline mode and its token are used as set up on this machine.

    Raises:
        SaeError: the repository or its part can't be reached.
    """
    match = _REPOSITORY.fullmatch(source)
    if match is None or is_path(source):
        return None
    from huggingface_hub import snapshot_download

    inner = match["path"]
    patterns = None if inner is None else [inner, f"{inner}/*"]
    try:
        folder = snapshot_download(match["repo"], revision=match["revision"], allow_patterns=patterns)
    except Exception as error:
        raise SaeError("it can't be loaded from the Hub", place=source, reason=one_line(error)) from error
    return Path(folder) / (inner or "")
