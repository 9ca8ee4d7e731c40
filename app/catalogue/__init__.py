"""Every number shown to people, declared once; the API, the pages and the docs read it here."""

from app.catalogue.latent import LATENT_FIELDS, LATENT_SPECS, SCORING_VERSION
from app.catalogue.partner import HEDGING_SCORE_PARTS, PARTNER_FIELDS, PARTNER_SPECS
from app.catalogue.spec import PAPER, SPARSE_BUT_WRONG, Kind, ScoreSpec
from app.catalogue.summary import SUMMARY_FIELDS, SUMMARY_SPECS

__all__ = [
    "HEDGING_SCORE_PARTS",
    "LATENT_FIELDS",
    "LATENT_SPECS",
    "PAPER",
    "PARTNER_FIELDS",
    "PARTNER_SPECS",
    "SCORING_VERSION",
    "SPARSE_BUT_WRONG",
    "SUMMARY_FIELDS",
    "SUMMARY_SPECS",
    "Kind",
    "ScoreSpec",
]
