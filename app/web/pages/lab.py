"""`/lab`: tiny SAEs on worlds with known features, compared with theory."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.paths import resource
from app.records import ToyLab, ToyResult
from app.web.http import links
from app.web.pages.contexts.common import Crumb
from app.web.pages.contexts.lab import LabPage, ShownToy
from app.web.pages.params import read_params
from app.web.pages.respond import changing_page, make_frame, page
from app.web.shared import formatting as show
from app.web.shared.figures.lab import toy_plot

router = APIRouter()

RESULTS = "demo/lab/toys.json"
"""Written by `hedgescope lab --out demo/lab/toys.json`."""


@page(router, "/lab")
def lab(request: Request) -> Response:
    """The toys of the stored run."""
    read_params(request)
    results = read_toys(resource(RESULTS))
    frame = make_frame(
        request,
        "The lab: toy worlds",
        "Tiny sparse autoencoders on worlds of two to four known features: where they hedge, and where they do not.",
        (Crumb("Comparisons", links.home()), Crumb("About the scores", links.about())),
    )
    toys = tuple(ShownToy(_world(toy), _sae(toy), toy_plot(toy)) for toy in results.toys)
    return changing_page(request, "lab.html", LabPage(frame, results, toys))


@cache
def read_toys(path: Path) -> ToyLab:
    """The results in a file that comes with the program."""
    return TypeAdapter(ToyLab).validate_json(path.read_bytes())


def _world(toy: ToyResult) -> str:
    """Firing probabilities in words."""
    return ", ".join(f"{name} {show.number(p)}" for name, p in zip(toy.features, toy.firing, strict=True))


def _sae(toy: ToyResult) -> str:
    """The SAE in words."""
    latents = "1 latent" if len(toy.decoder) == 1 else f"{len(toy.decoder)} latents"
    kind = "BatchTopK"
    if toy.widths:
        prefixes = ", ".join(map(str, toy.widths))
        weights = ", ".join(f"{weight:g}" for weight in toy.multipliers)
        kind = f"Matryoshka BatchTopK, prefixes {prefixes}, losses weighed {weights}"
    return f"{latents}, {kind}, k = {toy.k:g}"
