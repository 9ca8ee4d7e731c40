"""`Annotated` dependencies that API and pages share.

Those that need no database are coroutines, so that they do not occupy the thread pool.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path
from sqlalchemy import Engine
from starlette.requests import Request

from app.inference.client import Inference
from app.settings import Settings
from app.store.lookup import MAX_INDEX
from app.web.http.caller import Caller


async def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _inference(request: Request) -> Inference:
    inference: Inference = request.app.state.inference
    return inference


async def _caller(request: Request) -> Caller:
    caller: Caller = request.scope["state"]["caller"]
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]
InferenceDep = Annotated[Inference, Depends(_inference)]
EngineDep = Annotated[Engine, Depends(_engine)]
SettingsDep = Annotated[Settings, Depends(_settings)]

WITHOUT_NUL = r"^[^\x00]+$"
"""No name has a NUL, and PostgreSQL accepts none: such a name is refused first."""

Slug = Annotated[
    str,
    Path(
        pattern=WITHOUT_NUL,
        description="A comparison's slug; a name that only one comparison has leads to its slug (status 307).",
    ),
]
Index = Annotated[int, Path(ge=0, le=MAX_INDEX, description="Index of a latent in its SAE, from 0.")]
JobId = Annotated[int, Path(ge=1, le=MAX_INDEX, description="A job's number.")]
