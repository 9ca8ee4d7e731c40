"""What people ask the program to do. Each field is declared once, here: its title, its meaning, its limits.

The command line, the API's schema, the forms and the job pages read them with `about`. The keys of the metadata are
those of Pydantic's `Field`, and Pydantic's adapters of these records apply the limits. Limits on the length and the
characters of texts bind what is sent to a server, not paths on a command line; the rules in `__post_init__` bind every
request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from app.errors import RequestError

Dtype = Literal["float32", "bfloat16"]
"""Precision of a language model's forward pass. bfloat16 is faster if the processor has instructions for it."""

DTYPES: tuple[Dtype, ...] = get_args(Dtype)

MAX_NAME = 64
NAME_PATTERN = r"^[a-z0-9][a-z0-9_.-]*$"
"""A name is a part of an address."""

MAX_TOKENS = 10**12
MAX_WIDTH = 2**31 - 1

TEXT = {"min_length": 1, "max_length": 400, "pattern": r"^[^\x00-\x1f]+$"}
NAME = {"max_length": MAX_NAME, "pattern": NAME_PATTERN}
NAME_CHARACTERS = "lower-case letters, digits, '.', '_' and '-'"


@dataclass(frozen=True)
class ComparisonRequest:
    """A comparison of two SAEs.

    Raises:
        RequestError: a field is invalid, or does not go with another one.
    """

    narrow: str = field(
        metadata={
            **TEXT,
            "title": "Narrow SAE",
            "description": "SAE under examination: a registered name, or `name@width` for a Matryoshka prefix.",
        }
    )
    reference: str = field(
        metadata={
            **TEXT,
            "title": "Reference SAE",
            "description": "SAE it is compared with, a Matryoshka or wider one: a registered name, or `name@width`.",
        }
    )
    model: str | None = field(
        default=None,
        metadata={**TEXT, "title": "Model", "description": "Language model; by default the one the narrow SAE reads."},
    )
    text: str | None = field(
        default=None,
        metadata={
            **TEXT,
            "title": "Text",
            "description": "A .txt or .jsonl file, or a dataset on the Hub; by default the bundled text.",
        },
    )
    tokens: int | None = field(
        default=None,
        metadata={
            "ge": 1,
            "le": MAX_TOKENS,
            "title": "Max tokens",
            "description": "Number of scored tokens to stop after; by default all.",
        },
    )
    activations: str | None = field(
        default=None,
        metadata={
            **TEXT,
            "title": "Precomputed activations",
            "description": "File of activations of shape (n_tokens, d_in), used in place of model and text.",
        },
    )
    name: str | None = field(
        default=None,
        metadata={
            **NAME,
            "title": "URL name",
            "description": f"First part of the comparison's address: {NAME_CHARACTERS}; by default made from the SAEs' "
            "names.",
        },
    )
    dtype: Dtype = field(
        default="float32",
        metadata={
            "title": "Model precision",
            "description": "Precision of the model's forward pass; bfloat16 is faster on a GPU, less exact, and makes "
            "a separate comparison.",
        },
    )

    def __post_init__(self) -> None:
        if self.tokens is not None and not 1 <= self.tokens <= MAX_TOKENS:
            raise RequestError(f"tokens is {self.tokens}; expected 1 to {MAX_TOKENS:,}", field="tokens")
        if self.dtype not in DTYPES:
            raise RequestError(f"dtype is {self.dtype!r}; expected {' or '.join(DTYPES)}", field="dtype")
        if self.activations is None:
            return
        if self.model is not None or self.text is not None:
            raise RequestError("activations replace model and text; give one or the other", field="activations")
        if self.dtype != "float32":
            raise RequestError("dtype is the precision of the model, and activations need none; omit it", field="dtype")

    @property
    def command(self) -> list[str]:
        """The command line that repeats it."""
        options = ((f"--{name}", value) for name, value in given(self))
        return ["hedgescope", "compare", *(word for option in options for word in option)]


