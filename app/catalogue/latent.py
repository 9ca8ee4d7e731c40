"""The numbers of one latent: columns of the table, filters and exports."""

from __future__ import annotations

from app.catalogue.spec import PAPER, SPARSE_BUT_WRONG, ScoreSpec

LATENT_SPECS: tuple[ScoreSpec, ...] = (
    ScoreSpec("index", "Latent", "Index of the latent in its SAE, from 0.", "integer", minimum=0),
    ScoreSpec("sae", "SAE", "Which of the two SAEs: narrow or reference.", "text", sortable=False),
    ScoreSpec(
        "level",
        "Level",
        "Matryoshka level whose group holds the latent, 0 for the innermost; 0 in a plain SAE.",
        "integer",
        minimum=0,
        source="arXiv 2503.17547",
    ),
    ScoreSpec(
        "label",
        "Fires on",
        "The tokens at the latent's strongest contexts, most frequent first.",
        "text",
        limits="A hint for recognising the latent, not an explanation.",
        sortable=False,
    ),
    ScoreSpec(
        "hedging_score",
        "Hedging score",
        "How much of the latent's unit decoder row is not its own feature, as 1 - cos²: the larger of typical and "
        "refit hedging, the latter halved if the latent keeps its whole length in the refit.",
        minimum=0,
        maximum=1,
        source=f"this project, after {PAPER}",
        limits="Can't separate the feature from what always accompanies it and has no latent of its own in either SAE.",
    ),
    ScoreSpec(
        "hedging_score_low",
        "Hedging score, low",
        "Lower end of the score's 95 % interval, from a jackknife over four groups of rows.",
        minimum=0,
        maximum=1,
        limits="Covers the sampling of tokens only, not the choice of reference.",
    ),
    ScoreSpec(
        "hedging_score_high",
        "Hedging score, high",
        "Upper end of the score's 95 % interval, from a jackknife over four groups of rows.",
        minimum=0,
        maximum=1,
        limits="Covers the sampling of tokens only, not the choice of reference.",
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
    ),
    ScoreSpec(
        "decoder_hedging",
        "Decoder hedging",
        "Share of the latent's sparse decomposition on the reference decoder that lies outside the main partner.",
        minimum=0,
        maximum=1,
        source=f"this project, after {PAPER}",
        limits="Counts every component, co-firing or not.",
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
    ),
    ScoreSpec(
        "decomposition_residual",
        "Unexplained direction",
        "Share of the squared norm of the latent's unit decoder row that its decomposition leaves unexplained.",
        minimum=0,
        maximum=1,
    ),
    ScoreSpec(
        "max_decoder_cosine",
        "Decoder cosine",
        "Largest cosine between the latent's decoder row and that of any alive latent of the other SAE.",
        minimum=-1,
        maximum=1,
        limits="In many dimensions with many latents, chance alone gives a large best cosine: read the percentile too.",
    ),
    ScoreSpec(
        "max_decoder_cosine_percentile",
        "Cosine vs. chance",
        "Share of random isotropic directions whose best cosine against the same latents is smaller.",
        minimum=0,
        maximum=1,
    ),
    ScoreSpec(
        "max_decoder_cosine_data_percentile",
        "Cosine vs. data",
        "Share of random directions with the inputs' covariance whose best cosine against the same latents is smaller.",
        minimum=0,
        maximum=1,
    ),
    ScoreSpec(
        "max_decoder_cosine_index",
        "Nearest latent",
        "Latent of the other SAE with that largest cosine.",
        "integer",
        minimum=0,
        sortable=False,
    ),
    ScoreSpec(
        "mutual_best",
        "Mutual best",
        "Whether this latent is also its nearest latent's nearest latent.",
        "flag",
        sortable=False,
    ),
    ScoreSpec(
        "max_jaccard",
        "Activation overlap",
        "Largest Jaccard index between the latent's firings and those of any latent of the other SAE: tokens on which "
        "both fire over tokens on which either fires.",
        minimum=0,
        maximum=1,
    ),
    ScoreSpec(
        "max_jaccard_index",
        "Most overlapping latent",
        "Latent of the other SAE with that largest Jaccard index.",
        "integer",
        minimum=0,
        sortable=False,
    ),
    ScoreSpec(
        "c_dec",
        "c_dec",
        "Mean absolute cosine between the latent's decoder row and those of the other latents of its SAE.",
        minimum=0,
        maximum=1,
        source=SPARSE_BUT_WRONG,
        limits="Needs no reference; only a hint, since low L0 raises it too.",
    ),
    ScoreSpec(
        "main_partner",
        "Main partner",
        "Latent of the other SAE that carries the largest share of the decomposition (for a reference latent: the "
        "narrow latent in whose decomposition its share is largest).",
        "integer",
        minimum=0,
        sortable=False,
    ),
    ScoreSpec(
        "n_hedged_partners",
        "Hedged partners",
        "Reference latents other than the main partner that are mixed into the decoder row and co-fire accordingly.",
        "integer",
        minimum=0,
    ),
    ScoreSpec(
        "absorbed_by",
        "Absorbed by",
        "Reference latent that fires on most tokens where the latent misses its own feature but on few of the others, "
        "while the latent's encoder points away from it.",
        "integer",
        minimum=0,
        sortable=False,
    ),
    ScoreSpec(
        "diagnosis",
        "Diagnosis",
        "hedged (a score of at least 0.1), absorbed (another latent has taken over part of its tokens), novel (no "
        "match beyond chance), dead, or clean.",
        "text",
        limits="Right for most latents of worlds with known features, not for all: see the docs' validation table.",
    ),
    ScoreSpec("n_firings", "Firings", "Scored tokens on which the latent is active.", "integer", "tokens", 0),
    ScoreSpec("density", "Density", "Share of the scored tokens on which the latent is active.", minimum=0, maximum=1),
    ScoreSpec(
        "max_activation",
        "Max activation",
        "Largest activation, times the norm of the latent's decoder row.",
        unit="activation",
        minimum=0,
    ),
    ScoreSpec(
        "mean_activation",
        "Mean activation",
        "Mean of the non-zero activations, times the norm of the latent's decoder row.",
        unit="activation",
        minimum=0,
    ),
)


LATENT_FIELDS: dict[str, ScoreSpec] = {spec.name: spec for spec in LATENT_SPECS}
HEDGING_SCORE_PARTS: tuple[ScoreSpec, ...] = (LATENT_FIELDS["typical_hedging"], LATENT_FIELDS["refit_hedging"])
"""The numbers that the hedging score combines; its definition says how."""
