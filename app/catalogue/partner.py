"""The numbers of a narrow latent and one of its partners."""

from __future__ import annotations

from app.catalogue.spec import ScoreSpec

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
    ScoreSpec("diagnosis", "Role", "main, hedged, absorbed, split or unexplained.", "text"),
)


PARTNER_FIELDS: dict[str, ScoreSpec] = {spec.name: spec for spec in PARTNER_SPECS}
