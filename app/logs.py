"""Logs: one line per record, as text or JSON, with the ids of the request and the job.

Text that people send is never logged. Known secrets are replaced in every line before it is written.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final, Literal, TextIO

LogFormat = Literal["text", "json"]

CHATTY: Final = ("alembic", "asyncio", "httpcore", "httpx", "uvicorn")
"""Libraries that log each step at level info; shown only from level warning on, unless the level is debug."""

IN_MESSAGE: Final = ("method", "path", "route", "status", "exception")
"""Fields that the text form shows in the message or below it."""

_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
"""Attributes of every record; any other was given as `extra`."""

REDACTED: Final = "[secret]"
SHORTEST_SECRET = 4
"""Minimum length of a secret; replacing shorter ones would black out ordinary words and protect nothing."""

_bound: ContextVar[Mapping[str, str]] = ContextVar("hedgescope_log_ids", default=MappingProxyType({}))


@contextmanager
def bound(**ids: str) -> Iterator[None]:
    """Adds ids (`request_id`, `job_id`) to every record logged inside, also in threads started through anyio."""
    token = _bound.set({**_bound.get(), **ids})
    try:
        yield
    finally:
        _bound.reset(token)


def current(name: str) -> str | None:
    """The currently bound id of that name."""
    return _bound.get().get(name)


def configure(
    *, level: str, form: LogFormat, service: str, secrets: Sequence[str] = (), stream: TextIO | None = None
) -> None:
    """Send all logs of this process to `stream` (default: stderr), once, in one form.

    Args:
        level: the lowest level shown, as in the settings.
        form: `text` for people, `json` for collectors.
        service: the process's name in JSON, such as `web` or `worker`.
        secrets: strings that must never appear in a log.
    """
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.addFilter(_add_ids)
    handler.setFormatter(_Redacting(_json_formatter(service) if form == "json" else TextFormatter(), secrets))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else logging.WARNING)
    logging.captureWarnings(True)


class TextFormatter(logging.Formatter):
    """`12:03:44 INFO  message  request_id=… status=200`, with any traceback below; control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        facts = " ".join(f"{name}={_one_line(str(value))}" for name, value in _facts(record).items())
        time = self.formatTime(record, "%H:%M:%S")
        line = f"{time} {record.levelname:<7} {_one_line(record.getMessage())}"
        line = f"{line}  {facts}" if facts else line
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line + "".join(f"\n{part}" for part in str(getattr(record, "exception", "")).splitlines())


class _Redacting(logging.Formatter):
    """Another formatter's output without the secrets, in plain form and as JSON writes them."""

    def __init__(self, inner: logging.Formatter, secrets: Sequence[str]) -> None:
        super().__init__()
        self._inner = inner
        usable = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        self._secrets = sorted(usable | {_in_json(secret) for secret in usable}, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        text = self._inner.format(record)
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text


def _json_formatter(service: str) -> logging.Formatter:
    from pythonjsonlogger.orjson import OrjsonFormatter

    return OrjsonFormatter(
        ["levelname", "name", "message"],
        rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
        static_fields={"service": service},
        timestamp="time",
        reserved_attrs=_PLAIN,
        json_default=str,
    )


def _add_ids(record: logging.LogRecord) -> bool:
    for name, value in _bound.get().items():
        if not hasattr(record, name):
            setattr(record, name, value)
    return True


def _facts(record: logging.LogRecord) -> dict[str, object]:
    """What was given as `extra`, and the ids, except what the message already says."""
    return {
        name: value for name, value in vars(record).items() if name not in {*_PLAIN, *IN_MESSAGE} and value is not None
    }


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _in_json(text: str) -> str:
    import orjson

    return orjson.dumps(text).decode()[1:-1]
