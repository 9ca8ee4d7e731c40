"""Just enough reading of HTML for tests: elements, text, and whether tags are balanced."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "input", "br", "img", "base", "rect", "hr"})


@dataclass
class Element:
    """An element: its tag, its attributes, and the text in it."""

    tag: str
    attributes: dict[str, str]
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.parts)

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()


class Document(HTMLParser):
    """A page, read whole. Raises ValueError where tags are not balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.open: list[Element] = []
        self.feed(text)
        self.close()
        if self.open:
            raise ValueError(f"left open: {[element.tag for element in self.open]}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        if len(element.attributes) != len(attrs):
            raise ValueError(f"an attribute of <{tag}> is given twice: {attrs}")
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open[-1].tag != tag:
            raise ValueError(f"</{tag}> closes {self.open[-1].tag if self.open else 'nothing'}")
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.parts.append(data)

    def all(self, tag: str, *classes: str) -> list[Element]:
        """The elements with that tag and those classes, in order."""
        return [e for e in self.elements if e.tag == tag and set(classes) <= set(e.classes)]

    def one(self, tag: str, *classes: str) -> Element:
        """The only such element."""
        (element,) = self.all(tag, *classes)
        return element

    def by_id(self, name: str) -> Element:
        """The element with that id."""
        (element,) = [e for e in self.elements if e.attributes.get("id") == name]
        return element

    def hrefs(self) -> list[str]:
        """Where the page's links lead."""
        return [e.attributes["href"] for e in self.elements if e.tag == "a" and "href" in e.attributes]
