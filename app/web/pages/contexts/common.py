"""What several pages show: frame, crumbs, filters, tokens, neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.records import (
    LatentDiagnosis,
    Side,
)


@dataclass(frozen=True)
class Crumb:
    """A page above this one."""

    text: str
    href: str


@dataclass(frozen=True)
class Frame:
    """What every page has.

    Attributes:
        title: of the document, and for share previews.
        description: one sentence, for share previews.
        crumbs: the pages above, outermost first.
        json_url: its `.json` twin.
        api_url: the same in the API; None where the API has no such resource.
        embed: whether the page is shown without header and footer, inside another page.
        version: of the program.
        slug: of the comparison that the page belongs to; the search box searches it.
        list_url: a list with this page's latent; None where the page is not about one.
        image_url: absolute address of the picture that a link to it shows in chats; None for none.
        warning: what every page of a comparison says first; None for nothing.
    """

    title: str
    description: str
    crumbs: tuple[Crumb, ...]
    json_url: str
    api_url: str | None
    embed: bool
    version: str
    warning: str | None = None
    slug: str | None = None
    list_url: str | None = None
    image_url: str | None = None


@dataclass(frozen=True)
class FilterChip:
    """One filter in force: what it says, and the page without it."""

    text: str
    without: str


@dataclass(frozen=True)
class FacetValue:
    """A value of a facet.

    Attributes:
        text: the value in words; `undefined`, where the field is.
        count: latents that have it and pass the filters of other fields.
        url: the page with only these latents; where `chosen`, without this filter.
    """

    text: str
    count: int
    url: str
    chosen: bool
    undefined: bool


@dataclass(frozen=True)
class Facet:
    """A field with few values, and how many latents have each."""

    field: str
    title: str
    values: tuple[FacetValue, ...]


@dataclass(frozen=True)
class FilterField:
    """An input of a filter form.

    Attributes:
        parameter: name of the query parameter.
        label: of the input.
        kind: `number`, or `choice` among `options`.
        value: as in the URL; empty where not set.
        step: of a number input: `any`, or `1` for whole numbers.
    """

    parameter: str
    label: str
    kind: Literal["number", "choice"]
    value: str
    step: str = "any"
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class FilterForm:
    """A form whose inputs are query parameters; `hidden` are the parameters that it keeps as they are."""

    action: str
    fields: tuple[FilterField, ...]
    hidden: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ShownToken:
    """A token of a context, with the activation of the latent and of the one it is compared with.

    Attributes:
        text: empty where the token holds only part of a character.
        activation, other: activations; `other` is None if there is only one latent.
        strength, other_strength: colour steps, 0 … 10.
        centre: whether the context is about this token.
    """

    text: str
    activation: float
    other: float | None
    strength: int
    other_strength: int
    centre: bool


@dataclass(frozen=True)
class ShownContext:
    """A stretch of tokens; `tokens` is empty where the comparison keeps no text."""

    row: int
    position: int
    activation: float
    other: float | None
    tokens: tuple[ShownToken, ...]


@dataclass(frozen=True)
class NearLatent:
    """A neighbour of a latent by decoder cosine, or a place before or after it in an order."""

    sae: Side
    index: int
    label: str
    diagnosis: LatentDiagnosis | None
    decoder_cosine: float | None = None
