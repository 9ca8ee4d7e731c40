"""The numbers of an SAE, a level or a comparison."""

from __future__ import annotations

from app.catalogue.spec import SPARSE_BUT_WRONG, ScoreSpec

SUMMARY_SPECS: tuple[ScoreSpec, ...] = (
    ScoreSpec(
        "n_tokens",
        "Tokens",
        "Scored tokens; special tokens and the first token of each row are excluded.",
        "integer",
        "tokens",
        0,
    ),
    ScoreSpec(
        "l0",
        "L0",
        "Active latents per token, averaged over the scored tokens; for a level, latents of its group.",
        minimum=0,
        source=SPARSE_BUT_WRONG,
        limits="An L0 that is too low makes latents hedge too: read every score together with it.",
    ),
    ScoreSpec(
        "explained_variance",
        "Explained variance",
        "1 minus the squared error of the reconstruction over the variance of the activations, both summed over "
        "tokens and dimensions; for a level, by its whole prefix.",
        maximum=1,
        limits="Negative where the reconstruction is worse than the mean activation.",
    ),
    ScoreSpec("n_dead", "Dead latents", "Latents that never fired on the scored tokens.", "integer", "latents", 0),
    ScoreSpec(
        "n_hedged",
        "Hedged latents",
        "Narrow latents diagnosed as hedged.",
        "integer",
        "latents",
        0,
        limits="Relative to the reference SAE.",
    ),
    ScoreSpec(
        "n_scored",
        "Scored latents",
        "Narrow latents that have a hedging score; each of the others gives the reason why it has none.",
        "integer",
        "latents",
        0,
    ),
    ScoreSpec(
        "mean_hedging_score",
        "Mean hedging score",
        "Mean hedging score over the scored latents of the level's group.",
        minimum=0,
        maximum=1,
    ),
    ScoreSpec("width", "Prefix width", "Latents of this level and all inner ones.", "integer", "latents", 1),
    ScoreSpec("n_latents", "Group", "Latents that are new at this level.", "integer", "latents", 0),
    ScoreSpec(
        "null_q95",
        "Chance level",
        "95th percentile of the best cosine that random isotropic directions reach against the reference's alive "
        "latents.",
        minimum=-1,
        maximum=1,
        limits="Decoder rows are not isotropic, so real latents exceed it more easily than random ones.",
    ),
)


SUMMARY_FIELDS: dict[str, ScoreSpec] = {spec.name: spec for spec in SUMMARY_SPECS}
