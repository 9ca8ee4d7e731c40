"""`hedgescope degree`: the paper's hedging degree of a control/extended pair."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.table import Table

from app.cli.console import errors, output

if TYPE_CHECKING:
    from app.records import DegreeRecord
    from app.sae.load import LoadedSae
    from app.scores.degree import HedgingDegree
    from app.scores.rank_correlation import RankCorrelation
    from app.training.pair import PairRecord

N_SHOWN = 10


def degree(
    control: Annotated[str, typer.Option(help="Folder of the control SAE.")],
    extended: Annotated[str, typer.Option(help="Folder of the extended SAE.")],
    baselines: Annotated[int, typer.Option(min=2, help="Number of random subspaces in the baseline.")] = 50,
    seed: Annotated[int, typer.Option(help="Seed of the random subspaces.")] = 0,
    store: Annotated[bool, typer.Option("--store", help="Store it, for the pages of this SAE's comparisons.")] = False,
    comparison: Annotated[
        str | None, typer.Option(help="Slug or name of a comparison of the SAE: store the degree and correlate it.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write it to, in the stored form.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, with every latent.")] = False,
) -> None:
    """Measure the hedging degree of a pair of SAEs made by `hedgescope extend`."""
    from app.sae.load import load_sae
    from app.scores.degree import hedging_degree
    from app.training.pair import check_pair

    first, second = load_sae(control), load_sae(extended)
    pair = check_pair(first, second)
    result = hedging_degree(first.unit_decoder, second.unit_decoder, seed=seed, n_baselines=baselines)
    record = _record(first, second, pair, result)
    if out is not None:
        out.write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    correlations = _keep(record, comparison) if store or comparison else None
    if json:
        numbers: dict[str, Any] = asdict(result) | {"shown_degree": result.shown_degree}
        if correlations is not None:
            names = ("rank_correlation", "rank_correlation_at_equal_activation")
            numbers |= {"comparison": comparison, **dict(zip(names, correlations, strict=True))}
        typer.echo(orjson.dumps({"control": control, "extended": extended, "pair": pair, **numbers}).decode())
        return
    _print(result)
    if correlations is not None:
        output.print(f"rank correlation with the hedging score in {comparison}: {correlation_text(correlations[0])}")
        output.print(f"the same at equal mean activation: {correlation_text(correlations[1])}")


def _record(first: LoadedSae, second: LoadedSae, pair: PairRecord, result: HedgingDegree) -> DegreeRecord:
    """As the store keeps it."""
    from app.pipeline.identity import versions
    from app.records import DegreeRecord

    options = {
        "--control": _without_place(first.record.source),
        "--extended": _without_place(second.record.source),
        "--baselines": result.n_baselines,
        "--seed": result.seed,
    }
    words = [word for option, value in options.items() for word in (option, str(value))]
    return DegreeRecord(
        parent_checksum=pair.parent_checksum,
        control_checksum=first.record.checksum,
        extended_checksum=second.record.checksum,
        data_checksum=pair.data_checksum,
        n_latents=result.n_latents,
        n_new=result.n_new,
        rank=result.rank,
        n_tokens=pair.n_tokens,
        batch_size=pair.batch_size,
        lr=pair.lr,
        training_seed=pair.seed,
        n_baselines=result.n_baselines,
        seed=result.seed,
        mean_change=result.mean_change,
        raw=result.raw,
        baseline_mean=result.baseline_mean,
        baseline_sd=result.baseline_sd,
        degree=result.degree,
        reason=result.reason,
        command=shlex.join(["hedgescope", "degree", *words]),
        versions=versions(),
        created_at=datetime.now(UTC),
        latents=result.latents,
    )


def _without_place(source: str) -> str:
    """A folder's name and its parent's: where it lies on this computer stays private."""
    return "/".join(Path(source).parts[-2:])


def _keep(record: DegreeRecord, comparison: str | None) -> tuple[RankCorrelation, RankCorrelation] | None:
    """Store it; with a comparison, the rank correlation of its scores with the latents' degrees, plain and partial.

    Raises:
        ScoringError: the comparison's narrow SAE is not the one that the pair was made from.
    """
    from app.cli.store import open_store
    from app.settings import load_settings
    from app.store.degrees import write_degree
    from app.store.read import get_comparison, resolve_slug
    from app.web.shared.degrees import check_belongs, score_correlation

    engine = open_store(load_settings(), writes=True)
    if comparison is None:
        write_degree(engine, record)
        return None
    summary = get_comparison(engine, resolve_slug(engine, comparison))
    check_belongs(record, summary.narrow.sae, summary.slug)
    write_degree(engine, record)
    return score_correlation(engine, summary.slug, record)


def correlation_text(correlation: RankCorrelation) -> str:
    """`0.31 (95 % interval 0.22 to 0.39, n = 511)`, or why there is none."""
    if correlation.rho is None or correlation.low is None or correlation.high is None:
        return f"none: {correlation.reason}"
    return f"{correlation.rho:.3f} (95 % interval {correlation.low:.3f} to {correlation.high:.3f}, n = {correlation.n})"


def _print(result: HedgingDegree) -> None:
    table = Table(show_header=False, box=None)
    table.add_row("hedging degree", _number(result.shown_degree))
    if result.degree is not None and result.degree < 0:
        table.add_row("", f"measured {result.degree:.4f}; below 0 the change avoids the new latents' span")
    table.add_row("raw", _number(result.raw))
    table.add_row(
        "baseline", f"{_number(result.baseline_mean)} (sd {_number(result.baseline_sd)}, {result.n_baselines} draws)"
    )
    table.add_row("mean change", _number(result.mean_change))
    table.add_row("latents", f"{result.n_latents:,}, and {result.n_new} new ones that span {result.rank} dimensions")
    output.print(table, highlight=False)
    if result.reason:
        errors.print(f"no hedging degree: {result.reason}", highlight=False, soft_wrap=True)
        return
    output.print(_top(result), highlight=False)


def _top(result: HedgingDegree) -> Table:
    """The latents that changed most along the new ones."""
    table = Table("latent", "degree", "raw", "baseline", box=None)
    scored = [latent for latent in result.latents if latent.degree is not None]
    for latent in sorted(scored, key=lambda latent: -(latent.degree or 0.0))[:N_SHOWN]:
        table.add_row(str(latent.index), _number(latent.degree), _number(latent.raw), _number(latent.baseline))
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
