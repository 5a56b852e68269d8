"""The pages in a real Chromium: fast, silent, usable by keyboard, nothing serious for axe, no wider
than the window.
"""

import numpy as np
import pytest
from helpers.certificate_bodies import body_of
from helpers.report_documents import ACCURACY, case, document, every_outcome
from node_pages import told_by

from nnc_conformance.reports.certification.certificate import Certificate
from nnc_conformance.reports.certification.page import render_certificate
from nnc_conformance.reports.html import render_html
from nnc_conformance.reports.results import loaded
from nnc_conformance.reports.summary import build_report
from nnc_conformance.storage.sealed import seal
from nnc_conformance.storage.signing import Purpose
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.judging.compare import compare_tensor
from nnc_conformance.suites.results.outcomes import Outcome

CASES = 2000
PAGES = ("many", "some", "every", "certificate")


def many_cases(count: int):
    """Cases of two levels on one decoder, one in twenty failing with a picture, and a network."""
    random = np.random.default_rng(1)
    expected = random.normal(size=(64, 96)).astype("<f4")
    for number in range(count):
        level = Level.NEGATIVE if number % 4 == 0 else Level.CORE
        if number % 20:
            accuracy = ACCURACY if number == 1 else ()
            yield case(f"case-{number:04}", level=level, accuracy=accuracy)
            continue
        actual = np.where(random.random(expected.shape) < 0.02 * (number % 50), expected * 1.5, expected).astype("<f4")
        found = compare_tensor("conv.weight", expected, actual)
        differences = () if found is None else (found,)
        yield case(f"case-{number:04}", outcome=Outcome.FAIL, level=level, differences=differences, tensors_differing=len(differences))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("pages")
    earlier = loaded("earlier", document(case("case-fail"), case("case-pass", outcome=Outcome.CRASH), case("gone"), case("disputed")))
    sealed = seal(body_of(), Purpose.CERTIFICATE, None)
    pages = {
        "many": render_html(build_report([loaded("results.json", document(*many_cases(CASES)))])),
        "some": render_html(build_report([loaded("results.json", document(*many_cases(80)))])),
        "every": render_html(build_report([loaded("results.json", document(*every_outcome("alpha"), *every_outcome("beta")))], earlier)),
        "certificate": render_certificate(Certificate(body=sealed.body, seal=sealed.seal)),
    }
    return told_by("check.mjs", pages, folder, seconds=300)


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


def test_two_thousand_cases_are_there_within_a_second(measured: dict) -> None:
    """The page's thread is busy for less than a second of its own time, which another process on
    the machine does not add to.
    """
    print(f"busy for {measured['many']['busy']:.0f} ms, loaded after {measured['many']['loaded']:.0f} ms")
    assert 0 < measured["many"]["busy"] < 1000
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
