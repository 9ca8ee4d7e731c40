"""What goes between the pages and the inference worker, as JSON; both sides read it with these models."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, model_validator

from app.records import Preflight, Side

TEXT_BYTES_MAX = 1 << 20
"""A text longer than this in UTF-8 is refused unread: splitting a megabyte into tokens takes about a second."""

BODY_BYTES_MAX = 6 * TEXT_BYTES_MAX + 65_536
"""Of a request: JSON may write a byte of text as six (`\\u0001`)."""

TOP_MAX = 20

VECTORS_MAX = 256
"""Latents whose weights are sent at once: 5 MB at a `d_in` of 2,304."""

Index = Annotated[int, Field(ge=0, lt=2**31)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Message(BaseModel):
    """Base of all: immutable, without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def too_long(text: str) -> str | None:
    """Why a text has too many bytes to be read, with both numbers; None where it is short enough."""
    n_bytes = len(text.encode())
    return (
        f"the text has {n_bytes:,} bytes in UTF-8; at most {TEXT_BYTES_MAX:,} are read"
        if n_bytes > TEXT_BYTES_MAX
        else None
    )


class LatentRef(Message):
    """A latent of one of a comparison's SAEs."""

    sae: Side
    index: Index


class PromptRequest(Message):
    """A text to be read by a comparison's model and both its SAEs.

    Attributes:
        slug: of the comparison, whole.
        text: never stored, never logged.
        top: latents given for each token and SAE, the strongest.
        latents: latents whose activations are wanted on every token, also where they are not among the strongest.
    """

    slug: str = Field(max_length=400)
    text: str = Field(repr=False)
    top: int = Field(default=5, ge=1, le=TOP_MAX)
    latents: tuple[LatentRef, ...] = Field(default=(), max_length=16)


class SideAnswer(Message):
    """One SAE on the text; lists of equal things stand one after another, cut by the counts.

    Attributes:
        n_active: active latents of each token; 0 where the token is not scored.
        n_strongest: for each token, how many of `strongest_*` are its own.
        strongest_index, strongest_activation: the strongest active latents of each token, strongest first.
        latents: the requested ones and all that `strongest_index` names, ascending.
        n_firings: for each of `latents`, how many of `firing_*` are its own.
        firing_token, firing_activation: the tokens each of `latents` fires on, in order.
    """

    n_active: tuple[Index, ...]
    n_strongest: tuple[Index, ...]
    strongest_index: tuple[Index, ...]
    strongest_activation: tuple[Positive, ...]
    latents: tuple[Index, ...]
    n_firings: tuple[Index, ...]
    firing_token: tuple[Index, ...]
    firing_activation: tuple[Positive, ...]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        n_strongest, n_firings = sum(self.n_strongest), sum(self.n_firings)
        lengths = [
            (len(self.n_strongest), len(self.n_active)),
            (len(self.n_firings), len(self.latents)),
            (len(self.strongest_index), n_strongest),
            (len(self.strongest_activation), n_strongest),
            (len(self.firing_token), n_firings),
            (len(self.firing_activation), n_firings),
        ]
        if any(found != expected for found, expected in lengths):
            raise ValueError("lists and counts do not fit together")
        if any(token >= len(self.n_active) for token in self.firing_token):
            raise ValueError("a firing is on a token that is not there")
        return self


class PromptAnswer(Message):
    """A text as the model and both SAEs read it.

    Attributes:
        tokens: as they are shown: joined, they read as the text, after the token that starts it.
        scored: which of them are: the first and special tokens are not.
        device, dtype: of the model's forward pass.
    """

    tokens: tuple[str, ...] = Field(repr=False)
    scored: tuple[bool, ...]
    narrow: SideAnswer
    reference: SideAnswer
    device: str
    dtype: str

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not len(self.tokens) == len(self.scored) == len(self.narrow.n_active) == len(self.reference.n_active):
            raise ValueError("tokens and activations do not fit together")
        return self


class VectorsRequest(Message):
    """Weights of latents next to each other.

    Attributes:
        slug: of the comparison, whole.
        sae: whose latents.
        start: index of the first.
        n: how many.
    """

    slug: str = Field(max_length=400)
    sae: Side
    start: Index
    n: int = Field(ge=1, le=VECTORS_MAX)


class VectorsAnswer(Message):
    """Their weights, as SAELens has them after loading; arrays of little-endian float32, one row a latent.

    Attributes:
        d_in: length of a row.
        decoder, encoder: `[n, d_in]`.
        encoder_bias: `[n]`; None for an architecture without one.
    """

    d_in: int = Field(ge=1)
    decoder: Base64Bytes = Field(repr=False)
    encoder: Base64Bytes = Field(repr=False)
    encoder_bias: Base64Bytes | None = Field(repr=False)


class JobQuestion(Message):
    """A job that is to be looked at before it is accepted.

    Attributes:
        kind: of job.
        request: its fields, as in the body of `POST /jobs`.
    """

    kind: Literal["comparison", "sae", "intervention"]
    request: dict[str, Any]


class JobAnswer(Message):
    """What is known of a job."""

    preflight: Preflight


class Held(Message):
    """A model or an SAE in the worker's memory; `last_used_s` seconds ago."""

    kind: Literal["model", "sae"]
    name: str
    n_bytes: int
    last_used_s: float


class Capabilities(Message):
    """What a worker can do, and what it is doing."""

    version: str
    device: str
    dtype: str
    prompt_tokens_max: int
    batch_tokens: int
    batch_prompts: int
    memory_budget_bytes: int
    held: tuple[Held, ...]
    waiting_prompts: int
    waiting_tokens: int


class Health(Message):
    """That the worker answers."""

    status: Literal["ok"]
    version: str


class Failure(Message):
    """Why the worker did not answer a request.

    Attributes:
        kind: `prompt` for what is wrong with the prompt, `not-found` for an unknown comparison, `busy`, `model` and
            `sae` for what can't be loaded or doesn't fit, `request` for a malformed request, `secret`, `internal`.
        detail: in one line, for people; holds nothing of the text and no path.
        retry_after_s: with `busy`.
    """

    kind: Literal["prompt", "not-found", "busy", "model", "sae", "request", "secret", "store", "internal"]
    detail: str
    parameter: str | None = None
    retry_after_s: int | None = None
