"""The parts of the documentation that are generated from the code.

`python -m tests.doc_tables` brings them up to date; a test compares them. Each is between
`<!-- from the code: NAME -->` and `<!-- end -->` in the file that `PARTS` names.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine

from app.catalogue import LATENT_SPECS, PARTNER_SPECS, ScoreSpec
from app.inference.server.metrics import BatchMetrics, StateMetrics
from app.inference.wire import Capabilities
from app.serving.metrics import RequestMetrics
from app.settings import PREFIX, Settings
from app.store.tables import metadata
from app.web.ops.job_metrics import JobMetrics
from app.web.shared.figures.validation import cell_text
from app.web.shared.validation import read_checks

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

OURS = "this project"
"""The source of what is our own; not repeated in every entry."""


def layers_table() -> str:
    """One row per package and module of the contract of layers, with its docstring's first paragraph."""
    rows = ["| level | package | what it is |", "|---|---|---|"]
    for level, names in enumerate(layers(), start=1):
        rows += [f"| {level} | `{name}` | {first_paragraph(ROOT / 'app' / name)} |" for name in names]
    return "\n".join(rows)


def layers() -> Iterator[list[str]]:
    """The packages of each layer of `app`, top first, as the contract in `pyproject.toml` has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    contract = next(contract for contract in contracts if contract.get("containers") == ["app"])
    for layer in contract["layers"]:
        yield re.findall(r"\w+", layer)


def first_paragraph(path: Path) -> str:
    """The first paragraph of a package's or a module's docstring, as one line."""
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(source.read_text())) or ""
    return " ".join(docstring.partition("\n\n")[0].split())


def settings_table() -> str:
    """One row per setting."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "none" if field.default in (None, ()) else f"`{field.default}`"
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def metrics_table(*registries: CollectorRegistry) -> str:
    """One row per metric of ours."""
    rows = ["| metric | kind | meaning |", "|---|---|---|"]
    families = {family.name: family for registry in registries for family in registry.collect()}
    for family in families.values():
        if family.name.startswith("hedgescope_"):
            ending = {"counter": "_total", "info": "_info"}.get(family.type, "")
            rows.append(f"| `{family.name}{ending}` | {family.type} | {family.documentation} |")
    return "\n".join(rows)


def dashboard_registry() -> CollectorRegistry:
    """The dashboard's metrics, over a database without jobs."""
    registry = RequestMetrics("web").registry
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    registry.register(JobMetrics(engine))
    return registry


def worker_registries() -> tuple[CollectorRegistry, ...]:
    """The metrics that only the worker has, as they are before the first prompt."""
    registry = CollectorRegistry()
    BatchMetrics(registry)
    nothing = Capabilities(
        version="",
        device="",
        dtype="",
        prompt_tokens_max=0,
        batch_tokens=0,
        batch_prompts=0,
        memory_budget_bytes=0,
        held=(),
        waiting_prompts=0,
        waiting_tokens=0,
    )
    registry.register(StateMetrics(lambda: nothing))
    return (registry,)


def score_list(specs: Sequence[ScoreSpec]) -> str:
    """One entry per field."""
    return "\n".join(_entry(spec) for spec in specs)


def _entry(spec: ScoreSpec) -> str:
    facts = [_value(spec)]
    if spec.source != OURS:
        facts.append(f"Source: {spec.source}.")
    if spec.limits:
        facts.append(f"Limits: {spec.limits[0].lower()}{spec.limits[1:]}")
    return f"- **{spec.title}** (`{spec.name}`). {spec.definition} {' '.join(facts)}"


def _value(spec: ScoreSpec) -> str:
    """The kind, range and unit, as one short sentence."""
    low, high = (None if end is None else f"{end:g}" for end in (spec.minimum, spec.maximum))
    span = f" from {low} to {high}" if low and high else f" from {low}" if low else ""
    unit = f" ({spec.unit})" if spec.unit else ""
    kind = {"integer": "Integer", "number": "Number", "text": "Text", "flag": "Yes or no"}[spec.kind]
    return f"{kind}{span}{unit}."


def aims_table() -> str:
    """Every aim of the checks with what was found, the missed ones in bold, and the checks' commands below it."""
    rows = ["| check | figure | aim | found | an oracle reaches |", "|---|---|---|---|---|"]
    for check in read_checks():
        for each in check.result.aims:
            found = ", ".join(map(cell_text, each.found))
            found = found if each.met else f"**{found}**"
            aim = f"{each.sense} {each.level:g}"
            rows.append(f"| {check.result.name} | {each.what} | {aim} | {found} | {cell_text(each.bound)} |")
    return "\n".join(rows)


def measures_table() -> str:
    """The first plotted column of each check that compares the scores with other measures."""
    columns = {
        check.result.name: next((table for table in check.result.tables if table.plotted), None)
        for check in read_checks()
    }
    shown = {name: table for name, table in columns.items() if table is not None and table.head[0] == "score"}
    cells = {
        name: {str(row[0]): cell_text(row[table.head.index(table.plotted[0])]) for row in table.rows}
        for name, table in shown.items()
    }
    measures = list(dict.fromkeys(measure for each in cells.values() for measure in each))
    rows = [f"|  | {' | '.join(cells)} |", f"|---|{'---|' * len(cells)}"]
    rows += [f"| {measure} | {' | '.join(each.get(measure, '') for each in cells.values())} |" for measure in measures]
    return "\n".join(rows)


PARTS: dict[str, tuple[Path, Callable[[], str]]] = {
    "layers": (DOCS / "architecture.md", layers_table),
    "settings": (DOCS / "settings.md", settings_table),
    "metrics of the dashboard": (DOCS / "operations.md", lambda: metrics_table(dashboard_registry())),
    "metrics of the worker": (DOCS / "operations.md", lambda: metrics_table(*worker_registries())),
    "latent fields": (DOCS / "scores.md", lambda: score_list(LATENT_SPECS)),
    "partner fields": (DOCS / "scores.md", lambda: score_list(PARTNER_SPECS)),
    "aims": (DOCS / "scores.md", aims_table),
    "measures": (DOCS / "scores.md", measures_table),
}


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- from the code: {re.escape(name)} -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def written(name: str) -> str:
    """The current text of a part in the documentation.

    Raises:
        LookupError: the file has no such part.
    """
    path, _ = PARTS[name]
    match = _pattern(name).search(path.read_text())
    if match is None:
        raise LookupError(f"{path.name} has no part <!-- from the code: {name} --> … <!-- end -->")
    return match[2].strip()


def main() -> None:
    """Write every part anew."""
    for name, (path, render) in PARTS.items():
        written(name)
        text = render()
        new = _pattern(name).sub(lambda match, text=text: f"{match[1]}\n{text}\n\n{match[3]}", path.read_text())  # type: ignore[misc]
        path.write_text(new)


if __name__ == "__main__":
    main()
