"""What `/c/{slug}/prompt` shows."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from app.records import (
    ComparisonSummary,
    LatentDiagnosis,
    Side,
)
from app.web.live.prompt_records import PromptLatent
from app.web.pages.contexts.common import Frame


@dataclass(frozen=True)
class PromptChoice:
    """A latent among the strongest of a token.

    Attributes:
        activation: on this token.
        partners: its hedged partners in words; empty where it has none.
        url: the page with it chosen.
    """

    sae: Side
    index: int
    label: str
    activation: float
    diagnosis: LatentDiagnosis | None
    partners: str
    url: str


@dataclass(frozen=True)
class PromptRow:
    """A token of one's own text.

    Attributes:
        place: among the tokens, from 0.
        text: empty where the token holds only part of a character.
        activation, other: of the chosen latent and its main partner.
        strength, other_strength: colour steps, 0 … 10.
        narrow, reference: the strongest latents of each SAE, strongest first.
    """

    place: int
    text: str
    scored: bool
    activation: float
    other: float
    strength: int
    other_strength: int
    n_active_narrow: int
    n_active_reference: int
    narrow: tuple[PromptChoice, ...]
    reference: tuple[PromptChoice, ...]


@dataclass(frozen=True)
class PromptNotice:
    """Why there is no answer."""

    title: str
    detail: str


@dataclass(frozen=True)
class GridRow:
    """A latent over the tokens.

    Attributes:
        strip: a mark for each token on which it fires.
        pin_url: the page with it pinned, or unpinned if it is; None where there is no room for it.
    """

    latent: PromptLatent
    strip: Markup
    pin_url: str | None
    is_pinned: bool


@dataclass(frozen=True)
class PromptGrid:
    """Latents over the tokens: the pinned ones, or some of the most active.

    Attributes:
        head: the tokens' texts; None for too many tokens.
    """

    head: Markup | None
    rows: tuple[GridRow, ...]
    is_pinned: bool


@dataclass(frozen=True)
class PromptExample:
    """A text to begin with: `url` puts it into the box."""

    text: str
    url: str


@dataclass(frozen=True)
class PromptShown:
    """A latent that can be shown over the text.

    Attributes:
        pin_url: the page with it pinned to the grid, or unpinned; None where there is no room for it.
        partner: its main partner, where that fires on the text as well.
        largest: the activation that gets full colour.
    """

    latent: PromptLatent
    partner: PromptLatent | None
    largest: float
    pin_url: str | None
    is_pinned: bool


@dataclass(frozen=True)
class PromptPage:
    """One's own text, read by a comparison's model and both its SAEs.

    Attributes:
        text: what is in the box.
        chosen: the latent whose activations are shown over the text; None if none fires and none was requested.
        chosen_partner: its main partner, where it fires as well; shown with it.
        rows: the tokens; empty before a text was read.
        latents: those that `rows` name: each can be chosen in its turn.
        form_url: where the text is sent: with the chosen latent and the pins.
        shown: the chosen latent among `latents`; None where it is not shown over a text.
        grid: latents over the tokens; None before a text was read.
        examples: texts to begin with.
        notice: why there is no answer.
        read_by: model, hook, device and dtype in words; None before a text was read.
    """

    frame: Frame
    summary: ComparisonSummary
    text: str
    chosen: PromptLatent | None
    chosen_partner: PromptLatent | None
    rows: tuple[PromptRow, ...]
    latents: tuple[PromptShown, ...]
    form_url: str
    shown: PromptShown | None
    grid: PromptGrid | None
    examples: tuple[PromptExample, ...]
    notice: PromptNotice | None
    read_by: str | None
