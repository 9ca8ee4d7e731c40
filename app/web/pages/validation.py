"""`/validation`: how well the scores find what is known, and where they fail."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.records import Aim
from app.web.http import links
from app.web.pages.contexts.common import Crumb
from app.web.pages.contexts.validation import ShownAim, ShownCheck, ShownTable, ValidationPage
from app.web.pages.params import read_params
from app.web.pages.respond import changing_page, make_frame, page
from app.web.shared.figures.validation import as_texts, cell_text, check_plot
from app.web.shared.validation import ValidationCheck, read_checks

router = APIRouter()


@page(router, "/validation")
def validation(request: Request) -> Response:
    """The committed results of every check."""
    read_params(request)
    checks = read_checks()
    frame = make_frame(
        request,
        "Validation of the scores",
        "How well the hedging scores find what is known, next to plainer measures, and where they fail.",
        (Crumb("Comparisons", links.home()), Crumb("About the scores", links.about())),
        api_url=links.api_validation(),
    )
    aims = [_aim(check, aim) for check in checks for aim in check.result.aims]
    return changing_page(
        request,
        "validation.html",
        ValidationPage(
            frame,
            missed=tuple(each for each in aims if not each.aim.met),
            met=tuple(each for each in aims if each.aim.met),
            checks=tuple(map(_shown, checks)),
        ),
    )


def _aim(check: ValidationCheck, aim: Aim) -> ShownAim:
    return ShownAim(
        check=check.result.name,
        title=check.title,
        aim=aim,
        level=f"{aim.sense} {aim.level:g}",
        found=", ".join(map(cell_text, aim.found)),
        bound=cell_text(aim.bound),
    )


def _shown(check: ValidationCheck) -> ShownCheck:
    result = check.result
    drawn = [table for table in result.tables if table.plotted]
    return ShownCheck(
        name=result.name,
        title=check.title,
        text=check.text,
        minutes=check.minutes,
        plots=tuple(check_plot(f"{result.name}-{place}", table) for place, table in enumerate(drawn)),
        tables=tuple(ShownTable(each.title, each.note, as_texts(each)) for each in result.tables if not each.plotted),
        notes=result.notes,
        command=result.command,
        made=result.made,
        settings=result.settings,
        versions=result.versions,
    )
