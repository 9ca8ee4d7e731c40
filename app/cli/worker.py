"""`hedgescope worker`: the process that holds models and SAEs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from app.cli.child import IsChild, received
from app.errors import SettingsError
from app.settings import Settings

Host = Annotated[str | None, typer.Option(help="Address to listen on; default: this computer only.")]
Port = Annotated[int | None, typer.Option(help="TCP port; 0 picks a free one.")]

SECRET_HINT = (
    "HEDGESCOPE_WORKER_SECRET is not set; set the same one for worker and pages, for example from "
    "`python -c 'import secrets; print(secrets.token_urlsafe(32))'`"
)


def worker(host: Host = None, port: Port = None, child: IsChild = False) -> None:
    """Run the inference worker, for live prompts on pages that are served elsewhere."""
    from app.settings import load_settings

    if child:
        sent = received()
        own = {"worker_host": "127.0.0.1", "worker_port": 0, "worker_secret": sent["secret"]}
        run_worker(load_settings(**{**sent["settings"], **own}), child=True)
    else:
        run_worker(load_settings(worker_host=host, worker_port=port))


def run_worker(settings: Settings, *, child: bool = False) -> None:
    """Serve prompts until stopped.

    Args:
        child: whether a parent process started it, which gets the port and whose end ends the worker.

    Raises:
        SettingsError: there is no secret, the port is taken, or the device does not exist.
        SaeError: torch is set up to run code from weight files.
    """
    from app import logs
    from app.cli.console import errors
    from app.cli.serve import bind, url_of
    from app.cli.store import open_store

    if settings.worker_secret is None:
        raise SettingsError(SECRET_HINT)
    logs.configure(level=settings.log_level, form=settings.log_format, service="worker", secrets=settings.secrets)
    listener = bind(settings.worker_host, settings.worker_port)
    if not child:
        url = url_of(settings.worker_host, listener.getsockname()[1])
        errors.print(f"worker on [bold]{url}[/bold] (Ctrl-C stops)", highlight=False, soft_wrap=True)
    engine = open_store(settings)
    from app.inference.server.run import announce, make_app, serve

    app = make_app(settings, engine, settings.worker_secret.get_secret_value())
    if child:
        announce(listener)
    serve(app, listener, settings, sys.stdin if child else None)
