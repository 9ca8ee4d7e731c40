"""The hedging scores of one latent, and what they are made of; a part of `LATENT_SPECS`."""

from __future__ import annotations

from app.catalogue.spec import NARROW, NARROW_ONLY, PAPER, ScoreSpec

HEDGING_SPECS: tuple[ScoreSpec, ...] = (
    ScoreSpec(
        "hedging_score",
        "Hedging score",
        "How much of the latent's unit decoder row is made of reference latents other than its own: the sum of the "
        "mixed masses of its named partners, as a share of the squared length.",
        minimum=0,
        maximum=1,
        source=f"this project, after {PAPER}",
        limits="Relative to the reference: what the reference mixes too, or has no latent for, is not seen. Holds "
        "merging as well as hedging.",
        undefined=NARROW_ONLY,
        page=NARROW,
        table=NARROW,
    ),
    ScoreSpec(
        "hedging_score_low",
        "Hedging score, low",
        "Lower end of the score's 95 % interval, from a jackknife over four groups of rows.",
        minimum=0,
        maximum=1,
        limits="Covers the sampling of tokens only, not the choice of reference.",
        undefined=NARROW_ONLY,
    ),
    ScoreSpec(
        "hedging_score_high",
        "Hedging score, high",
        "Upper end of the score's 95 % interval, from a jackknife over four groups of rows.",
        minimum=0,
        maximum=1,
        limits="Covers the sampling of tokens only, not the choice of reference.",
        undefined=NARROW_ONLY,
    ),
    ScoreSpec(
        "hedging_chance",
        "Chance level",
        "95 % point of the hedging scores that latents of similar density get with the decoder row of another one.",
        minimum=0,
        maximum=1,
        undefined=NARROW_ONLY,
        page=NARROW,
    ),
    ScoreSpec(
        "merged_mass",
        "Merged part",
        "Part of the hedging score that lies with partners on which the latent fires by itself: at least a quarter of "
        "the tokens with the partner and without the main one, and three times as often as elsewhere.",
        minimum=0,
        maximum=1,
        limits="A hint, since a latent that hedges fires on the feature that it mixes in too.",
        undefined=NARROW_ONLY,
        page=NARROW,
    ),
    ScoreSpec(
        "decoder_hedging",
        "Decoder hedging",
        "Share of the latent's sparse decomposition on the reference decoder that lies outside the main partner.",
        minimum=0,
        maximum=1,
        source=f"this project, after {PAPER}",
        limits="Counts every component, co-firing or not.",
        undefined=NARROW_ONLY,
        page=NARROW,
        table=NARROW,
    ),
    ScoreSpec(
        "activation_hedging",
        "Activation hedging",
        "Share of the latent's activation variance explained by reference latents that lies with partners other "
        "than the main one.",
        minimum=0,
        maximum=1,
        source=f"this project, after {PAPER}",
        limits="A split reference feature looks like hedging here.",
        undefined=NARROW_ONLY,
        page=NARROW,
        table=NARROW,
    ),
    ScoreSpec(
        "decomposition_residual",
        "Unexplained direction",
        "Share of the squared norm of the latent's unit decoder row that its decomposition leaves unexplained.",
        minimum=0,
        maximum=1,
        undefined=NARROW_ONLY,
        page=NARROW,
    ),
)
