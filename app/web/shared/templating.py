"""The Jinja environment: autoescaping, strict about what is undefined, formats as filters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.catalogue import HEDGING_SCORE_PARTS, LATENT_FIELDS, PARTNER_FIELDS, SCORING_VERSION, SUMMARY_FIELDS, ScoreSpec
from app.paths import resource
from app.records import TokenWeight
from app.records.sides import other_side
from app.web.http import links
from app.web.http.errors import Problem
from app.web.shared import formatting as show
from app.web.shared.figures.decomposition import ROLE_TITLES
from app.web.shared.figures.diff import change
from app.web.shared.figures.svg import chart_svg

SCRIPT_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""Characters that could end a script element, or a line in it, as JSON escapes."""


PAGE_TITLES = {"wrong-parameter": "Invalid link", "not-found": "Page not found"}
"""Kinds of problems that people meet by a link, in their words."""


def render(template: str, /, **fields: Any) -> str:
    """A template with these variables; a missing one is an error."""
    return environment().get_template(template).render(**fields)


def error_page(problem: Problem) -> str:
    """The page of a problem."""
    title = PAGE_TITLES.get(problem.kind, problem.title)
    detail = problem.detail[:1].upper() + problem.detail[1:]
    return render("error.html", status=problem.status, title=title, detail=detail, valid=problem.valid)


@cache
def environment() -> Environment:
    """The one environment of the process."""
    made = Environment(
        loader=FileSystemLoader(resource("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        as_json=as_json,
        change=change,
        bytes=show.file_size,
        chart_svg=chart_svg,
        day=day,
        duration=show.duration,
        hundredths=hundredths,
        number=show.number,
        numbers=numbers,
        of_spec=show.of_spec,
        other_side=other_side,
        percent=show.percent,
        pieces=show.pieces,
        range_text=range_text,
        relative=relative,
        role=role,
        tenths=show.tenths,
        words=words,
    )
    made.globals.update(
        links=links,
        score_parts=HEDGING_SCORE_PARTS,
        scoring_version_now=SCORING_VERSION,
        spec=LATENT_FIELDS.__getitem__,
        partner_spec=PARTNER_FIELDS.__getitem__,
        summary_spec=SUMMARY_FIELDS.__getitem__,
    )
    return made


def as_json(value: object) -> Markup:
    """A value as JSON that can stand inside a script element."""
    text = orjson.dumps(value).decode()
    for character, escape in SCRIPT_UNSAFE.items():
        text = text.replace(character, escape)
    return Markup(text)  # noqa: S704 - nothing in it can end the element


def day(moment: datetime) -> str:
    """A moment as people read it, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def hundredths(share: float) -> str:
    """A share in [0, 1] as a length of 100, for SVG."""
    return f"{100 * min(1.0, max(0.0, share)):.1f}"


def relative(weight: float, among: Sequence[TokenWeight]) -> str:
    """A weight's size against the largest of a list, as a length of 100, for SVG."""
    largest = max((abs(other.weight) for other in among), default=0.0)
    return hundredths(abs(weight) / largest if largest else 0.0)


def numbers(values: Sequence[int]) -> str:
    """Whole numbers, separated by commas."""
    return ", ".join(show.number(value) for value in values)


def role(diagnosis: str) -> str:
    """A diagnosis as people read it."""
    return ROLE_TITLES.get(diagnosis, diagnosis) if diagnosis != "main" else diagnosis


def words(name: str) -> str:
    """A name of the code as words."""
    return name.replace("_", " ")


def range_text(spec: ScoreSpec) -> str:
    """The values that a field can have."""
    if spec.kind in ("text", "flag"):
        return {"text": "text", "flag": "yes or no"}[spec.kind]
    low = None if spec.minimum is None else show.number(spec.minimum)
    high = None if spec.maximum is None else show.number(spec.maximum)
    unit = f" {spec.unit}" if spec.unit else ""
    if low is not None and high is not None:
        return f"{low} to {high}{unit}"
    if low is not None:
        return f"{low} or more{unit}"
    return f"{high} or less{unit}" if high is not None else f"any{unit}"