@dataclass(frozen=True)
class SaeRequest:
    """The registration of an SAE.

    Raises:
        RequestError: a field is invalid.
    """

    source: str = field(
        metadata={
            **TEXT,
            "title": "Source",
            "description": "A SAELens folder, or `release:sae_id` or `owner/repo:path` on the Hub.",
        }
    )
    name: str | None = field(
        default=None,
        metadata={
            **NAME,
            "title": "Name",
            "description": f"Name to register it under: {NAME_CHARACTERS}; by default the last part of its source.",
        },
    )
    matryoshka_widths: tuple[int, ...] | None = field(
        default=None,
        metadata={
            "max_length": 64,
            "title": "Matryoshka widths",
            "description": "Prefix widths, such as 128, 512, 2048; needed only where its files do not list them.",
        },
    )
    model: str | None = field(
        default=None,
        metadata={
            **TEXT,
            "title": "Model",
            "description": "Language model it reads; needed only where its files do not name it.",
        },
    )

    def __post_init__(self) -> None:
        for width in self.matryoshka_widths or ():
            if not 1 <= width <= MAX_WIDTH:
                message = f"matryoshka_widths has {width}; expected 1 to {MAX_WIDTH:,} for each"
                raise RequestError(message, field="matryoshka_widths")


@dataclass(frozen=True)
class InterventionRequest:
    """A randomised intervention on a stored comparison.

    Raises:
        RequestError: a field is invalid, or does not go with another one.
    """

    comparison: str = field(
        metadata={**TEXT, "title": "Comparison", "description": "Slug, or name, of a stored comparison."}
    )
    runs: int = field(
        default=8,
        metadata={
            "ge": 2,
            "le": 1000,
            "title": "Runs",
            "description": "Extended SAEs to train, an even number: each random half of the candidates, and the other.",
        },
    )
    add: int | None = field(
        default=None,
        metadata={
            "ge": 1,
            "le": MAX_WIDTH,
            "title": "Added latents",
            "description": "Reference latents that each run adds; by default up to 128.",
        },
    )
    tokens: int = field(
        default=400_000,
        metadata={"ge": 1, "le": MAX_TOKENS, "title": "Tokens", "description": "Tokens of each training."},
    )
    activations: str | None = field(
        default=None,
        metadata={
            **TEXT,
            "title": "Cached activations",
            "description": "Folder or .safetensors file of activations to train on; by default the comparison's model "
            "reads a text.",
        },
    )
    text: str | None = field(
        default=None,
        metadata={**TEXT, "title": "Text", "description": "Text for the model to read; by default the comparison's."},
    )
    batch_size: int = field(
        default=1024, metadata={"ge": 1, "le": 10**7, "title": "Batch size", "description": "Tokens a step."}
    )
    lr: float = field(default=3e-4, metadata={"gt": 0, "title": "Learning rate", "description": "Peak learning rate."})
    seed: int = field(
        default=0,
        metadata={"ge": 0, "le": 2**31 - 1, "title": "Seed", "description": "Of the splits and the batch orders."},
    )
    hold_budget: bool = field(
        default=False,
        metadata={
            "title": "Hold the budget",
            "description": "Keep k, instead of growing it by the firings of the added latents.",
        },
    )

    def __post_init__(self) -> None:
        if self.runs < 2 or self.runs % 2:
            raise RequestError(
                f"runs is {self.runs}; expected an even number, since each split is run with its other half",
                field="runs",
            )
        if not self.lr > 0:
            raise RequestError(f"lr is {self.lr}; expected a number above 0", field="lr")
        if self.tokens < self.batch_size:
            raise RequestError(
                f"tokens is {self.tokens}; expected at least one batch of {self.batch_size}: give more, or a smaller "
                "batch",
                field="tokens",
            )
        if self.activations is not None and self.text is not None:
            raise RequestError("activations replace the text; give one or the other", field="activations")

    @property
    def command(self) -> list[str]:
        """The command line that repeats it."""
        options = (
            (f"--{name.replace('_', '-')}", *(() if name == "hold_budget" else (value,))) for name, value in given(self)
        )
        return ["hedgescope", "intervene", *(word for option in options for word in option)]


JobRequest = ComparisonRequest | SaeRequest | InterventionRequest


def about(record: type[JobRequest]) -> dict[str, Mapping[str, Any]]:
    """Field -> its `title`, `description` and limits."""
    return {each.name: dict(each.metadata) for each in fields(record)}


def given(request: JobRequest) -> list[tuple[str, str]]:
    """The fields that were set, each as text, in the order of the record."""
    values = ((each.name, getattr(request, each.name), each.default) for each in fields(request))
    return [
        (name, ", ".join(map(str, value)) if isinstance(value, tuple) else str(value))
        for name, value, default in values
        if value != default
    ]
