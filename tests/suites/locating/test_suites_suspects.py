"""Locating a fault, on handmade spectra, with coefficients by definition."""

import math

import pytest

from nnc_conformance.suites.locating.spectrum import Extent, spectrum_of
from nnc_conformance.suites.locating.suspects import locate_fault
from nnc_conformance.suites.results.fault_location import FaultLocation


def located(*vectors: tuple[str, bool]) -> FaultLocation | None:
    """Locate a fault from vectors, given as ``element=value element`` and whether they fail."""
    spectra = []
    for text, _ in vectors:
        spectrum = {}
        for word in text.split():
            element, _, value = word.partition("=")
            number = int(value) if value else None
            spectrum[element] = Extent({value} if value else set(), number, number)
        spectra.append(spectrum)
    return locate_fault("d", spectra, [fails for _, fails in vectors])


def test_what_exactly_the_failing_have_fits_best() -> None:
    found = located(("dq_flag=1 scan_order=0", True), ("dq_flag=0 scan_order=0", False), ("dq_flag=1", True), ("qp_delta", False))
    assert found is not None
    assert (found.named[0].element, found.named[0].what, found.named[0].score) == ("dq_flag", "1", 1.0)
    assert (found.named[0].failing, found.named[0].passing) == (2, 0)
    assert str(found) == "The fault is most likely in dq_flag (clause 6 nnr_compressed_data_unit_header; 1)."


def test_the_score_is_ochiais_coefficient() -> None:
    found = located(("dq_flag", True), ("dq_flag", True), ("dq_flag", False), ("", True), ("scan_order", False))
    assert found is not None
    first = found.suspects[0]
    assert (first.element, first.failing, first.passing) == ("dq_flag", 2, 1)
    assert first.score == pytest.approx(2 / math.sqrt(3 * 3), abs=1e-3)


def test_elements_that_always_occur_together_are_named_together() -> None:
    found = located(("decomposition_rank g_number_of_rows", True), ("qp_delta", False))
    assert found is not None
    assert {one.element for one in found.named} == {"decomposition_rank", "g_number_of_rows"}
    assert " or " in str(found)


def test_a_fault_may_need_two_to_meet() -> None:
    found = located(
        ("dq_flag=1 scan_order=1", True), ("dq_flag=1 scan_order=0", False), ("dq_flag=0 scan_order=1", False), ("qp_delta", False)
    )
    assert found is not None
    assert found.together
    assert {(one.element, one.what) for one in found.named} == {("dq_flag", "1"), ("scan_order", "1")}
    assert " with " in str(found)


def test_a_fault_may_be_in_either_of_two() -> None:
    found = located(("codebook_zero_value", True), ("bit_offset_delta2", True), ("qp_delta", False), ("qp_delta", False))
    assert found is not None
    assert not found.together
    assert {one.element for one in found.named} == {"codebook_zero_value", "bit_offset_delta2"}
    assert found.named[0].score == 1.0


def test_amounts_are_compared_with_powers_of_two() -> None:
    few = [(f"count_tensor_dimensions={count}", False) for count in (1, 3, 7)]
    found = located(("count_tensor_dimensions=9", True), ("count_tensor_dimensions=32", True), *few)
    assert found is not None
    assert found.named[0].what == "8 or more"
    found = located(("qp_delta=-3", True), ("qp_delta=-9", True), ("qp_delta=0", False), ("qp_delta=4", False))
    assert found is not None
    assert found.named[0].what == "-1 or less"


@pytest.mark.parametrize(
    "vectors", [(("dq_flag", True),), (("dq_flag", False),), (("", True), ("", False)), (("", True), ("dq_flag", False)), ()]
)
def test_nothing_is_located_if_nothing_differs(vectors: tuple[tuple[str, bool], ...]) -> None:
    assert located(*vectors) is None


def test_a_spectrum_has_what_is_in_the_stream() -> None:
    stream = bytes.fromhex(
        "0004000000080401001ffc80000e1409610020e0a002340080fe000e1409620060e0a002340032db00111401630061c17fc08d0000002d7580"
    )
    spectrum = spectrum_of(stream)
    assert spectrum["dq_flag"].classes == {"0", "1"}, "the second of its three data units has it"
    assert (spectrum["cabac_unary_length_minus1"].least, spectrum["cabac_unary_length_minus1"].greatest) == (255, 255)
    assert "scan_order" not in spectrum
    assert spectrum_of(b"") == {}
