"""`hedgescope serve`: the pages and the API."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.child import IsChild, received
from app.errors import SettingsError
from app.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI
    from sqlalchemy import Engine

Host = Annotated[str | None, typer.Option(help="Address to listen on; default: this computer only.")]
Port = Annotated[int | None, typer.Option(help="TCP port; 0 picks a free one.")]
StartWorker = Annotated[
    bool | None,
    typer.Option(
        "--worker/--no-worker", help="Start an inference worker for live prompts; by default as in the settings."
    ),
]


Processes = Annotated[int | None, typer.Option(help="Processes to answer with; each uses one core.", min=1)]


def serve(
    host: Host = None,
    port: Port = None,
    worker: StartWorker = None,
    processes: Processes = None,
    child: IsChild = False,
) -> None:
    """Serve the pages and the API of what has been compared."""
    from app.settings import load_settings

    if child:
        run_child(received())
    else:
        run_server(load_settings(host=host, port=port, start_worker=worker, processes=processes))


def run_server(settings: Settings, *, path: str = "/") -> None:
    """Serve until stopped.

    Args:
        path: page to point people to.

    Raises:
        SettingsError: the port is taken, the address is not this machine's, or other computers can reach it and there
            is no key.
    """
    from app import logs
    from app.cli.console import errors, output
    from app.cli.jobs import job_runner
    from app.cli.store import open_store
    from app.cli.web_processes import further_processes
    from app.cli.worker_child import worker_for
    from app.store.read_only import READ_ONLY, is_read_only
    from app.web.main import create_app

    logs.configure(level=settings.log_level, form=settings.log_format, service="web", secrets=settings.secrets)
    engine = open_store(settings)
    require_key(settings, engine)
    listener = bind(settings.host, settings.port)
    url = url_of(settings.host, listener.getsockname()[1])
    with worker_for(settings) as (where, missing), job_runner(settings) as stop_jobs, ExitStack() as stack:
        if missing is not None:
            errors.print(f"live prompts are off: {missing}", markup=False, highlight=False, soft_wrap=True)
        if is_read_only(engine.url):
            errors.print(f"jobs are off: {READ_ONLY}", markup=False, highlight=False, soft_wrap=True)
        app = create_app(settings, engine, where)
        stop_others = stack.enter_context(further_processes(settings, listener, where))
        output.print(f"serving [bold]{url}{path}[/bold] (Ctrl-C stops)", highlight=False, soft_wrap=True)

        def on_stop() -> None:
            # At once: a request that is under way may take as long as it is given.
            stop_jobs()
            stop_others()
            app.state.job_events.close()

        _answer(app, listener, settings, on_stop)
    engine.dispose()


def run_child(sent: dict[str, Any]) -> None:
    """Serve as one of several processes, until the first one says so or is gone."""
    from app import logs
    from app.cli.store import open_store
    from app.cli.web_processes import parts_of_child
    from app.web.main import create_app

    settings, listener, where = parts_of_child(sent)
    logs.configure(level=settings.log_level, form=settings.log_format, service="web", secrets=settings.secrets)
    engine = open_store(settings)
    app = create_app(settings, engine, where)
    _answer(app, listener, settings, app.state.job_events.close)
    engine.dispose()


def _answer(app: FastAPI, listener: socket.socket, settings: Settings, on_stop: Callable[[], None]) -> None:
    from app.serving.connections import MAX_CONNECTIONS, MAX_OF_ONE_CLIENT
    from app.serving.server import serve_until_stopped

    # Behind a proxy, all clients have its address.
    most = MAX_CONNECTIONS if settings.trusted_proxies else MAX_OF_ONE_CLIENT
    serve_until_stopped(
        app, listener, shutdown_timeout_s=settings.shutdown_timeout_s, on_stop=on_stop, max_of_one_client=most
    )


def require_key(settings: Settings, engine: Engine) -> None:
    """Refuse to let other computers in who would all be the same anonymous client.

    Raises:
        SettingsError: the address is not of this computer alone, and there is no key.
    """
    from app.store.keys import has_keys
    from app.web.http.caller import is_loopback

    if is_loopback(settings.host) or settings.jobs_token is not None or has_keys(engine):
        return
    raise SettingsError(
        f"{settings.host} lets other computers in, and no key exists yet; make one with `hedgescope key create "
        "--scope read,prompt,write`, or serve on 127.0.0.1"
    )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, so that a taken port is reported before any work.

    Connections wait until the server answers them: the printed address works at once.

    Raises:
        SettingsError: it can't be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets that name their protocol; without it, small answers wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise SettingsError(f"can't serve on {host}:{port} ({error.strerror}); choose another with --port") from error
    return listener


def url_of(host: str, port: int) -> str:
    """The address people type; a wildcard address is reached as localhost."""
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"
