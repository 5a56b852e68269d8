"""The glossary: one text for the page and the HTML report, which holds it itself and so explains
its words offline.
"""

from html import escape
from pathlib import Path

import pytest
from helpers.report_documents import case, document

from nnc_conformance.reports.glossary import GLOSSARY, glossary_page
from nnc_conformance.reports.html import render_html
from nnc_conformance.reports.results import loaded
from nnc_conformance.reports.summary import build_report
from nnc_conformance.storage.vector import Level

ROOT = Path(__file__).parents[2]


def test_the_page_is_the_glossary() -> None:
    made = "python -m nnc_conformance.reports.glossary > docs/glossary.md"
    assert (ROOT / "docs/glossary.md").read_text() == glossary_page(), f"make it again: {made}"


def test_terms_stand_in_alphabetical_order() -> None:
    assert list(GLOSSARY) == sorted(GLOSSARY, key=str.lower)


def test_every_level_is_explained() -> None:
    assert all(f"{level.value}:" in GLOSSARY["Level"] for level in Level)


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_pages_lead_to_the_glossary(page: str) -> None:
    assert "glossary.md)" in (ROOT / page).read_text()


def test_the_report_holds_every_definition() -> None:
    page = render_html(build_report([loaded("r", document(case("one", "alpha")))]))
    assert '<a href="#glossary">' in page
    assert all(escape(definition) in page for definition in GLOSSARY.values())
