"""A page's state, read from its URL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from app.errors import QueryError
from app.records import Side
from app.records.sides import SIDES
from app.store.filters import Filter
from app.web.http.params import FRAME, check_parameters

HIGHLIGHTS = ("both", "latent", "partner")
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Params:
    """The parameters of a page.

    Attributes:
        own: those that are not filters.
        filters: `(field__op, value)` in order, each once and written in one way: `0.5`, not `5e-1`.
        parsed: the same filters as conditions.
    """

    own: Mapping[str, str]
    filters: Pairs
    parsed: tuple[Filter, ...]

    def choice(self, name: str, default: str, valid: Sequence[str]) -> str:
        """A parameter that is one of some words. Raises QueryError for another one."""
        value = self.own.get(name, default)
        if value not in valid:
            raise QueryError(f"{name} is {value!r}; expected {', '.join(valid)}", parameter=name, valid=valid)
        return value

    def side(self) -> Side:
        """Which SAE the page is about; by default the narrow one."""
        return "reference" if self.choice("sae", "narrow", SIDES) == "reference" else "narrow"

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number within bounds. Raises QueryError for anything else."""
        text = self.own.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
            raise QueryError(f"{name} is {text!r}; expected a whole number from {least} to {most}", parameter=name)
        return int(text)

    def kept(self, *names: str) -> Pairs:
        """Those of its own parameters that are set, in the order given."""
        return tuple((name, self.own[name]) for name in names if name in self.own)


def read_params(
    request: Request, own: Collection[str] = (), *, filters: bool = False, repeated: Collection[str] = ()
) -> Params:
    """The query of a page.

    Args:
        own: parameters of this page, apart from those that every page takes.
        filters: whether it takes filters of latents as well.
        repeated: those of its own parameters that may be given several times; the last one is in `Params.own`.

    Raises:
        QueryError: an unknown or repeated parameter, or an invalid filter.
    """
    parsed = check_parameters(request, (*own, *FRAME), filters=filters, repeated=repeated)
    given = request.query_params.items()
    return Params({name: text for name, text in given if name in own}, tuple(map(as_parameter, parsed)), parsed)


def as_parameter(condition: Filter) -> tuple[str, str]:
    """A filter as a parameter, as links have it; browsers and this program read its value in the same way."""
    name = condition.field if condition.op == "eq" else f"{condition.field}__{condition.op}"
    value = condition.value
    if isinstance(value, tuple):
        return name, ",".join(map(_as_text, value))
    return name, _as_text(value)


def _as_text(value: int | float | str) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
