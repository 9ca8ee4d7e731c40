"""Every setting of the program: typed, with unit and description, read once and passed in.

A setting comes from the environment variable `HEDGESCOPE_<NAME>` or, where that is not set, from a
`.env` file in the working directory; an empty value counts as not set.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import SettingsError
from app.records import Dtype
from app.setting_types import AnonymousScopes, HostNames, Networks, OriginList

PREFIX = "HEDGESCOPE_"
DATABASE_FILE = "hedgescope.db"

LogFormat = Literal["text", "json"]
LogLevel = Literal["critical", "error", "warning", "info", "debug"]


class Settings(BaseSettings):
    """The settings; `load_settings` makes them, with readable errors."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Path = Field(
        default=Path("data"),
        description="Folder for the database, activation shards and converted models; created when needed.",
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL of the database, such as `postgresql://user:password@host/hedgescope`; default: "
        "the SQLite file `hedgescope.db` in the data folder.",
    )
    database_pool_size: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="Maximum connections to a PostgreSQL server per process; further requests wait.",
    )
    shards: str | None = Field(
        default=None,
        description="Folder or URL (`s3://bucket/prefix`, `gs://bucket/prefix`) for active latents; default: "
        "`shards` in the data folder. Several machines need one that all of them can reach.",
    )
    device: str = Field(
        default="auto",
        description="Where models and SAEs compute: `cpu`, `cuda`, `cuda:N`, or `auto` for the first GPU if there is "
        "one.",
    )
    rows_per_forward: int | None = Field(
        default=None,
        ge=1,
        description="Rows of text per forward pass; default: as many as fit into half of the free memory, up to 16 "
        "on a CPU and 64 on a GPU.",
    )
    engine: Literal["local", "ray"] = Field(
        default="local",
        description="What runs the shards of a comparison: `local` (this process) or `ray` (a cluster).",
    )
    ray_cpus_per_task: float = Field(default=1, gt=0, description="CPU cores per task on a Ray cluster.")
    ray_gpus_per_task: float = Field(
        default=0, ge=0, description="GPUs per task on a Ray cluster; with 0.5, two tasks share one."
    )
    ray_retries: int = Field(
        default=5, ge=0, description="How often a task is retried after its machine or process was lost."
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address that serves the pages; the default is reachable from this computer only.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port that serves the pages; 0 picks a free one.")
    processes: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Processes that `serve` answers with; each uses one core and its part of the limits per client.",
    )
    worker_url: str | None = Field(
        default=None,
        description="URL of an inference worker, for pages that need a live model; default: `serve` starts its own.",
    )
    worker_secret: SecretStr | None = Field(
        default=None,
        description="Shared secret with which the web process authenticates to the worker; not needed for a worker "
        "that `serve` starts.",
    )
    start_worker: bool = Field(
        default=True,
        description="Whether `serve` starts its own worker if no URL is given and torch is installed.",
    )
    worker_host: str = Field(
        default="127.0.0.1",
        description="Address that `hedgescope worker` listens on; the default is reachable from this computer only.",
    )
    worker_port: int = Field(
        default=8001, ge=0, le=65535, description="TCP port that `hedgescope worker` listens on; 0 picks a free one."
    )
    worker_memory_mib: int = Field(
        default=8192,
        ge=64,
        description="Memory for the worker's models and SAEs, in MiB; the least recently used make room for others.",
    )
    worker_device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where the worker computes; `auto` is CUDA if available, else the CPU."
    )
    worker_dtype: Literal["auto", Dtype] = Field(
        default="auto",
        description="Precision of the worker's language model; `auto` is bfloat16 on CUDA, else float32. SAEs always "
        "use float32.",
    )
    worker_warm_up: bool = Field(
        default=True,
        description="Whether the worker loads the newest comparison's model and SAEs when it starts, so that the first "
        "prompt does not wait for them.",
    )
    worker_timeout_s: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds that the pages wait for the worker's answer."
    )
    prompt_tokens_max: int = Field(
        default=1024, ge=2, le=131_072, description="Maximum tokens in a live prompt, including the one that starts it."
    )
    prompt_queue_tokens: int = Field(
        default=32_768,
        ge=2,
        description="Maximum tokens of prompts waiting at the worker; beyond that it answers that it is busy.",
    )
    batch_tokens: int = Field(
        default=4096, ge=1, description="Maximum tokens of prompts per forward pass of the worker."
    )
    batch_prompts: int = Field(default=32, ge=1, description="Maximum prompts per forward pass; 1 turns batching off.")
    batch_wait_ms: float = Field(
        default=4.0, ge=0, le=1000, description="Milliseconds that a prompt waits for others to share its forward pass."
    )
    input_dir: Path | None = Field(
        default=None,
        description="Folder with the SAEs, texts, activations and models that jobs may read; they can read nothing "
        "outside it. Default: `input` in the data folder.",
    )
    jobs_token: SecretStr | None = Field(
        default=None,
        description="A key with the scopes `prompt` and `write` that is not in the database; `hedgescope key create` "
        "makes keys that can be listed and revoked.",
    )
    job_lease_s: float = Field(
        default=15.0,
        ge=1,
        le=600,
        description="A job runner that has not renewed its lease for this many seconds is considered dead; another "
        "takes over its steps.",
    )
    page_size_max: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="Maximum latents on one page of the API or of a table.",
    )
    query_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=3600,
        description="Seconds that one look of a page or of the API into the database may take; then it is stopped, "
        "with status 503.",
    )
    cors_origins: OriginList = Field(
        default=(),
        description="Sites whose scripts may read the API, such as `https://lab.example.org`, separated by commas; "
        "`*` for all.",
    )
    allowed_hosts: HostNames = Field(
        default=(),
        description="Host names this server answers to, such as `hedgescope.lab.example.org`, separated by commas; "
        "`*` for any. Default: any, except on a loopback address, where only IP addresses and names "
        "without a dot are allowed.",
    )
    anonymous_scopes: AnonymousScopes = Field(
        default=("read",),
        description="What clients of other computers may do without a key: some of `read`, `prompt` and `write`, "
        "separated by commas, or `none`.",
    )
    rate_limit: int = Field(
        default=1200,
        ge=0,
        description="Requests per minute of each key, or of each address without one; a live prompt counts as 20, a "
        "change or a file as 10. 0 turns the limit off. Requests from this computer are not counted.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Addresses or networks of reverse proxies, such as `127.0.0.1` or `10.0.0.0/8`, separated by "
        "commas: their `X-Forwarded-For` and `X-Forwarded-Prefix` are believed.",
    )
    frame_ancestors: OriginList = Field(
        default=(),
        description="Sites that may show pages with `?embed=1` in a frame, such as `http://localhost:8888`, separated "
        "by commas; `*` for all. Default: none.",
    )
    path_prefix: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="Path below which a reverse proxy shows the pages, such as `/hedgescope`.",
    )
    max_body_bytes: int = Field(
        default=1024 * 1024,
        ge=1024,
        description="Maximum size of a request body, in bytes.",
    )
    upload_max_bytes: int = Field(
        default=2 * 1024**3,
        ge=0,
        description="Maximum size of an SAE that is uploaded into the input folder, in bytes; 0 turns uploads off.",
    )
    max_event_streams: int = Field(
        default=100, ge=1, description="Maximum open event streams (pages that follow a job)."
    )
    shutdown_timeout_s: float = Field(
        default=20,
        gt=0,
        le=3600,
        description="Seconds that requests get to finish, and jobs to hand back their work, after SIGTERM or Ctrl-C.",
    )
    log_level: LogLevel = Field(
        default="info", description="Lowest level that is logged to stderr; `debug` includes health checks."
    )
    log_format: LogFormat = Field(
        default="text", description="`text` for a terminal, or `json` for a log collector: one object per line."
    )

    @field_validator("data_dir", "input_dir")
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser()

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @property
    def resolved_input_dir(self) -> Path:
        """The only folder that jobs may read."""
        return self.input_dir or self.data_dir / "input"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never appear in a log."""
        password = urlsplit(self.database_url or "").password
        found = () if password is None else (password, unquote(password))
        keys = (self.worker_secret, self.jobs_token)
        return (*found, *(key.get_secret_value() for key in keys if key is not None))

    @property
    def resolved_database_url(self) -> str:
        """The database's URL; a default SQLite file is named by its absolute path."""
        if self.database_url is not None:
            return self.database_url
        return f"sqlite:///{(self.data_dir.resolve() / DATABASE_FILE).as_posix()}"


def load_settings(**overrides: object) -> Settings:
    """The settings of this process.

    Args:
        overrides: fields given on the command line; they override the environment, and None is ignored.

    Raises:
        SettingsError: naming each invalid setting, its value and what is expected.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(_explain(error)) from error


def _explain(error: ValidationError) -> str:
    """All of Pydantic's complaints in one line."""
    complaints = (
        f"{PREFIX}{str(item['loc'][0]).upper()} is {_shown(item)}: {item['msg'].lower()}" for item in error.errors()
    )
    return "; ".join(complaints) + " (docs/settings.md lists every setting)"


def _shown(item: Mapping[str, Any]) -> str:
    """The value found, unless it is a secret."""
    return "not usable" if "secret" in str(item["loc"][0]) else repr(item["input"])
