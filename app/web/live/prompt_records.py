"""Answers to live prompts, for API and pages. They are written as they are, with fields in this order."""

from __future__ import annotations

from dataclasses import dataclass

from app.records import LatentDiagnosis, Side


@dataclass(frozen=True)
class ActiveLatent:
    """A latent that fires on a token.

    Attributes:
        activation: times the norm of its decoder row, as everywhere here.
    """

    index: int
    activation: float


@dataclass(frozen=True)
class PromptToken:
    """A token of a live prompt.

    Attributes:
        text: as it is shown: joined, all tokens after the first read as the text.
        scored: whether it is scored; the first token and special tokens are not, and have no latents here.
        n_active_narrow, n_active_reference: latents of each SAE that fire on it.
        narrow, reference: the strongest of them, strongest first.
    """

    text: str
    scored: bool
    n_active_narrow: int
    n_active_reference: int
    narrow: tuple[ActiveLatent, ...]
    reference: tuple[ActiveLatent, ...]


@dataclass(frozen=True)
class TokenActivation:
    """A token on which a latent fires.

    Attributes:
        token: its place among the tokens, from 0.
        activation: of the latent there.
    """

    token: int
    activation: float


@dataclass(frozen=True)
class PromptPartner:
    """A partner of a latent: in the other SAE, main or named.

    Attributes:
        index: of the latent of the other SAE.
        label: the tokens that it fires on most strongly.
        diagnosis: `main` or `hedged`, as stored with the comparison.
        share: of the narrow latent's decomposition, in [0, 1].
    """

    index: int
    label: str
    diagnosis: str
    share: float
    decoder_cosine: float


@dataclass(frozen=True)
class PromptLatent:
    """A latent that fires on a live prompt, with what the comparison knows about it.

    Attributes:
        label: the tokens that it fires on most strongly.
        sae: its SAE.
        diagnosis: as stored with the comparison; null if it has none.
        hedging_score: of a narrow latent; null if it has none, and for a reference latent.
        max_activation: the largest on the comparison's text; null if it never fired there.
        partners: its main and named partners: of a narrow latent reference latents, of a reference latent the narrow
            latents that it is mixed into.
        firings: all tokens of the prompt on which it fires, in order.
    """

    sae: Side
    index: int
    label: str
    diagnosis: LatentDiagnosis | None
    hedging_score: float | None
    max_activation: float | None
    partners: tuple[PromptPartner, ...]
    firings: tuple[TokenActivation, ...]


@dataclass(frozen=True)
class PromptResult:
    """A text, run through a comparison's model and both its SAEs in one forward pass. Nothing of it is kept.

    Attributes:
        slug: of the comparison.
        device, dtype: of the model's forward pass.
        n_tokens: of the text, with the one that starts it.
        tokens: all of them, in order.
        latents: those that `tokens` names, and the requested ones.
    """

    slug: str
    model_name: str | None
    hook_name: str | None
    device: str
    dtype: str
    n_tokens: int
    tokens: tuple[PromptToken, ...]
    latents: tuple[PromptLatent, ...]
