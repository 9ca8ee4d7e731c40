"""A live prompt: run by the worker, joined with what the comparison knows about the latents that fire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from app.errors import PromptError, QueryError
from app.inference.client import Inference
from app.inference.wire import LatentRef, PromptAnswer, PromptRequest, SideAnswer, too_long
from app.records import ComparisonSummary, LatentScores, Partner, Side
from app.records.sides import SIDES, other_side
from app.serving.leaving import unless_left
from app.store import read
from app.web.live.prompt_records import (
    ActiveLatent,
    PromptLatent,
    PromptPartner,
    PromptResult,
    PromptToken,
    TokenActivation,
)
from app.web.shared.latents import Latents, latents_by_index

SHOWN_PARTNERS = ("main", "hedged")


async def read_prompt(
    request: Request,
    inference: Inference,
    engine: Engine,
    summary: ComparisonSummary,
    text: str,
    *,
    top: int = 5,
    latents: Sequence[LatentRef] = (),
) -> PromptResult:
    """Run a model and both SAEs on a text. When the client leaves, the closed connection cancels the worker's part.

    Args:
        request: the client's, its body read already.
        top: latents given for each token and SAE.
        latents: latents whose activations are returned wherever they fire.

    Raises:
        QueryError: the SAE does not have a requested latent.
        PromptError, WorkerError: there is no answer; the message has the reason.
        ClientDisconnect: the client has left.
    """
    if reason := too_long(text):
        raise PromptError(reason)
    for ref in latents:
        check_latent(summary, ref.sae, ref.index)
    prompt = PromptRequest(slug=summary.slug, text=text, top=top, latents=tuple(latents))
    answer = await unless_left(request, inference.prompt(prompt))
    return await run_in_threadpool(joined, engine, summary, answer)


def check_latent(summary: ComparisonSummary, side: Side, index: int) -> None:
    """Refuse a latent that the SAE does not have. Raises QueryError."""
    last = (summary.narrow if side == "narrow" else summary.reference).sae.d_sae - 1
    if not 0 <= index <= last:
        raise QueryError(f"no latent {index} in the {side} SAE; valid: 0 to {last}", parameter="latents")


def joined(engine: Engine, summary: ComparisonSummary, answer: PromptAnswer) -> PromptResult:
    """The worker's answer with labels, diagnoses and partners from the store."""
    slug = summary.slug
    answers: Mapping[Side, SideAnswer] = {"narrow": answer.narrow, "reference": answer.reference}
    known = {side: latents_by_index(engine, slug, side, answers[side].latents) for side in SIDES}
    partners = {side: read.partners_among(engine, slug, side, answers[side].latents, SHOWN_PARTNERS) for side in SIDES}
    for side in SIDES:
        named = {_index(partner, other_side(side)) for partner in partners[side]} - set(known[other_side(side)])
        known[other_side(side)] |= latents_by_index(engine, slug, other_side(side), named)
    return PromptResult(
        slug=slug,
        model_name=summary.model_name,
        hook_name=summary.hook_name,
        device=answer.device,
        dtype=answer.dtype,
        n_tokens=len(answer.tokens),
        tokens=tuple(_tokens(answer)),
        latents=tuple(latent for side in SIDES for latent in _latents(side, answers[side], known, partners[side])),
    )


def _tokens(answer: PromptAnswer) -> Iterator[PromptToken]:
    narrow, reference = _strongest(answer.narrow), _strongest(answer.reference)
    for place, (text, scored) in enumerate(zip(answer.tokens, answer.scored, strict=True)):
        yield PromptToken(
            text=text,
            scored=scored,
            n_active_narrow=answer.narrow.n_active[place],
            n_active_reference=answer.reference.n_active[place],
            narrow=narrow[place],
            reference=reference[place],
        )


def _strongest(side: SideAnswer) -> list[tuple[ActiveLatent, ...]]:
    """The strongest latents of each token."""
    pairs = [ActiveLatent(*pair) for pair in zip(side.strongest_index, side.strongest_activation, strict=True)]
    return [tuple(pairs[start:stop]) for start, stop in pairwise(accumulate(side.n_strongest, initial=0))]


def _latents(
    side: Side, answer: SideAnswer, known: Mapping[Side, Latents], partners: Sequence[Partner]
) -> Iterator[PromptLatent]:
    firings = [TokenActivation(*pair) for pair in zip(answer.firing_token, answer.firing_activation, strict=True)]
    of_latent: dict[int, list[Partner]] = {}
    for partner in partners:
        of_latent.setdefault(_index(partner, side), []).append(partner)
    others = known[other_side(side)]
    bounds = pairwise(accumulate(answer.n_firings, initial=0))
    for index, (start, stop) in zip(answer.latents, bounds, strict=True):
        latent = known[side].get(index)
        if latent is not None:
            yield _latent(latent, of_latent.get(index, []), others, tuple(firings[start:stop]))


def _latent(
    latent: LatentScores, partners: Sequence[Partner], others: Latents, firings: tuple[TokenActivation, ...]
) -> PromptLatent:
    shown = ((_index(partner, other_side(latent.sae)), partner) for partner in partners)
    return PromptLatent(
        sae=latent.sae,
        index=latent.index,
        label=latent.label,
        diagnosis=latent.diagnosis,
        hedging_score=latent.hedging_score,
        max_activation=latent.max_activation,
        partners=tuple(
            PromptPartner(
                index,
                others[index].label if index in others else "",
                partner.diagnosis,
                partner.share,
                partner.decoder_cosine,
            )
            for index, partner in shown
        ),
        firings=firings,
    )


def _index(partner: Partner, side: Side) -> int:
    return partner.narrow_index if side == "narrow" else partner.index
