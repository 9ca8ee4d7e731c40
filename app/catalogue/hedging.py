"""The hedging scores of one latent, and what they are made of; a part of `LATENT_SPECS`."""

from __future__ import annotations

from app.catalogue.spec import NARROW, NARROW_ONLY, PAPER, ScoreSpec

HEDGING_SPECS: tuple[ScoreSpec, ...] = (
    ScoreSpec(
        "hedging_score",
        "Hedging score",
        "How much of the latent's unit decoder row is not its own feature, as 1 - cos²: the larger of typical and "
        "refit hedging, the latter halved if the latent keeps its whole length in the refit.",
        minimum=0,
        maximum=1,
        source=f"this project, after {PAPER}",
        limits="Can't separate the feature from what always accompanies it and has no latent of its own in either SAE.",
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
        "typical_hedging",
        "Typical hedging",
        "1 - cos² between the decoder row and the direction of the input on a typical token on which the latent fires, "
        "minus what the SAE's other latents account for.",
        minimum=0,
        maximum=1,
        source=f"this project, after {PAPER}",
        limits="Needs no reference; blind to what is present on every firing token, and to what excludes the latent.",
        undefined=NARROW_ONLY,
        page=NARROW,
    ),
    ScoreSpec(
        "refit_hedging",
        "Refit hedging",
        "1 - cos² between the decoder row and the latent's direction in a regression of the input on its activation "
        "and those of the latents that fire with it more or less often than chance, excluding its best match.",
        minimum=0,
        maximum=1,
        source=f"this project, after {PAPER}",
        limits="Relative to the reference: one that splits or merges the latent's feature can raise it.",
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
