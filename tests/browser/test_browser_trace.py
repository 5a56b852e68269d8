"""The page of a trace in a real Chromium: what the pointer marks, that the keyboard reaches it all,
three widths, light and dark.
"""

import pytest
from helpers.samples import SAMPLES
from node_pages import run_in_node

from nnc_conformance.reports.trace import build_trace, render_trace

STREAM = bytes.fromhex("0004000000080401001ffc80000e1409610020e0a002340080fe")
"""A start unit of 4 bytes, a model parameter set of 8, and a data unit of 14 with one index."""
LONG = max((path for path in SAMPLES if path.stat().st_size < 4000), key=lambda path: path.stat().st_size).read_bytes()
STREAMS = {"one": STREAM, "broken": STREAM[:20], "long": LONG}
PAGES = tuple(STREAMS)
SCHEMES = ("light", "dark")
WIDTHS = (390, 820, 1280)
EVERYWHERE = [f"{scheme}-{width}" for scheme in SCHEMES for width in WIDTHS]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict:
    pages = {name: render_trace(build_trace(f"{name}.nnr", stream)) for name, stream in STREAMS.items()}
    return run_in_node("trace.mjs", pages, tmp_path_factory.mktemp("traces"), seconds=300)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_silent_and_alone(measured: dict, name: str) -> None:
    assert measured[name]["errors"] == []
    assert [address for address in measured[name]["requests"] if not address.startswith(("file:", "data:"))] == []
    assert len([address for address in measured[name]["requests"] if address.startswith("file:")]) == 1


@pytest.mark.parametrize("where", EVERYWHERE)
@pytest.mark.parametrize("name", PAGES[:2])
def test_axe_finds_nothing_serious(measured: dict, name: str, where: str) -> None:
    assert measured[name]["axe"][where] == []


@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_the_window(measured: dict, name: str) -> None:
    assert measured[name]["overflow"] == []


@pytest.mark.parametrize("where", EVERYWHERE)
@pytest.mark.parametrize("name", PAGES)
def test_an_element_marks_its_bits(measured: dict, name: str, where: str) -> None:
    """Every stream begins with a start unit, whose second element, nnr_unit_size, is bits 1 to 15
    and says 4.
    """
    marks = measured[name]["marks"][where]["row"]
    assert marks["bytes"] == [0, 1]
    assert marks["rows"] == [1]
    assert marks["text"] == "nnr_unit_size = 4; bits 1 to 15: 0000000000000100"
    assert marks["own"] == "000000000000100"
    assert (marks["byteSeen"], marks["rowSeen"], marks["page"]) == (True, True, 0)


@pytest.mark.parametrize("where", EVERYWHERE)
@pytest.mark.parametrize("name", PAGES)
def test_a_byte_marks_its_elements(measured: dict, name: str, where: str) -> None:
    """Byte 2 holds the six bits of nnr_unit_type (NNR_STR is 0) and two flags, which are the third
    to fifth elements.
    """
    bits = f"{STREAMS[name][2]:08b}"
    marks = measured[name]["marks"][where]["byte"]
    assert (marks["bytes"], marks["rows"], marks["around"]) == ([2], [2, 3, 4], [])
    assert marks["text"] == (
        f"byte 2, {bits}: nnr_unit_header/nnr_unit_type = 0, nnr_unit_header/independently_decodable_flag = {bits[6]}, "
        f"nnr_unit_header/partial_data_counter_present_flag = {bits[7]}"
    )
    assert (marks["byteSeen"], marks["rowSeen"], marks["page"]) == (True, True, 0)


def test_the_keyboard_reaches_all_that_the_pointer_shows(measured: dict) -> None:
    used = measured["one"]["used"]
    rows, count = used["counts"]
    assert count == len(STREAM)
    assert used["stops"] == ["a", "gridcell", "summary", "option"]
    assert used["walked"] == used["hovered"]
    assert len(set(used["hovered"]["rows"])) > 40
    assert len(used["hovered"]["rows"]) == rows
    # 0x01: five flags that are 0, then mps_quantization_method_flags of three bits
    assert used["hovered"]["bytes"][7].startswith("byte 7, 00000001: nnr_unit_payload/topology_carriage_flag = 0, ")
    assert used["hovered"]["bytes"][7].endswith("nnr_unit_payload/mps_unification_flag = 0, and 2 more")


def test_keys_go_where_they_say(measured: dict) -> None:
    used = measured["one"]["used"]
    assert used["below"] == [16]  # a row has 16 bytes
    assert used["end"] == [len(STREAM) - 1]
    assert used["lastOpen"] == "nnr_unit_payload/cabac_codeword"  # the bins below it are folded
    assert used["kept"] == [0]
    assert (used["escaped"]["text"], used["escaped"]["bytes"], used["escaped"]["rows"]) == ("Nothing is marked.", [], [])
    assert used["let"] == [4]


def test_a_byte_leads_to_its_element_and_unfolds_it(measured: dict) -> None:
    assert measured["one"]["used"]["led"] == ["nnr_unit_header/nnr_unit_type", True]
