"""Every setting of the program: typed, with unit and description, read once and passed in.

A setting comes from the environment variable `HEDGESCOPE_<NAME>` or, where that is not set, from a
`.env` file in the working directory; an empty one counts as not set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.errors import SettingsError

PREFIX = "HEDGESCOPE_"
DATABASE_FILE = "hedgescope.db"
ORIGIN = re.compile(r"\*|https?://[^/\s?#]+")

HOST_NAME = re.compile(r"\*|[A-Za-z0-9._-]+")

LogFormat = Literal["text", "json"]
LogLevel = Literal["critical", "error", "warning", "info", "debug"]


class Settings(BaseSettings):
    """The settings; `load_settings` makes them with errors that people can read."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Path = Field(
        default=Path("data"),
        description="Folder for the database, activation shards and converted models; made when needed.",
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL of the database, such as `postgresql://user:password@host/hedgescope`; without it, "
        "the SQLite file `hedgescope.db` in the data folder.",
    )
    database_pool_size: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="Most connections to a PostgreSQL server that one process keeps; who asks for more waits.",
    )
    shards: str | None = Field(
        default=None,
        description="Folder or URL (`s3://bucket/prefix`, `gs://bucket/prefix`) where active latents are kept; without "
        "it, `shards` in the data folder. Several machines need one that all of them reach.",
    )
    device: str = Field(
        default="auto",
        description="What models and SAEs compute on: `cpu`, `cuda`, `cuda:N`, or `auto` for the first GPU where there "
        "is one.",
    )
    rows_per_forward: int | None = Field(
        default=None,
        ge=1,
        description="Rows of text in one forward pass; without it, as many as fit into half of the free memory, up to "
        "16 on a processor and 64 on a GPU.",
    )
    engine: Literal["local", "ray"] = Field(
        default="local", description="What runs the shards of a comparison: `local`, this process, or `ray`, a cluster."
    )
    ray_cpus_per_task: float = Field(default=1, gt=0, description="Processor cores of one task on a Ray cluster.")
    ray_gpus_per_task: float = Field(
        default=0, ge=0, description="GPUs of one task on a Ray cluster; 0.5 lets two tasks share one."
    )
    ray_retries: int = Field(
        default=5, ge=0, description="How often a task is run again after its machine or process was lost."
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address the pages are served on; the default is reachable from this computer only.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port the pages are served on; 0 takes a free one.")
    worker_url: str | None = Field(
        default=None,
        description="URL of an inference worker, for pages that need a live model; without it `serve` starts one of "
        "its own.",
    )
    worker_secret: SecretStr | None = Field(
        default=None,
        description="What the pages show the worker to be let in; the same on both sides, and not needed for a worker "
        "that `serve` starts.",
    )
    start_worker: bool = Field(
        default=True,
        description="Whether `serve` starts a worker of its own where no URL is given and torch is installed.",
    )
    worker_host: str = Field(
        default="127.0.0.1",
        description="Address that `hedgescope worker` listens on; the default is this computer only.",
    )
    worker_port: int = Field(
        default=8001, ge=0, le=65535, description="TCP port that `hedgescope worker` listens on; 0 takes a free one."
    )
    worker_memory_mib: int = Field(
        default=8192,
        ge=64,
        description="MiB of models and SAEs that the worker holds; those used longest ago make room for others.",
    )
    worker_device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where the worker computes; `auto` is CUDA where there is one, else the processor."
    )
    worker_dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="Numbers the worker's language model computes in; `auto` is bfloat16 on CUDA, else float32. SAEs "
        "are always float32.",
    )
    worker_timeout_s: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds that the pages wait for an answer of the worker."
    )
    prompt_tokens_max: int = Field(
        default=1024, ge=2, le=131_072, description="Most tokens of a live prompt, the one that starts it included."
    )
    prompt_queue_tokens: int = Field(
        default=32_768,
        ge=2,
        description="Most tokens of prompts that wait at the worker; beyond them it says that it is busy.",
    )
    batch_tokens: int = Field(
        default=4096, ge=1, description="Most tokens of prompts that the worker reads in one forward pass."
    )
    batch_prompts: int = Field(default=32, ge=1, description="Most prompts in one forward pass; 1 for no batching.")
    batch_wait_ms: float = Field(
        default=4.0, ge=0, le=1000, description="Milliseconds that a prompt waits for others to share its forward pass."
    )
    input_dir: Path | None = Field(
        default=None,
        description="Folder with the SAEs, texts, activations and models that jobs may read, nothing outside of it; "
        "without it, the folder `input` in the data folder.",
    )
    jobs_token: SecretStr | None = Field(
        default=None,
        description="What people and programs have to give to start, cancel or resume jobs; without it they can on a "
        "loopback address only.",
    )
    job_lease_s: float = Field(
        default=15.0,
        ge=1,
        le=600,
        description="Seconds after which a worker that gives no sign of life is taken for dead, and its part of a "
        "job is done by another.",
    )
    page_size_max: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="Most latents one page of the API or of a table holds.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Sites whose scripts may read the API, such as `https://lab.example.org`, separated by commas; "
        "`*` for all.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Names this server may be called by, such as `hedgescope.lab.example.org`, separated by commas; "
        "`*` for any. Without it: any, but on a loopback address only addresses and names without a dot.",
    )
    max_body_bytes: int = Field(
        default=1024 * 1024,
        ge=1024,
        description="Largest body of a request that is taken, in bytes.",
    )
    max_event_streams: int = Field(
        default=100, ge=1, description="Most event streams (pages that follow a job) that are open at once."
    )
    shutdown_timeout_s: float = Field(
        default=20,
        gt=0,
        le=3600,
        description="Seconds that requests get to finish, and jobs to hand back their work, after SIGTERM or Ctrl-C.",
    )
    log_level: LogLevel = Field(
        default="info", description="What is logged to stderr, this level and above; `debug` has health checks too."
    )
    log_format: LogFormat = Field(
        default="text", description="`text`, for a terminal, or `json`: one object a line, for a log collector."
    )

    @field_validator("data_dir", "input_dir")
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser()

    @field_validator("cors_origins", "allowed_hosts", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _only_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [origin for origin in value if not ORIGIN.fullmatch(origin)]:
            raise ValueError(
                f"{wrong[0]!r} should be a scheme and host without a path, such as https://lab.example.org"
            )
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _only_host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [name for name in value if not HOST_NAME.fullmatch(name)]:
            raise ValueError(f"{wrong[0]!r} should be a name without scheme, port or path, such as lab.example.org")
        return value

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
        overrides: fields given on the command line, stronger than the environment; None is ignored.

    Raises:
        SettingsError: naming each setting that makes no sense, the value found and what is expected.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(_explain(error)) from error


def _explain(error: ValidationError) -> str:
    """One line for all of Pydantic's complaints."""
    complaints = (
        f"{PREFIX}{str(item['loc'][0]).upper()} is {_shown(item)}: {item['msg'].lower()}" for item in error.errors()
    )
    return "; ".join(complaints) + " (docs/settings.md lists every setting)"


def _shown(item: Mapping[str, Any]) -> str:
    """The value found; a secret's is nobody's business."""
    return "not usable" if "secret" in str(item["loc"][0]) else repr(item["input"])
