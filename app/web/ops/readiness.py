"""Whether the dashboard can do its work: one check a part, each with a state, in bounded time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import anyio
import anyio.to_thread
from sqlalchemy import Engine

from app.errors import NoWorkerError, SchemaError, StoreError, WorkerError
from app.inference.client import Inference
from app.store.session import check_schema
from app.web.api.status_models import Check, Readiness
from app.web.http.errors import WRONG_SCHEMA

PATIENCE_S: Final = 3.0
"""For one check; the client has a time limit too, often 5 s."""

log = logging.getLogger(__name__)


class Checker:
    """Runs the checks, in threads of its own: routes that wait for a stuck database must not hide it."""

    def __init__(self, engine: Engine, inference: Inference) -> None:
        self._engine = engine
        self._inference = inference
        self._threads = anyio.CapacityLimiter(2)

    async def readiness(self) -> Readiness:
        """All parts and what they add up to."""
        checks = (*await self._database(), await self._worker())
        states = {check.state for check in checks}
        if "failed" in states:
            return Readiness("unready", checks)
        return Readiness("degraded" if "degraded" in states else "ready", checks)

    async def _database(self) -> tuple[Check, Check]:
        def check() -> None:
            check_schema(self._engine)

        unknown = Check("schema", "failed", "unknown while the database can't be used")
        try:
            await self._in_time(check)
        except SchemaError as error:
            log.error("not ready: %s", error)
            return Check("database", "ok", None), Check("schema", "failed", WRONG_SCHEMA)
        except StoreError as error:
            log.error("not ready: %s", error)
            return Check("database", "failed", "it can't be used now; the server's log has the reason"), unknown
        except TimeoutError:
            log.error("not ready: the database did not answer within %g s", PATIENCE_S)
            return Check("database", "failed", f"it did not answer within {PATIENCE_S:g} s"), unknown
        return Check("database", "ok", None), Check("schema", "ok", None)

    async def _worker(self) -> Check:
        """Never `failed`: pages and stored data need no worker."""
        try:
            with anyio.fail_after(PATIENCE_S):
                await self._inference.capabilities()
        except NoWorkerError as error:
            return Check("worker", "off", error.public)
        except WorkerError as error:
            return Check("worker", "degraded", error.public)
        except TimeoutError:
            return Check("worker", "degraded", f"the inference worker did not answer within {PATIENCE_S:g} s")
        return Check("worker", "ok", None)

    async def _in_time(self, work: Callable[[], None]) -> None:
        with anyio.fail_after(PATIENCE_S):
            await anyio.to_thread.run_sync(work, limiter=self._threads, abandon_on_cancel=True)
