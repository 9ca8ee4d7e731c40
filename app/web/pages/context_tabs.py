"""The contexts on a latent's page: which are shown, and the links to the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.errors import QueryError
from app.records import Context, LatentDetail, LatentScores, LogHistogram, Side, other_side
from app.store import read
from app.web.http import links
from app.web.pages.contexts.marked import Choice, ContextSection, MarkedGroup
from app.web.pages.marked_rows import RowStyle, marked_rows
from app.web.pages.params import Pairs, Params
from app.web.pages.respond import Visit
from app.web.pages.tokens import GROUP_TITLES
from app.web.shared import formatting as show
from app.web.shared.fifths import fifths
from app.web.shared.figures.style import span
from app.web.shared.split import CELLS, Cell, Split, SplitContext

PARAMETERS = ("cell", "partner", "mark", "length", "duplicates")
STRONGEST, BY_ACTIVATION = "strongest", "activation"

TITLES: Mapping[str, str] = {
    STRONGEST: "Strongest",
    BY_ACTIVATION: "By activation",
    "both": "Both",
    "without_main": "This without main",
    "mixed_in_without_main": "Mixed-in without main",
    "partner_without_this": "Partner without this",
}

MOST_MARKS = 3
MOST_SHOWN = 20


@dataclass(frozen=True)
class View:
    """What the URL says about the contexts.

    Attributes:
        cell: the tab; partner: that it is about, as given.
        marked: latents of the other SAE, by mark; usual_marks: without a choice.
        kept: parameters of the page that links keep.
    """

    cell: str
    partner: int | None
    marked: tuple[int, ...]
    usual_marks: str
    is_short: bool
    with_duplicates: bool
    kept: Pairs

    def query(self, **changes: object) -> Pairs:
        """The parameters of a like view; only those that differ from the usual ones."""
        view = {
            "cell": self.cell,
            "partner": self.partner,
            "mark": _listed(self.marked),
            "length": "short" if self.is_short else "whole",
            "duplicates": "1" if self.with_duplicates else "",
            **changes,
        }
        usual = {"cell": STRONGEST, "mark": self.usual_marks, "length": "short", "duplicates": ""}
        own = tuple(
            (name, str(value)) for name, value in view.items() if value is not None and value != usual.get(name)
        )
        return (*self.kept, *own)


def context_section(
    visit: Visit, latent: LatentScores, detail: LatentDetail, found: Split | str, params: Params
) -> ContextSection:
    """The contexts that the URL asks for; `found` is the latent's split, or why there is none."""
    split, reason = (None, found) if isinstance(found, str) else (found, None)
    partners = split.partners if split is not None else _main_alone(latent)
    view = _view(params, split, partners)
    cell = next((each for each in CELLS if each == view.cell), None)
    chosen = split.check(cell, view.partner) if split is not None and cell is not None else None
    groups = (
        _stored(latent, detail, split, view) if split is None or cell is None else [("", split.contexts(cell, chosen))]
    )
    style = RowStyle(_by_place(partners, view.marked), view.is_short, view.with_duplicates)
    text = read.text_rows(visit.engine, visit.slug, {each.row for _, contexts in groups for each in contexts})
    shown = [(kind, *marked_rows(contexts[:MOST_SHOWN], text, latent, style)) for kind, contexts in groups]
    return ContextSection(
        tabs=_tabs(visit, latent, detail, split, view),
        note=_note(latent, split, cell, chosen),
        partners=_partner_choices(visit, latent, split, view, cell, chosen),
        marks=_mark_choices(visit, latent, split, partners, view),
        switches=_switches(visit, latent, view),
        groups=tuple(MarkedGroup(kind, _title(kind, detail.histogram), rows) for kind, rows, _ in shown if rows),
        n_hidden=sum(n for *_, n in shown),
        is_short=view.is_short,
        reason=reason,
    )


def _title(kind: str, histogram: LogHistogram) -> str:
    """The heading of a fifth of the firings, with its range of activations and its count."""
    if kind not in GROUP_TITLES:
        return ""
    band = fifths(histogram)[int(kind[1:]) - 1]
    return f"{GROUP_TITLES[kind]} ({span((band.low, band.high))}, {show.number(band.n)} tokens)"


def _main_alone(latent: LatentScores) -> tuple[int, ...]:
    return () if latent.main_partner is None else (latent.main_partner,)


def _view(params: Params, split: Split | None, partners: Sequence[int]) -> View:
    cells = split.available if split is not None else ()
    cell = params.choice("cell", STRONGEST, (STRONGEST, BY_ACTIVATION, *cells))
    # A link of older versions that hides the main partner's activations.
    highlight = params.choice("highlight", "both", ("both", "latent", "partner"))
    usual = "none" if highlight == "latent" else _listed(partners[:MOST_MARKS])
    marked = _numbers(params.own.get("mark", usual), partners)
    return View(
        cell=cell,
        partner=params.whole("partner", 0, 0, 2**31 - 1) if "partner" in params.own else None,
        marked=marked,
        usual_marks=_listed(partners[:MOST_MARKS]),
        is_short=params.choice("length", "short", ("short", "whole")) == "short",
        with_duplicates=params.choice("duplicates", "0", ("0", "1")) == "1",
        kept=(*params.kept("sort", "q"), *params.filters),
    )


