"""What a comparison is requested by; see `app.records.request`."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.errors import RequestError
from app.records.request_fields import DTYPES, MAX_CONTEXT, MAX_TOKENS, NAME, NAME_CHARACTERS, TEXT, Dtype, options_of


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

    hook: str | None = field(
        default=None,
        metadata={
            **TEXT,
            "title": "Hook",
            "description": "Where both SAEs read the model; needed only where their files do not name it.",
        },
    )
    context_length: int | None = field(
        default=None,
        metadata={
            "ge": 2,
            "le": MAX_CONTEXT,
            "title": "Context length",
            "description": "Tokens per row that the model reads; by default as in the narrow SAE's training, else 128.",
        },
    )
    bos: bool | None = field(
        default=None,
        metadata={
            "title": "Beginning-of-sequence token",
            "description": "Whether each row begins with it; by default as in the narrow SAE's training, else it does.",
        },
    )
    control_tokens: bool = field(
        default=False,
        metadata={
            "title": "Control tokens",
            "description": "Read control tokens that the text spells out, such as those of a chat, as such and leave "
            "them unscored; by default they are plain text.",
        },
    )
    allow_mismatch: bool = field(
        default=False,
        metadata={
            "title": "Allow a mismatch",
            "description": "Compare SAEs of different hooks or models all the same; every page of the comparison says "
            "so.",
        },
    )

    def __post_init__(self) -> None:
        if self.tokens is not None and not 1 <= self.tokens <= MAX_TOKENS:
            raise RequestError(f"tokens is {self.tokens}; expected 1 to {MAX_TOKENS:,}", field="tokens")
        if self.dtype not in DTYPES:
            raise RequestError(f"dtype is {self.dtype!r}; expected {' or '.join(DTYPES)}", field="dtype")
        if self.context_length is not None and not 2 <= self.context_length <= MAX_CONTEXT:
            raise RequestError(
                f"context_length is {self.context_length}; expected 2 to {MAX_CONTEXT:,}", field="context_length"
            )
        if self.activations is not None:
            self._check_activations()

    def _check_activations(self) -> None:
        if self.model is not None or self.text is not None:
            raise RequestError("activations replace model and text; give one or the other", field="activations")
        if self.dtype != "float32":
            raise RequestError("dtype is the precision of the model, and activations need none; omit it", field="dtype")
        for name in ("context_length", "bos", "control_tokens"):
            if getattr(self, name):
                raise RequestError(f"{name} is about a text, and activations replace it; omit it", field=name)

    @property
    def command(self) -> list[str]:
        """The command line that repeats it."""
        return ["hedgescope", "compare", *options_of(self)]
