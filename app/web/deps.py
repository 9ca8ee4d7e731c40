"""What routes ask for: `Annotated` dependencies of API and pages alike."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from sqlalchemy import Engine
from starlette.requests import Request

from app.settings import Settings


async def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


EngineDep = Annotated[Engine, Depends(_engine)]
"""The database. These dependencies are coroutines so that they cost no turn of the thread pool."""

SettingsDep = Annotated[Settings, Depends(_settings)]
