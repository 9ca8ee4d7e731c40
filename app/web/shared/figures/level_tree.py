"""The figure of a family tree: parents on the left, children on the right, a line for each link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from app.records import LevelLink
from app.web.shared import formatting as show
from app.web.shared.figures.style import shortened

ROW_PX = 24
LEFT, RIGHT = 42, 58
"""Where lines start and end, in percent of the width."""

THINNEST, THICKEST = 1.0, 7.0
LABEL = 24
"""Characters of a label."""


def tree_svg(links: Sequence[LevelLink], labels: Mapping[int, str], href: Callable[[int], str]) -> Markup:
    """The links as an `svg` element; each node leads to its latent, each line is as wide as it explains its parent.

    Args:
        links: at least one; those of a parent follow one another in the order of its first link.
        labels: of each latent.
        href: page of a latent.
    """
    parents = list(dict.fromkeys(link.parent for link in links))
    children = list(dict.fromkeys(link.child for link in sorted(links, key=lambda link: parents.index(link.parent))))
    height = ROW_PX * max(len(parents), len(children))
    left, right = _places(parents, height), _places(children, height)
    lines = Markup("").join(_line(link, left[link.parent], right[link.child]) for link in links)
    nodes = [_node(i, left[i], labels.get(i, ""), href(i), "parent") for i in parents]
    nodes += [_node(i, right[i], labels.get(i, ""), href(i), "child") for i in children]
    return Markup('<svg class="tree" width="100%" height="{0}">{1}{2}</svg>').format(
        height, lines, Markup("").join(nodes)
    )


def _places(latents: Sequence[int], height: float) -> dict[int, float]:
    """Middle of each row, in pixels from the top."""
    return {latent: (place + 0.5) * height / len(latents) for place, latent in enumerate(latents)}


def _line(link: LevelLink, top: float, bottom: float) -> Markup:
    width = THINNEST + (THICKEST - THINNEST) * link.p_child_given_parent
    text = (
        f"{link.child} fires on {show.percent(link.p_child_given_parent)} of the tokens of {link.parent}, "
        f"which fires on {show.percent(link.p_parent_given_child)} of those of {link.child}"
    )
    return Markup(
        '<line x1="{0}%" y1="{1:.1f}" x2="{2}%" y2="{3:.1f}" stroke-width="{4:.1f}"><title>{5}</title></line>'
    ).format(LEFT, top, RIGHT, bottom, width, text)


def _node(latent: int, y: float, label: str, href: str, kind: str) -> Markup:
    is_parent = kind == "parent"
    return Markup('<a href="{0}"><text class="{1}" x="{2}%" y="{3:.1f}" dx="{4}">{5}</text></a>').format(
        href, kind, LEFT if is_parent else RIGHT, y, -8 if is_parent else 8, f"{latent}  {shortened(label, LABEL)}"
    )