def _numbers(text: str, partners: Sequence[int]) -> tuple[int, ...]:
    """Latents separated by commas, `none` for none. Raises QueryError for others than the partners."""
    known = {str(partner): partner for partner in partners}
    names = [] if text in ("", "none") else text.split(",")
    if any(name not in known for name in names) or len(set(names)) != len(names) or len(names) > MOST_MARKS:
        message = f"mark is {text!r}; expected none or up to {MOST_MARKS} of {', '.join(known) or 'no latents'}"
        raise QueryError(message, parameter="mark", valid=("none", *known))
    return tuple(known[name] for name in names)


def _listed(latents: Sequence[int]) -> str:
    return ",".join(map(str, latents)) or "none"


def _by_place(partners: Sequence[int], marked: Sequence[int]) -> dict[int, int]:
    return {partners.index(latent): mark for mark, latent in enumerate(marked, start=1)}


def _stored(
    latent: LatentScores, detail: LatentDetail, split: Split | None, view: View
) -> list[tuple[str, tuple[SplitContext, ...]]]:
    """The contexts that every comparison keeps: the strongest, or some of each fifth."""
    kinds = ("top",) if view.cell == STRONGEST else tuple(kind for kind in GROUP_TITLES if kind != "top")
    extra = split.cells.shown_partners if split is not None and split.slot is None else ()
    has_main = split is None or split.partners[:1] == _main_alone(latent)
    seen = [
        (each.kind, _with_partners(each, extra[n] if n < len(extra) else (), has_main=has_main))
        for n, each in enumerate(detail.contexts)
    ]
    return [
        (kind if view.cell == BY_ACTIVATION else "", tuple(each for k, each in seen if k == kind)) for kind in kinds
    ]


def _with_partners(context: Context, others: Sequence[tuple[float, ...]], *, has_main: bool) -> SplitContext:
    main = (context.partner_activations or ()) if has_main else ()
    return SplitContext(context.row, context.position, context.start, context.activations, (main, *others))


def _tabs(
    visit: Visit, latent: LatentScores, detail: LatentDetail, split: Split | None, view: View
) -> tuple[Choice, ...]:
    n_strongest = sum(context.kind == "top" for context in detail.contexts)
    counts = {STRONGEST: n_strongest, BY_ACTIVATION: len(detail.contexts) - n_strongest}
    if split is not None:
        counts |= {cell: split.count(cell, split.check(cell, None)) for cell in split.available}
    return tuple(
        Choice(TITLES[name], _href(visit, latent, view.query(cell=name, partner=None)), name == view.cell, count)
        for name, count in counts.items()
    )


def _partner_choices(
    visit: Visit, latent: LatentScores, split: Split | None, view: View, cell: Cell | None, chosen: int | None
) -> tuple[Choice, ...]:
    if split is None or cell is None or len(split.partners) < 2:
        return ()
    is_mixed = cell == "mixed_in_without_main"
    every = [Choice("any", _href(visit, latent, view.query(partner=None)), chosen is None, split.count(cell, None))]
    return (
        *(every if is_mixed else ()),
        *(
            Choice(
                str(partner),
                _href(visit, latent, view.query(partner=partner)),
                partner == chosen,
                split.count(cell, partner),
                show.plain(split.others[partner].label),
            )
            for partner in split.partners[int(is_mixed) :]
        ),
    )


def _mark_choices(
    visit: Visit, latent: LatentScores, split: Split | None, partners: Sequence[int], view: View
) -> tuple[Choice, ...]:
    """A link for each partner that marks it, or takes its mark away."""
    found = []
    for partner in partners:
        rest = tuple(each for each in view.marked if each != partner)
        is_marked = partner in view.marked
        wanted = rest if is_marked else (*rest[: MOST_MARKS - 1], partner)
        label = show.plain(split.others[partner].label) if split is not None else ""
        mark = view.marked.index(partner) + 1 if is_marked else 0
        query = view.query(mark=_listed(wanted))
        found.append(Choice(str(partner), _href(visit, latent, query), is_marked, label=label, mark=mark))
    return tuple(found)


def _switches(visit: Visit, latent: LatentScores, view: View) -> tuple[Choice, ...]:
    """Whole rows and near duplicates, each turned on or off by its link."""
    length, duplicates = ("whole" if view.is_short else "short"), ("" if view.with_duplicates else "1")
    return (
        Choice("whole rows", _href(visit, latent, view.query(length=length)), not view.is_short),
        Choice("near duplicates", _href(visit, latent, view.query(duplicates=duplicates)), view.with_duplicates),
    )


def _href(visit: Visit, latent: LatentScores, query: Pairs) -> str:
    return f"{links.latent(visit.slug, latent.sae, latent.index, query)}#contexts"


def _note(latent: LatentScores, split: Split | None, cell: Cell | None, chosen: int | None) -> str:
    """What the tab shows, in a sentence."""
    if split is None or cell is None:
        return ""
    side: Side = other_side(latent.sae)
    own = f"{latent.sae.capitalize()} {latent.index}"
    n = f"{show.number(split.count(cell, chosen))} tokens, strongest first."
    main = f"{side} {split.partners[0]}"
    if cell == "mixed_in_without_main":
        mixed = " or ".join(map(str, split.partners[1:] if chosen is None else (chosen,)))
        return f"{own} fires with {side} {mixed}, and its main partner {main} doesn't: {n}"
    other = f"{side} {chosen}"
    if cell == "both":
        return f"{own} and {other} both fire: {n}"
    if cell == "without_main":
        return f"{own} fires and {other} doesn't: {n}"
    return f"Near misses: {other} fires and {own.lower()} doesn't: {n}"
