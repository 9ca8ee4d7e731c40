"""`hedgescope validate`: the scores against known truth."""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from app.catalogue.checks import CHECKS, CHECKS_BY_NAME
from app.cli.console import errors, output, stages
from app.records import Aim, CheckResult, CheckTable

if TYPE_CHECKING:
    from app.lab.checks.scope import Store

DEMO = "demo"
ONLY = "Run this check alone; may be repeated: " + ", ".join(f"{check.name} ({check.minutes} min)" for check in CHECKS)


def validate(
    only: Annotated[list[str] | None, typer.Option(help=f"{ONLY}; times are for two cores.")] = None,
    comparison: Annotated[
        str, typer.Option(help="Stored comparison whose SAEs and text the checks on a real model use.")
    ] = DEMO,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer and smaller cases: a few minutes in all, rougher figures.")
    ] = False,
    tuning: Annotated[
        bool, typer.Option("--tuning", help="Use the worlds for tuning a formula, not the test worlds.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worlds to run at once; default: one per processor.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write each check's results to, as NAME.json.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables in Markdown.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per check on stdout.")] = False,
) -> None:
    """Check the scores where the truth is known, and compare them with plainer measures."""
    import orjson

    if quick and tuning:
        raise typer.BadParameter("--quick and --tuning are two sets of worlds; give one of them")
    asked = _Asked(comparison, quick, tuning, workers or os.cpu_count() or 1)
    for name in _names(only):
        result = _run(name, asked)
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            (out / f"{name}.json").write_bytes(orjson.dumps(result) + b"\n")
            errors.print(f"saved {out / name}.json", highlight=False, soft_wrap=True)
        if json:
            typer.echo(orjson.dumps(result).decode())
        elif markdown:
            typer.echo(in_markdown(result))
        else:
            _print(result)


@dataclass(frozen=True)
class _Asked:
    comparison: str
    quick: bool
    tuning: bool
    workers: int

    def command(self, name: str) -> str:
        """What repeats a check."""
        given = {f"--comparison {self.comparison}": self.comparison != DEMO, "--quick": self.quick}
        given["--tuning"] = self.tuning
        flags = [flag for flag, is_given in given.items() if is_given]
        return " ".join(["hedgescope validate", f"--only {name}", *flags])


def _names(only: list[str] | None) -> list[str]:
    unknown = sorted(set(only or ()) - set(CHECKS_BY_NAME))
    if unknown:
        raise typer.BadParameter(f"--only {unknown[0]}: no such check; expected one of {', '.join(CHECKS_BY_NAME)}")
    return [name for name in CHECKS_BY_NAME if only is None or name in only]


def _run(name: str, asked: _Asked) -> CheckResult:
    from app.lab.checks.registry import RUN
    from app.lab.checks.scope import Scope, result_of

    with stages() as progress, tempfile.TemporaryDirectory(prefix="hedgescope-validate-") as folder:
        found = RUN[name](Scope(Path(folder), progress, _open_store, **asdict(asked)))
    return result_of(name, asked.command(name), found)


def _open_store() -> Store:
    from app.cli.store import open_store
    from app.lab.checks.scope import Store
    from app.pipeline.open import shelf_of
    from app.settings import load_settings

    settings = load_settings()
    return Store(open_store(settings), settings.data_dir, shelf_of(settings))


def _print(result: CheckResult) -> None:
    spec = CHECKS_BY_NAME[result.name]
    output.print(f"\n[bold]{spec.title}[/bold]\n{spec.text}", highlight=False)
    for table in (*result.tables, aims_table(result.aims)):
        output.print(_rich(table), highlight=False)


def _rich(table: CheckTable) -> Table:
    shown = Table(title=table.title, title_justify="left", box=None, pad_edge=False)
    for place, name in enumerate(table.head):
        shown.add_column(name, justify="right" if place else "left")
    for row in table.rows:
        shown.add_row(*map(_text, row))
    return shown


def aims_table(aims: tuple[Aim, ...]) -> CheckTable:
    """What was to be reached, what was, and whether that is enough."""
    rows = tuple(
        (each.what, f"{each.sense} {each.level:g}", ", ".join(map(_text, each.found)), _met(each), each.bound)
        for each in aims
    )
    return CheckTable("Aims", ("figure", "aim", "found", "met", "an oracle reaches"), rows)


def _met(each: Aim) -> str:
    return "unknown" if each.met is None else "yes" if each.met else "no"


def in_markdown(result: CheckResult) -> str:
    """All tables of a check in Markdown."""
    lines = []
    for table in (*result.tables, aims_table(result.aims)):
        lines += [f"**{table.title}**", "", _line(table.head), _line(["---"] * len(table.head))]
        lines += [*(_line(list(map(_text, row))) for row in table.rows), ""]
    return "\n".join(lines)


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(cell: object) -> str:
    return "–" if cell is None else f"{cell:.3f}" if isinstance(cell, float) else str(cell)
