"""An SAE that a client sends, from the form on the pages or through the API."""

from __future__ import annotations

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from app.errors import QueryError
from app.web.http.access import FIELD, check_form
from app.web.http.multipart import Piece, pieces
from app.web.shared.uploads import Upload

MOST_FIELD_BYTES = 4096


async def receive_sae(request: Request, input_dir: Path) -> str:
    """The name of the new folder in the input folder.

    The key of a form counts only where it stands before the files: without one, no file is received.

    Raises:
        QueryError: the form is not one, or its files are not those of an SAE.
        ConflictError: the input folder has something of that name.
        StoreError: it can't be written.
        ProblemError: as `check_form`.
    """
    fields: dict[str, bytes] = {}
    may = False
    with Upload(input_dir) as upload:
        try:
            async for piece in pieces(request):
                if piece.file is None:
                    _add(fields, piece)
                    continue
                if not may:
                    await check_form(request, _text(fields.pop(FIELD, b"")))
                    may = True
                if piece.file:
                    await run_in_threadpool(upload.write, piece.file, piece.data, is_last=piece.is_last)
        finally:
            if not may:
                await check_form(request, _text(fields.pop(FIELD, b"")))
        name = _text(fields.pop("name", b""))
        await run_in_threadpool(upload.finish, name)
    return name


def _add(fields: dict[str, bytes], piece: Piece) -> None:
    fields[piece.field] = fields.get(piece.field, b"") + piece.data
    if sum(map(len, fields.values())) > MOST_FIELD_BYTES:
        raise QueryError(f"the fields have more than {MOST_FIELD_BYTES} bytes", parameter="name")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").strip()
