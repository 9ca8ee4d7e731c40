"""Where shards are kept: a folder of this machine, or object storage that several machines reach."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

from app.errors import ShardError
from app.sparse.files import PARTIAL, write_whole

WHOLE_OBJECTS = {"s3", "gs", "gcs", "memory"}
"""Protocols whose objects appear only once they are complete, so that they are written under their final name."""

OF_ARROW = {"s3", "gs", "gcs"}
"""Read and written by pyarrow, which `datasets` needs anyway."""


class Storage(Protocol):
    """Files or objects by name; one that exists is complete."""

    def where(self, name: str) -> str:
        """The full path or URL, for messages."""
        ...

    def exists(self, name: str) -> bool:
        """Whether it is there."""
        ...

    def read(self, name: str) -> bytes:
        """Its content.

        Raises:
            OSError: it is not there or can't be read.
        """
        ...

    def write(self, name: str, content: bytes) -> None:
        """Make it appear with this content, or not at all.

        Raises:
            ShardError: it can't be written.
        """
        ...


def open_storage(root: Path | str) -> Storage:
    """A folder's path, or an fsspec URL such as `s3://bucket/prefix`, `gs://…`, `file:///…` or `memory://…`."""
    text = str(root)
    protocol, found, rest = text.partition("://")
    if not found:
        return Folder(Path(root))
    if protocol == "file":
        return Folder(Path(urlsplit(text).path))
    return Remote(protocol, rest.rstrip("/"))


@dataclass(frozen=True)
class Folder:
    """Files below a folder; written under another name, flushed, renamed."""

    root: Path

    def where(self, name: str) -> str:
        """The file's path."""
        return str(self.root / name)

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        return (self.root / name).exists()

    def read(self, name: str) -> bytes:
        """The file's content."""
        return (self.root / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Write the file, all or nothing."""
        write_whole(self.root / name, content)


@dataclass(frozen=True)
class Remote:
    """Objects below a prefix, through fsspec.

    It holds names only and can be sent to another machine, which connects with its own credentials.

    Attributes:
        protocol: `s3`, `gs`, or another one that fsspec has.
        prefix: bucket and path, and the protocol's own options behind a `?`.
    """

    protocol: str
    prefix: str

    def where(self, name: str) -> str:
        """The object's URL."""
        return f"{self.protocol}://{self._path(name)}"

    def exists(self, name: str) -> bool:
        """Whether the object is there."""
        try:
            return bool(self._connected().exists(self._path(name)))
        except (OSError, ValueError) as error:
            raise ShardError(f"can't be looked up; {_REMEDY}", place=self.where(name), reason=_line(error)) from error

    def read(self, name: str) -> bytes:
        """The object's content."""
        content: bytes = self._connected().cat_file(self._path(name))
        return content

    def write(self, name: str, content: bytes) -> None:
        """Put the object, whole."""
        path = self._path(name)
        try:
            filesystem = self._connected()
            if self.protocol in WHOLE_OBJECTS:
                filesystem.pipe_file(path, content)
                return
            partial = f"{path}.{uuid4().hex[:12]}{PARTIAL}"
            filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
            filesystem.pipe_file(partial, content)
            filesystem.mv(partial, path)
        except (OSError, ValueError) as error:
            raise ShardError(f"can't be written; {_REMEDY}", place=self.where(name), reason=_line(error)) from error

    def _path(self, name: str) -> str:
        return f"{self.prefix.partition('?')[0]}/{name}"

    def _connected(self) -> Any:
        return _connect(self.protocol, self.prefix)


_REMEDY = "check the address, the credentials and the free space, then run the command again; whole shards are kept"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


@lru_cache
def _connect(protocol: str, prefix: str) -> Any:
    """The file system, connected once a process.

    Raises:
        ShardError: the protocol is unknown, or the connection can't be made.
    """
    try:
        if protocol in OF_ARROW:
            from fsspec.implementations.arrow import ArrowFSWrapper
            from pyarrow.fs import FileSystem

            scheme = "s3" if protocol == "s3" else "gs"
            return ArrowFSWrapper(FileSystem.from_uri(f"{scheme}://{prefix}")[0])
        import fsspec

        return fsspec.filesystem(protocol)
    except (ImportError, OSError, ValueError) as error:
        raise ShardError(
            "can't be reached; expected a folder, s3://…, gs://… or a protocol of an installed fsspec package",
            place=f"{protocol}://{prefix.partition('?')[0]}",
            reason=_line(error),
        ) from error
