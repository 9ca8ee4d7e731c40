"""Templates use every field of their context, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import pytest
from jinja2 import UndefinedError, meta, nodes

from app.records import FiringTable
from app.store.read_levels import LevelPairCount
from app.web.pages.contexts.about import AboutPage, SpecGroup
from app.web.pages.contexts.common import (
    Crumb,
    FilterChip,
    FilterField,
    FilterForm,
    Frame,
    NearLatent,
    ShownContext,
    ShownToken,
)
from app.web.pages.contexts.degree import DegreePage
from app.web.pages.contexts.diff import (
    CrossingCell,
    CrossingRow,
    DiffCounts,
    DiffFact,
    DiffNewPage,
    DiffOrder,
    DiffPage,
)
from app.web.pages.contexts.home import HomePage, SortLink
from app.web.pages.contexts.intervention import FallRow, InterventionPage
from app.web.pages.contexts.job_forms import AskForm, CompareNewPage, SaeNewPage
from app.web.pages.contexts.jobs import JobPage, JobRow, JobsPage
from app.web.pages.contexts.lab import LabPage, ShownToy
from app.web.pages.contexts.latent import Corrected, FiringPart, LatentPage, Pictures, Steps
from app.web.pages.contexts.latents import Column, LatentsPage
from app.web.pages.contexts.levels import FamilyTree, LevelChoice, LevelsPage, PrefixComparison
from app.web.pages.contexts.lists import ListItem, ListPage
from app.web.pages.contexts.marked import Choice, ContextSection, MarkedContext, MarkedGroup, MarkedToken, TokenMark
from app.web.pages.contexts.overview import OverviewPage, TopLatent
from app.web.pages.contexts.pair import CellLinks, PairPage
from app.web.pages.contexts.prompt import (
    GridRow,
    PromptChoice,
    PromptExample,
    PromptGrid,
    PromptNotice,
    PromptPage,
    PromptRow,
    PromptShown,
)
from app.web.pages.contexts.saes import MeasuredRelease, SaePage, SaesPage
from app.web.pages.contexts.search import SearchPage
from app.web.pages.contexts.validation import ValidationPage
from app.web.shared.comparison_numbers import ComparisonRow
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.interventions import ShownReleases, StoredIntervention
from app.web.shared.latents import PartnerRow
from app.web.shared.templating import environment, render

TEMPLATES = {
    "home.html": HomePage,
    "diff.html": DiffPage,
    "diff_new.html": DiffNewPage,
    "overview.html": OverviewPage,
    "latents.html": LatentsPage,
    "latent.html": LatentPage,
    "pair.html": PairPage,
    "levels.html": LevelsPage,
    "degree.html": DegreePage,
    "intervention.html": InterventionPage,
    "list.html": ListPage,
    "prompt.html": PromptPage,
    "sae.html": SaePage,
    "saes.html": SaesPage,
    "search.html": SearchPage,
    "jobs.html": JobsPage,
    "job.html": JobPage,
    "compare_new.html": CompareNewPage,
    "sae_new.html": SaeNewPage,
    "about.html": AboutPage,
    "lab.html": LabPage,
    "validation.html": ValidationPage,
}
PARTS = (
    Frame,
    Crumb,
    Plot,
    DataTable,
    FilterChip,
    FilterField,
    FilterForm,
    ShownToken,
    ShownContext,
    MarkedGroup,
    MarkedContext,
    MarkedToken,
    TokenMark,
    Choice,
    ContextSection,
    FiringPart,
    CellLinks,
    Pictures,
    Corrected,
    ComparisonRow,
    SortLink,
    DiffFact,
    DiffCounts,
    DiffOrder,
    CrossingRow,
    CrossingCell,
    MeasuredRelease,
    ListItem,
    LevelChoice,
    LevelPairCount,
    FamilyTree,
    PrefixComparison,
    TopLatent,
    Column,
    NearLatent,
    Steps,
    PartnerRow,
    FallRow,
    ShownReleases,
    StoredIntervention,
    FiringTable,
    PromptChoice,
    PromptNotice,
    PromptRow,
    PromptShown,
    PromptExample,
    PromptGrid,
    GridRow,
    SpecGroup,
    ShownToy,
    JobRow,
    AskForm,
)


def trees(name: str) -> Iterator[nodes.Template]:
    """A template and those it extends; macros have their own arguments."""
    loader = environment().loader
    assert loader is not None
    tree = environment().parse(loader.get_source(environment(), name)[0])
    yield tree
    for parent in tree.find_all(nodes.Extends):
        yield from trees(parent.template.as_const())


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_uses_exactly_the_fields_of_its_context(name: str) -> None:
    found = list(trees(name))
    undeclared = {variable for tree in found for variable in meta.find_undeclared_variables(tree)}
    imported = [name for tree in found for node in tree.find_all(nodes.FromImport) for name in node.names]
    macros = {name if isinstance(name, str) else name[1] for name in imported}  # (name, the name it goes by here)
    macros |= {macro.name for tree in found for macro in tree.find_all(nodes.Macro)}
    assert undeclared - macros - set(environment().globals) == {field.name for field in fields(TEMPLATES[name])}


def test_every_page_template_is_listed() -> None:
    pages = {name for name in environment().list_templates() if not name.startswith("_")}
    assert pages == set(TEMPLATES) | {"layout.html", "page.html", "error.html"}


@pytest.mark.parametrize("part", PARTS)
def test_every_field_of_a_part_is_shown_somewhere(part: type) -> None:
    read = set()
    for name in environment().list_templates():
        for tree in trees(name):
            read |= {node.attr for node in tree.find_all(nodes.Getattr)}
    assert {field.name for field in fields(part)} - read == set()


def test_templates_hold_no_script() -> None:
    for name in environment().list_templates():
        assert environment().loader is not None
        source = environment().loader.get_source(environment(), name)[0]  # type: ignore[union-attr]
        assert "javascript:" not in source
        assert " style=" not in source
        assert "| safe" not in source


def test_a_missing_variable_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="status"):
        render("error.html", title="x", detail="y", valid=())


def test_an_error_page_escapes_and_lists(client: object) -> None:
    text = render("error.html", status=400, title="<b>", detail="found '<i>'", valid=("a<", "b"))
    assert "&lt;b&gt;" in text
    assert "found &#39;&lt;i&gt;&#39;" in text
    assert "<code>a&lt;</code>" in text
