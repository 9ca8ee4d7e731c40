"""Records: what is stored and shown, as plain frozen dataclasses without torch or SQLAlchemy.

A number that can be undefined is `float | None`; the latent's `reasons` say why it is None, under
the field's name. Never NaN, never -1 for "no value".
"""

from app.records.bundle import ComparisonBundle, TextRow
from app.records.cells import CellContext, CorrectedRow, FiringCells, Plane, PlanePoint
from app.records.comparison import ComparisonSummary, LevelSummary, NullSummary, SideSummary
from app.records.degree import DegreeRecord, LatentDegree
from app.records.intervention import (
    Budget,
    Candidate,
    FallSummary,
    InterventionRecord,
    InterventionRun,
    InterventionSettings,
    InterventionSummary,
    LatentRelease,
    PairRelease,
    RankFigure,
)
from app.records.lab import ToyLab, ToyResult
from app.records.label import LabelSource, OtherLabel
from app.records.latent import (
    Context,
    LatentDetail,
    LatentDiagnosis,
    LatentScores,
    LogHistogram,
    LogitWeights,
    Neighbour,
    TokenWeight,
)
from app.records.level_link import LevelLink
from app.records.pair import FiringTable, Overlap, PairContext, PairDetail, PairProfile, Partner, PartnerDiagnosis
from app.records.preflight import Preflight
from app.records.request import DTYPES, ComparisonRequest, Dtype, InterventionRequest, SaeRequest
from app.records.rows import RowRules
from app.records.sae import SaeRecord, WidthsSource
from app.records.sides import SIDES, BySide, Side, other_side
from app.records.validation import Aim, CheckResult, CheckTable

__all__ = [
    "DTYPES",
    "SIDES",
    "Aim",
    "Budget",
    "BySide",
    "Candidate",
    "CellContext",
    "CheckResult",
    "CheckTable",
    "ComparisonBundle",
    "ComparisonRequest",
    "ComparisonSummary",
    "Context",
    "CorrectedRow",
    "DegreeRecord",
    "Dtype",
    "FallSummary",
    "FiringCells",
    "FiringTable",
    "InterventionRecord",
    "InterventionRequest",
    "InterventionRun",
    "InterventionSettings",
    "InterventionSummary",
    "LabelSource",
    "LatentDegree",
    "LatentDetail",
    "LatentDiagnosis",
    "LatentRelease",
    "LatentScores",
    "LevelLink",
    "LevelSummary",
    "LogHistogram",
    "LogitWeights",
    "Neighbour",
    "NullSummary",
    "OtherLabel",
    "Overlap",
    "PairContext",
    "PairDetail",
    "PairProfile",
    "PairRelease",
    "Partner",
    "PartnerDiagnosis",
    "Plane",
    "PlanePoint",
    "Preflight",
    "RankFigure",
    "RowRules",
    "SaeRecord",
    "SaeRequest",
    "Side",
    "SideSummary",
    "TextRow",
    "TokenWeight",
    "ToyLab",
    "ToyResult",
    "WidthsSource",
    "other_side",
]
