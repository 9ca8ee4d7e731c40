"""What an intervention trains on: cached activations, or those of the comparison's model reading a text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from app.activations.cache import CachedActivations, cache_activations
from app.activations.language_model import ModelShelf
from app.activations.text import read_text
from app.activations.tokenize import tokenize
from app.errors import ActivationsError, SaeError
from app.paths import resource
from app.pipeline.source import BUNDLED_TEXT
from app.progress import Progress
from app.records import ComparisonSummary, InterventionRequest, RowRules


@dataclass(frozen=True)
class TrainingActivations:
    """Activations, and what they are of.

    Attributes:
        batches: the activations.
        name: of the file, folder or text they come from.
    """

    batches: CachedActivations
    name: str


def open_training_activations(
    request: InterventionRequest, comparison: ComparisonSummary, models: ModelShelf, data_dir: Path, progress: Progress
) -> TrainingActivations:
    """The activations to train on; the model's are kept in the data folder, so that they are made once.

    Raises:
        ActivationsError: they are not there, too few, or of another width than the SAEs.
        SaeError: the comparison has no model and no activations are given.
        ModelError, TextError: model or text can't be read.
    """
    if request.activations is not None:
        folder, name = Path(request.activations), Path(request.activations).name
    else:
        folder, name = _of_model(request, comparison, models, data_dir, progress)
    batches = CachedActivations(folder, batch_size=request.batch_size, seed=request.seed)
    d_in = comparison.narrow.sae.d_in
    if batches.d_in != d_in:
        raise ActivationsError(
            f"{name}: activations of width {batches.d_in}; {comparison.narrow.sae.name} reads {d_in}: give activations "
            "of the hook that it was trained on"
        )
    return TrainingActivations(batches, name)


def _of_model(
    request: InterventionRequest, comparison: ComparisonSummary, models: ModelShelf, data_dir: Path, progress: Progress
) -> tuple[Path, str]:
    """(folder, name of the text), after the model has read the text."""
    if comparison.model_name is None or comparison.hook_name is None:
        raise SaeError(
            f"{comparison.slug}: was made from a file of activations, without a model; give activations to train on "
            "with --activations"
        )
    source = request.text or comparison.text_source
    text = read_text(str(resource(BUNDLED_TEXT)) if source == BUNDLED_TEXT else source)
    language_model = models.get(comparison.model_name)
    rules = comparison.rows or RowRules()
    rows = tokenize(text, language_model.tokenizer, rules, n_tokens=request.tokens)
    parts = f"{language_model.checksum} {text.checksum} {rows.n_kept} {'' if rules == RowRules() else rules}"
    folder = data_dir / "activations" / f"{comparison.hook_name}-{hashlib.sha256(parts.encode()).hexdigest()[:16]}"
    advance = progress("activations", rows.n_kept, "tokens")
    cache_activations(language_model, rows, comparison.hook_name, folder, progress=advance)
    return folder, Path(source).name
