"""The overview's plot filters in the browser, with the operations of the store."""

from __future__ import annotations

import re

from app.paths import resource
from app.store.filters import OPS


def test_the_browser_has_the_same_operations() -> None:
    source = resource("static/js/filters.js").read_text()
    table = re.search(r"const OPS = \{\n(.*?)\n\};", source, re.DOTALL)
    assert table is not None
    assert re.findall(r"^  (\w+): ", table[1], re.MULTILINE) == list(OPS)
