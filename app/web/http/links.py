"""Every URL of the site is made here: pages, their twins, the API and static files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from urllib.parse import quote, urlencode

from app.records import Side
from app.web.http.caching import build_tag
from app.web.http.prefix import below_prefix

API = "/api/v1"


class Named(Protocol):
    """What names a latent."""

    @property
    def sae(self) -> Side:
        """Its SAE."""
        ...

    @property
    def index(self) -> int:
        """Its index there."""
        ...


Pairs = Iterable[tuple[str, str]]
"""Query parameters in order; a name may occur more than once."""


def home() -> str:
    """All comparisons."""
    return below_prefix("/")


def saes(name: str | None = None) -> str:
    """The registered SAEs, or the page of one; a prefix `name@width` is on the page of its whole SAE."""
    return below_prefix("/saes") if name is None else below_prefix(f"/saes/of/{quote(name.partition('@')[0])}")


def sae_new(query: Pairs = ()) -> str:
    """The form to register an SAE."""
    return with_query(below_prefix("/saes/new"), query)


def sae_upload() -> str:
    """Where the form for the files of an SAE is sent."""
    return below_prefix("/saes/upload")


def compare_new(query: Pairs = ()) -> str:
    """The form for a comparison."""
    return with_query(below_prefix("/compare/new"), query)


def search(query: Pairs = ()) -> str:
    """What a search finds."""
    return with_query(below_prefix("/search"), query)


def jobs(before: int | None = None) -> str:
    """The jobs, newest first; those before one of them."""
    return with_query(below_prefix("/jobs"), () if before is None else (("before", str(before)),))


def job(job_id: int) -> str:
    """One job."""
    return below_prefix(f"/jobs/{job_id}")


def about(field: str | None = None) -> str:
    """What the scores mean, or the definition of one of them."""
    path = below_prefix("/about")
    return path if field is None else f"{path}#{quote(field, safe='')}"


def lab() -> str:
    """Tiny SAEs on worlds with known features."""
    return below_prefix("/lab")


def validation() -> str:
    """The scores against known truth."""
    return below_prefix("/validation")


def comparison(slug: str, query: Pairs = ()) -> str:
    """A comparison's overview."""
    return with_query(below_prefix(f"/c/{quote(slug, safe='')}"), query)


def latents(slug: str, query: Pairs = ()) -> str:
    """The table of a comparison's latents."""
    return with_query(f"{comparison(slug)}/latents", query)


def latents_file(slug: str, ending: str, query: Pairs = ()) -> str:
    """The same latents as a file; `ending` is `csv`, `ndjson` or `json`."""
    return with_query(f"{comparison(slug)}/latents.{ending}", query)


def latent(slug: str, side: Side, index: int, query: Pairs = ()) -> str:
    """One latent's page."""
    return with_query(f"{comparison(slug)}/{side}/{index}", query)


def random_latent(slug: str, side: Side) -> str:
    """Leads to any latent of one SAE, another one each time."""
    return f"{comparison(slug)}/random?sae={side}"


def pair(slug: str, narrow: int, reference: int) -> str:
    """A narrow latent and a reference latent."""
    return f"{comparison(slug)}/pairs/{narrow}/{reference}"


def levels(slug: str, query: Pairs = ()) -> str:
    """A comparison's Matryoshka levels."""
    return with_query(f"{comparison(slug)}/levels", query)


def degree(slug: str, x: str | None = None) -> str:
    """The paper's hedging degree of a comparison's narrow SAE, drawn against a field of its latents."""
    return with_query(f"{comparison(slug)}/degree", () if x is None else (("x", x),))


def intervention(slug: str, number: int | None = None) -> str:
    """The newest intervention on a comparison, or one of them."""
    return with_query(f"{comparison(slug)}/intervention", () if number is None else (("id", str(number)),))


def prompt(slug: str, chosen: Named | None = None, pins: Iterable[Named] = (), example: int | None = None) -> str:
    """The page for a text of one's own: a latent chosen, others pinned, an example in the box."""
    pinned = ",".join(f"{pin.sae}:{pin.index}" for pin in pins)
    query = (
        ("latent", "" if chosen is None else f"{chosen.sae}:{chosen.index}"),
        ("pin", pinned),
        ("example", "" if example is None else str(example)),
    )
    return with_query(f"{comparison(slug)}/prompt", [pair for pair in query if pair[1]])


def diff(a: str, b: str, query: Pairs = ()) -> str:
    """Two comparisons, latent by latent."""
    return with_query(below_prefix(f"/diff/{quote(a, safe='')}/{quote(b, safe='')}"), query)


def diff_file(a: str, b: str, ending: str) -> str:
    """The same latents as a file; `ending` is `csv` or `ndjson`."""
    return f"{diff(a, b)}.{ending}"


def diff_new(a: str | None = None) -> str:
    """The form that chooses two comparisons, the first of them chosen already."""
    return with_query(below_prefix("/diff"), () if a is None else (("a", a),))


def api_diff(a: str, b: str) -> str:
    """Two comparisons latent by latent, in the API."""
    return below_prefix(f"{API}/diff/{quote(a, safe='')}/{quote(b, safe='')}")


def lists(query: Pairs = ()) -> str:
    """A list of latents; the query is the list."""
    return with_query(below_prefix("/lists"), query)


def points(slug: str) -> str:
    """The columns that the overview's plot draws."""
    return f"{comparison(slug)}/points.json"


def preview(slug: str) -> str:
    """The picture that a link to a comparison shows in chats."""
    return f"{comparison(slug)}/preview.png"


def api_comparison(slug: str) -> str:
    """A comparison in the API."""
    return below_prefix(f"{API}/comparisons/{quote(slug, safe='')}")


def api_job(job_id: int) -> str:
    """A job in the API."""
    return below_prefix(f"{API}/jobs/{job_id}")


def api_jobs() -> str:
    """The jobs in the API."""
    return below_prefix(f"{API}/jobs")


def api_validation() -> str:
    """The checks of the scores in the API."""
    return below_prefix(f"{API}/validation")


def api_worker() -> str:
    """Whether live prompts are possible, in the API."""
    return below_prefix(f"{API}/worker")


def docs() -> str:
    """The API's documentation."""
    return below_prefix("/docs")


def neuronpedia(sae_id: str, index: int | None = None) -> str:
    """An SAE on Neuronpedia, or one of its latents."""
    return f"https://www.neuronpedia.org/{quote(sae_id)}" + ("" if index is None else f"/{index}")


def static(path: str) -> str:
    """A file below `static/`; the query changes with the program, so that browsers fetch it anew."""
    return below_prefix(f"/static/{quote(path)}?v={build_tag()}")


def twin(path: str, query: Pairs = ()) -> str:
    """The `.json` twin of a page."""
    return with_query(below_prefix("/index.json" if path == "/" else f"{path}.json"), query)


def with_query(path: str, query: Pairs = ()) -> str:
    """A path with parameters, in the order given; commas and colons stay readable."""
    text = urlencode(list(query), safe=",:")
    return f"{path}?{text}" if text else path
