"""The numbers of a narrow latent and one of its partners."""

from __future__ import annotations

from app.catalogue.spec import PAPER, ScoreSpec

PARTNER_SPECS: tuple[ScoreSpec, ...] = (
    ScoreSpec("index", "Reference latent", "Index of the reference latent.", "integer", minimum=0),
    ScoreSpec("level", "Level", "Its Matryoshka level, 0 for the innermost.", "integer", minimum=0),
    ScoreSpec("decoder_cosine", "Decoder cosine", "Cosine between the two decoder rows.", minimum=-1, maximum=1),
    ScoreSpec(
        "weight",
        "Weight",
        "Coefficient of the reference's unit decoder row in the narrow latent's sparse decomposition.",
    ),
    ScoreSpec("share", "Share", "Share of the explained part of the decomposition.", minimum=0, maximum=1),
    ScoreSpec(
        "activation_share",
        "Activation share",
        "Share of the narrow latent's activation variance that its partners' activations explain.",
        minimum=0,
        maximum=1,
    ),
    ScoreSpec("n_both", "Both fire", "Tokens on which both latents are active.", "integer", "tokens", 0),
    ScoreSpec(
        "jaccard", "Jaccard", "Tokens on which both fire over tokens on which either fires.", minimum=0, maximum=1
    ),
    ScoreSpec(
        "p_j_given_i",
        "P(j|i)",
        "Share of the narrow latent's firings on which the reference latent fires.",
        minimum=0,
        maximum=1,
    ),
    ScoreSpec(
        "p_i_given_j",
        "P(i|j)",
        "Share of the reference latent's firings on which the narrow latent fires.",
        minimum=0,
        maximum=1,
    ),
    ScoreSpec("lift", "Lift", "n_both over its expected value if the two fired independently.", minimum=0),
    ScoreSpec("phi", "phi", "Correlation between the two firing indicators.", minimum=-1, maximum=1),
    ScoreSpec("z", "z", "Standard score of n_both if the two fired independently (hypergeometric)."),
    ScoreSpec(
        "mixed_mass",
        "Mixed mass",
        "Share of the narrow row's squared length that the reference row makes up: the larger of composition and "
        "residual mass. The hedging score is the sum over all partners that have one.",
        minimum=0,
        maximum=1,
        source=f"this project, after {PAPER}",
    ),
    ScoreSpec(
        "mixed_mass_low", "Mixed mass, low", "Lower end of its 95 % interval, a jackknife over four groups of rows."
    ),
    ScoreSpec(
        "mixed_mass_high", "Mixed mass, high", "Upper end of its 95 % interval, a jackknife over four groups of rows."
    ),
    ScoreSpec(
        "composition_mass",
        "Composition",
        "Mass of the reference row in a ridge regression of the narrow row on reference rows, each with a prior from "
        "what the activations say of the pair.",
        minimum=0,
        maximum=1,
    ),
    ScoreSpec(
        "residual_mass",
        "Residual evidence",
        "Mass that both SAEs' reconstruction errors point to: the reconstruction is too long along the reference row "
        "where the narrow latent fires and the reference latent is silent.",
        minimum=0,
        maximum=1,
    ),
    ScoreSpec("q_value", "q", "False discovery rate at which its evidence is significant.", minimum=0, maximum=1),
    ScoreSpec(
        "p_i_given_j_own_silent",
        "P(i|j, main silent)",
        "Share of the tokens with the reference latent and without the main partner on which the narrow latent fires.",
        minimum=0,
        maximum=1,
        limits="High for merging and for hedging that pulls the encoder along.",
    ),
    ScoreSpec(
        "n_own_silent",
        "Main silent",
        "Sampled tokens with the reference latent and without the main partner.",
        "integer",
        "tokens",
        0,
    ),
    ScoreSpec("diagnosis", "Role", "main, hedged, absorbed, split or unexplained.", "text"),
)


PARTNER_FIELDS: dict[str, ScoreSpec] = {spec.name: spec for spec in PARTNER_SPECS}

HEDGING_SCORE_PARTS: tuple[ScoreSpec, ...] = tuple(
    PARTNER_FIELDS[name] for name in ("mixed_mass", "composition_mass", "residual_mass")
)
"""What the hedging score is made of, partner by partner."""
