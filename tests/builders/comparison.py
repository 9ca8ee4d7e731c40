"""A small comparison, scored by the program."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache

from app.records import (
    ComparisonBundle,
    ComparisonRequest,
    LatentDetail,
    LatentScores,
    LevelLink,
    LogitWeights,
    PairProfile,
    SideSummary,
    TokenWeight,
)
from tests.builders.saes import CREATED_AT
from tests.builders.text import VOCABULARY

MARKUP = "<script> alert(1) </script>"


def make_bundle(
    *,
    seed: int = 0,
    n_narrow: int = 24,
    n_reference: int = 60,
    name: str = "tiny",
    n_rows: int = 30,
    widths: tuple[int, ...] = (12, 60),
) -> ComparisonBundle:
    """A complete comparison of `n_narrow` latents with a Matryoshka SAE of `n_reference` latents.

    The program scores it once a process. The same arguments give the same bundle. All its iterables are tuples, so it
    can be read many times.

    Raises:
        ValueError: the last of `widths` is not `n_reference`.
    """
    if widths[-1] != n_reference:
        raise ValueError(f"widths end in {widths[-1]}; expected n_reference = {n_reference}")
    bundle = scored(seed, n_narrow, widths, n_rows)
    return bundle if name == bundle.summary.name else renamed(bundle, name)


@cache
def scored(seed: int, n_narrow: int, widths: tuple[int, ...], n_rows: int) -> ComparisonBundle:
    """The comparison named `tiny`, with what only a language model or a very wide SAE would give."""
    # Only here, since torch takes seconds to import.
    from tests.builders.scoring import bundle_of
    from tests.builders.world import make_world

    world = make_world(seed, n_narrow, widths, n_rows)
    request = ComparisonRequest(world.narrow.record.name, world.reference.record.name, name="tiny")
    bundle = bundle_of(world, request)
    return replace(
        bundle,
        summary=replace(bundle.summary, model_name="tiny-model", created_at=CREATED_AT),
        latents=tuple(with_stored_label(latent) for latent in bundle.latents),
        details=tuple(with_logits(detail) for detail in bundle.details),
        profiles=tuple(listed(profile, whole=profile.narrow_index % 2 == 0) for profile in bundle.profiles),
        level_links=with_parents(bundle, widths[0]),
    )


def renamed(bundle: ComparisonBundle, name: str) -> ComparisonBundle:
    """The comparison and its SAEs under other names, with other hashes."""
    old = bundle.summary
    hash_ = hashlib.sha256(f"{old.content_hash} {name}".encode()).hexdigest()
    narrow, reference = (renamed_side(side, old.name, name) for side in (old.narrow, old.reference))
    summary = replace(
        old,
        slug=f"{name}-{hash_[:12]}",
        name=name,
        content_hash=hash_,
        command=old.command.replace(old.name, name),
        narrow=narrow,
        reference=reference,
    )
    return replace(bundle, summary=summary)


def renamed_side(side: SideSummary, old: str, new: str) -> SideSummary:
    """A side whose SAE's name begins with another comparison's."""
    name = side.sae.name.replace(old, new)
    checksum = hashlib.sha256(name.encode()).hexdigest()
    return replace(side, sae=replace(side.sae, name=name, source=f"saes/{name}", checksum=checksum))


def with_parents(bundle: ComparisonBundle, n_inner: int) -> tuple[LevelLink, ...]:
    """Links of reference latents to one of the innermost level, which only an SAE trained with levels would have."""
    latents = {latent.index: latent for latent in bundle.latents if latent.sae == "reference"}
    links = []
    for child in list(latents)[n_inner::2]:
        parent = child % n_inner
        n_child, n_parent = latents[child].n_firings, latents[parent].n_firings
        n_both = min(n_child, n_parent) * 3 // 4
        if n_both:
            levels, counts = (latents[child].level, latents[parent].level), (n_both, n_child, n_parent)
            shares = n_both / n_child, n_both / n_parent
            links.append(LevelLink("reference", child, parent, 0, *levels, *counts, *shares, 0.5, 0.9))
    return tuple(links)


def with_stored_label(latent: LatentScores) -> LatentScores:
    """The latent with the symbol for NUL, as the store writes it; the first reference latent has markup."""
    label = MARKUP if (latent.sae, latent.index) == ("reference", 0) else latent.label.replace("\x00", "␀")
    return replace(latent, label=label)


def with_logits(detail: LatentDetail) -> LatentDetail:
    """The detail with logit weights, which only a language model could give."""
    first = detail.index % 9
    top = tuple(TokenWeight(token, 3.0 - 0.25 * k) for k, token in enumerate(VOCABULARY[first : first + 5]))
    bottom = tuple(TokenWeight(token, -3.0 + 0.25 * k) for k, token in enumerate(VOCABULARY[first + 9 : first + 14]))
    return replace(detail, logit_weights=LogitWeights(top, bottom))


def listed(profile: PairProfile, *, whole: bool) -> PairProfile:
    """The profile as it is, or as the program cuts it where the reference SAE is very wide: without many latents."""
    kept = [k for k, n_both in enumerate(profile.n_both) if whole or n_both or k % 3 == 0]
    return PairProfile(
        narrow_index=profile.narrow_index,
        indices=tuple(profile.indices[k] for k in kept),
        n_both=tuple(profile.n_both[k] for k in kept),
        decoder_cosine=tuple(profile.decoder_cosine[k] for k in kept),
        complete=whole,
    )
