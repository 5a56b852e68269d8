"""The pages in a real Chromium: silent, usable by keyboard, nothing serious for axe, no wider than
the window.
"""

import pytest
from helpers.certificate_bodies import body_of, encoder_body_of
from helpers.large_report import CASES, many_cases
from helpers.report_documents import case, document, every_outcome
from node_pages import run_in_node

from nnc_conformance.reports.certification.certificate import Certificate
from nnc_conformance.reports.certification.encoder_certificate import EncoderCertificate
from nnc_conformance.reports.certification.encoder_page import render_encoder_certificate
from nnc_conformance.reports.certification.page import render_certificate
from nnc_conformance.reports.html import render_html
from nnc_conformance.reports.results import loaded
from nnc_conformance.reports.summary import build_report
from nnc_conformance.storage.sealed import seal
from nnc_conformance.storage.signing import Purpose
from nnc_conformance.suites.results.outcomes import Outcome

PAGES = ("many", "some", "every", "certificate", "encoder-certificate")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("pages")
    earlier = loaded("earlier", document(case("case-fail"), case("case-pass", outcome=Outcome.CRASH), case("gone"), case("disputed")))
    sealed, of_encoder = (seal(body, Purpose.CERTIFICATE, None) for body in (body_of(), encoder_body_of()))
    pages = {
        "many": render_html(build_report([loaded("results.json", document(*many_cases(CASES)))])),
        "some": render_html(build_report([loaded("results.json", document(*many_cases(80)))])),
        "every": render_html(build_report([loaded("results.json", document(*every_outcome("alpha"), *every_outcome("beta")))], earlier)),
        "certificate": render_certificate(Certificate(body=sealed.body, seal=sealed.seal)),
        "encoder-certificate": render_encoder_certificate(EncoderCertificate(body=of_encoder.body, seal=of_encoder.seal)),
    }
    return run_in_node("check.mjs", pages, folder, seconds=300)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_silent_and_alone(measured: dict, name: str) -> None:
    assert measured[name]["errors"] == []
    assert [address for address in measured[name]["requests"] if not address.startswith(("file:", "data:"))] == []
    assert len([address for address in measured[name]["requests"] if address.startswith("file:")]) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES[1:])
def test_axe_finds_nothing_serious(measured: dict, name: str, scheme: str) -> None:
    assert measured[name]["axe"][scheme] == []


@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_the_window(measured: dict, name: str) -> None:
    assert measured[name]["overflow"] == []


def test_two_thousand_cases_are_there_at_once(measured: dict) -> None:
    """All of them, without scrolling or a request; `nox -s report-page` says how soon."""
    assert measured["many"]["used"]["all"] == CASES


def test_filters_and_sorting_work(measured: dict) -> None:
    used = measured["many"]["used"]
    assert used["failing"] == CASES // 20
    assert used["count"] == "100 of 2,000 cases shown"
    assert used["text"] == 1
    assert used["withoutLevel"] == CASES * 3 // 4
    assert (used["strips"], used["articles"]) == (1, 0)
    assert (used["ascending"], used["descending"], used["sort"]) == ("case-0000", "case-1999", "descending")
    assert used["firstStop"] == "Skip to the report"
    assert used["ofFigure"] == "1,500 of 2,000 cases shown"
