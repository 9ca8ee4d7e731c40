"""The shipped configurations of nginx and Caddy, run for tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.postgres import free_port

SHIPPED = Path(__file__).parents[2] / "deploy"
NAME = "hedgescope.lab.example.org"
PERSON = ("someone", "a password")
PROGRAMS = {name: shutil.which(name) for name in ("nginx", "caddy")}


@contextmanager
def running(name: str, upstream: str, folder: Path) -> Iterator[str]:
    """URL of a proxy in front of a server."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={NAME}"]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run([*command, *files], check=True, capture_output=True)
    port, program = free_port(), PROGRAMS[name]
    assert program is not None
    prepare = {"nginx": _nginx, "caddy": _caddy}[name]
    arguments, environment = prepare(program, upstream, port, folder)
    with subprocess.Popen([program, *arguments], env={**os.environ, **environment}) as proxy:
        try:
            yield f"https://127.0.0.1:{port}"
        finally:
            proxy.terminate()


def _nginx(_program: str, upstream: str, port: int, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The shipped file with this test's ports, certificate and users, and without the redirect from port 80."""
    text = re.sub(r"(?s)server \{\n    listen 80;.*?\n\}\n", "", (SHIPPED / "nginx.conf").read_text())
    text = text.replace("    listen [::]:443 ssl;\n", "").replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    text = text.replace("http://127.0.0.1:8000", upstream).replace("/etc/nginx/hedgescope.users", f"{folder}/users")
    (folder / "site.conf").write_text(re.sub(r"/etc/letsencrypt/live/[^/]+/", f"{folder}/", text))
    (folder / "users").write_text(f"{PERSON[0]}:{{PLAIN}}{PERSON[1]}\n")
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\nuser root;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}include {folder}/site.conf;\n}}\n"
    )
    return ["-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")], {}


def _caddy(program: str, upstream: str, port: int, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The shipped file with this test's port, certificate and password."""
    text = (SHIPPED / "Caddyfile").read_text()
    assert f"{NAME} {{" in text
    site = f"https://{NAME}:{port} {{\n\tbind 127.0.0.1\n\ttls {folder}/fullchain.pem {folder}/privkey.pem\n"
    text = text.replace(f"{NAME} {{\n", site).replace("127.0.0.1:8000", upstream.removeprefix("http://"))
    options = f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_sni {NAME}\n}}\n"
    (folder / "Caddyfile").write_text(options + text)
    hashed = subprocess.run(
        [program, "hash-password", "--plaintext", PERSON[1]], check=True, capture_output=True, text=True
    )
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    arguments = ["run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    return arguments, {**home, "HEDGESCOPE_PASSWORD_HASH": hashed.stdout.strip()}
