"""The scores against known truth: which worlds, and what comes out.

Worlds to tune on and worlds to test on differ in seeds, sizes and numbers of latents. Anyone who changes
a formula tries it on the first and reports the second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np

from app.lab.attribution import KINDS
from app.lab.constructed import confusion, found_in, macro_f1
from app.lab.metrics import Lead, Quality, auroc, calibration, lead, quality
from app.lab.scoring import MEASURES, RIVALS, SCORE
from app.lab.trained import PERFECT
from app.lab.trial import Trial, run_world
from app.lab.worlds import FAMILIES, Family, WorldSpec

IMPURE = 0.1
"""A latent is impure from this share of its squared length on that is not its closest feature."""

EDGES = (0.0, 0.05, 0.1, 0.2, 0.4, 1.0)
TUNING_SEEDS, TEST_SEEDS, QUICK_SEEDS = (0, 1, 2), (101, 102, 103), (201,)
Purpose = Literal["test", "tuning", "quick"]


def specs(purpose: Purpose) -> list[WorldSpec]:
    """The worlds of a purpose, all families."""
    if purpose == "tuning":
        return [_spec(family, seed, 56 + 8 * (seed % 2), 80, 36) for seed in TUNING_SEEDS for family in FAMILIES]
    if purpose == "quick":
        small = [_spec(family, seed, 48, 56, 28) for seed in QUICK_SEEDS for family in FAMILIES]
        return [replace(spec, n_steps=1200) for spec in small]
    sizes = {101: (72, 96, 44), 102: (48, 64, 30), 103: (60, 72, 40)}
    return [_spec(family, seed, *sizes[seed]) for seed in TEST_SEEDS for family in FAMILIES]


def _spec(family: Family, seed: int, n_features: int, d_in: int, d_superposed: int) -> WorldSpec:
    lacking = family == "lacking"
    # As many narrow latents as a quarter of the features, and a third where nothing should be found.
    narrow = n_features // 3 if family == "independent" else n_features // 4
    widest = int(n_features * 0.7) if lacking else int(n_features * 1.15)
    widths = (widest // 6, widest // 3, 2 * widest // 3, widest)
    return WorldSpec(family, seed, n_features, d_superposed if family == "superposed" else d_in, narrow, widths)


CONSTRUCTED: dict[Purpose, tuple[int, ...]] = {"tuning": (1, 2), "quick": (201,), "test": (101, 102, 103)}
"""Seeds of the worlds of constructed latents, for the diagnosis."""

Findings = tuple[list[str | None], list[str | None]]


def run_all(purpose: Purpose, folder: Path, workers: int, advance: Callable[[int], None]) -> Validation:
    """Everything of one purpose, each world in a process of its own.

    Args:
        folder: for SAEs and activations; it can be removed afterwards.
        advance: called with 1 for each world done; there are `n_worlds(purpose)`.
    """
    worlds, seeds = specs(purpose), CONSTRUCTED[purpose]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        trained = [pool.submit(run_world, spec, folder / f"world-{n}") for n, spec in enumerate(worlds)]
        constructed = [pool.submit(found_in, seed, folder / f"constructed-{seed}") for seed in seeds]
        waiting: list[Future[Any]] = [*trained, *constructed]
        for done in as_completed(waiting):
            done.result()
            advance(1)
        trials = [trial for future in trained for trial in future.result()]
        findings = [future.result() for future in constructed]
    return summarise(worlds, trials, findings)


def n_worlds(purpose: Purpose) -> int:
    """Worlds of a purpose, of both kinds."""
    return len(specs(purpose)) + len(CONSTRUCTED[purpose])


@dataclass(frozen=True)
class Validation:
    """What `hedgescope validate` prints.

    Attributes:
        pooled: measure -> quality over all worlds, references trained on them.
        perfect: the same against the true features: the bound that no reference can lift.
        by_family: family -> measure -> quality, trained references.
        bounds: family -> AUROC of the hedging score against the true features.
        attributed: kind of mass -> measure -> rank correlation of the two over all worlds, trained references; None
            where it is undefined.
        leads: family -> (best of the other measures, how far the score's AUROC lies above it), trained references.
        calibration: (score from, to, latents, mean score, mean impurity).
        coverage: share of latents whose interval, 0.01 wider, holds the impurity.
        false_alarms: share of latents of independent worlds that score as impure.
        shuffled: share of latents called hedged on shuffled activations.
        n_unscored: latents without a score.
        confusion: constructed latents: truth -> finding -> latents; macro_f1: mean F1 of the kinds.
        trained_confusion: latents of trained SAEs: impure or pure -> diagnosis -> latents.
        trials: what all of this was computed from, latent by latent.
    """

    worlds: list[dict[str, Any]]
    pooled: dict[str, Quality]
    perfect: dict[str, Quality]
    by_family: dict[str, dict[str, Quality]]
    bounds: dict[str, float | None]
    attributed: dict[str, dict[str, float | None]]
    leads: dict[str, tuple[str, Lead]]
    calibration: list[tuple[float, float, int, float | None, float | None]]
    coverage: float
    false_alarms: float
    shuffled: float
    n_unscored: int
    confusion: dict[str, dict[str, int]]
    macro_f1: float
    trained_confusion: dict[str, dict[str, int]]
    trials: list[Trial]


def summarise(worlds: Sequence[WorldSpec], trials: Sequence[Trial], findings: Sequence[Findings]) -> Validation:
    """All figures from the trials."""
    trained = [trial for trial in trials if trial.reference != PERFECT]
    perfect = [trial for trial in trials if trial.reference == PERFECT]
    families = {family: [trial for trial in trained if trial.family == family] for family in FAMILIES}
    table = confusion(
        [kind for truth, _ in findings for kind in truth], [kind for _, found in findings for kind in found]
    )
    return Validation(
        worlds=[asdict(spec) for spec in worlds],
        pooled=_qualities(trained),
        perfect=_qualities(perfect),
        by_family={family: _qualities(group) for family, group in families.items() if group},
        bounds={family: _qualities([t for t in perfect if t.family == family])[SCORE].auroc for family in FAMILIES},
        attributed={kind: _correlations(trained, kind) for kind in KINDS},
        leads={family: _lead(group) for family, group in families.items() if _has_both(group)},
        calibration=calibration(_pool(trained, SCORE), _pool(trained, None), EDGES),
        coverage=_coverage(trained),
        false_alarms=_false_alarms(families["independent"]),
        shuffled=float(np.mean([trial.shuffled for trial in trained])),
        n_unscored=sum(trial.n_unscored for trial in trained),
        confusion=table,
        macro_f1=macro_f1(table),
        trained_confusion=_trained_confusion(trained),
        trials=list(trials),
    )


def _correlations(trials: Sequence[Trial], kind: str) -> dict[str, float | None]:
    mass = np.concatenate([np.array(trial.masses[kind]) for trial in trials])
    return {name: quality(_pool(trials, name), mass, mass > IMPURE).spearman for name in MEASURES}


def _coverage(trials: Sequence[Trial]) -> float:
    """Share of the latents with an interval whose impurity lies in it, 0.01 on either side allowed."""
    impurity = _pool(trials, None)
    low, high = (np.concatenate([np.array(getattr(trial, end)) for trial in trials]) for end in ("low", "high"))
    known = ~np.isnan(low)
    inside = (low - 0.01 <= impurity) & (impurity <= high + 0.01)
    return float(inside[known].mean())


def _false_alarms(independent: Sequence[Trial]) -> float:
    """Share of the latents of independent worlds that score as impure."""
    return float((_pool(independent, SCORE) > IMPURE).mean()) if independent else 0.0


def _has_both(trials: Sequence[Trial]) -> bool:
    return len({value > IMPURE for trial in trials for value in trial.impurity}) == 2


def _lead(trials: Sequence[Trial]) -> tuple[str, Lead]:
    """The other measure that ranks best, and the score's lead over it."""
    impure = _pool(trials, None) > IMPURE
    best = max(RIVALS, key=lambda name: auroc(_pool(trials, name), impure))
    return best, lead(_pool(trials, SCORE), _pool(trials, best), impure)


def _trained_confusion(trials: Sequence[Trial]) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {"impure": {}, "pure": {}}
    for trial in trials:
        for impurity, diagnosis in zip(trial.impurity, trial.diagnosis, strict=True):
            row = table["impure" if impurity > IMPURE else "pure"]
            row[str(diagnosis)] = row.get(str(diagnosis), 0) + 1
    return table


def _pool(trials: Sequence[Trial], measure: str | None) -> Any:
    """`[n]` a measure of all latents, the impurity for None; undefined counts as no evidence, 0."""
    values: Iterator[list[float]] = (trial.impurity if measure is None else trial.measures[measure] for trial in trials)
    return np.nan_to_num(np.concatenate([np.array(each, dtype=np.float64) for each in values]))


def _qualities(trials: Sequence[Trial]) -> dict[str, Quality]:
    impurity = _pool(trials, None)
    return {name: quality(_pool(trials, name), impurity, impurity > IMPURE) for name in MEASURES}
