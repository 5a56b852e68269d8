"""Directed encoding: bins are asked for, and the decoder, which knows nothing of the search, meets
them.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.coverage.contexts import EXTREMES, context_names, key
from nnc_conformance.generator.coverage.events import event
from nnc_conformance.generator.coverage.measure import StreamCoverage, measure
from nnc_conformance.generator.directed.contexts import drive
from nnc_conformance.generator.directed.engine import end_at, meet_entries
from nnc_conformance.generator.directed.rows import block_rows, columns_for, lengths_with_changes
from nnc_conformance.generator.facts import met_in
from nnc_conformance.generator.recipe import write
from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.entropy.contexts import context_layout
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_INT

UNARY = 10


def one_tensor(quants: list[int], sets: np.ndarray, *, dq_flag: bool = False) -> StreamCoverage:
    head = header(NNR_PT_FLOAT if dq_flag else NNR_PT_INT, "w", (len(quants),), dq_flag=dq_flag)
    found = measure(write([*opening(), ndu(head, Coded(quants, 0, sets))]))
    assert not found.error
    return found


@pytest.mark.parametrize("number", [0, 4, 8])
@pytest.mark.parametrize("bin_value", [0, 1])
def test_context_17_is_driven_to_its_most_skewed_state(number: int, bin_value: int) -> None:
    layout = context_layout(True, UNARY)
    sets = np.full(layout.flag, number, np.int64)
    quants = drive(layout, sets, range(1, 14), {(17, bin_value)}).tolist()
    assert one_tensor(quants, sets, dq_flag=True).counts[key(context_names(layout)[17], number, EXTREMES[bin_value])]
    assert not one_tensor(quants[: len(quants) // 4], sets, dq_flag=True).counts[
        key(context_names(layout)[17], number, EXTREMES[bin_value])
    ]


def test_a_context_that_no_index_can_drive_is_an_error() -> None:
    layout = context_layout(False, UNARY)
    with pytest.raises(ValueError, match="no cycle reaches"):
        drive(layout, np.zeros(layout.flag, np.int64), [1], {(layout.prefix, 1)})


@pytest.mark.parametrize("left", range(8))
def test_a_codeword_terminates_with_so_many_bits_left(left: int) -> None:
    coding = TensorCoding(2, 1, 0, False, UNARY, 0)
    sets = np.zeros(coding.layout.flag, np.int64)
    quants = next(end_at(coding, sets, 7 - left))
    assert one_tensor(quants, sets).counts[event("terminate, stop bit", f"bit {7 - left} of a byte")] == 1


def test_entries_of_the_range_table_are_met_by_the_path_asked_for() -> None:
    coding = TensorCoding(1, 1, 0, False, UNARY, 0)
    sets = np.full(coding.layout.flag, 1, np.int64)
    counts = one_tensor(meet_entries(coding, sets, {(0, 20, 0), (7, 3, 1)}), sets).counts
    assert counts[event("lps_range_table row 0", "column 20, MPS")]
    assert counts[event("lps_range_table row 7", "column 3, LPS")]


@settings(max_examples=10)
@given(st.lists(st.integers(60, 900), min_size=1, max_size=3))
def test_block_rows_take_exactly_so_many_bits(lengths: list[int]) -> None:
    rows, columns = 8 * len(lengths) + 1, columns_for(max(lengths), 8)
    coding = TensorCoding(rows, columns, 1, False, UNARY, 0)
    head = header(NNR_PT_INT, "w", (rows, columns), scan_order=1)
    stream = write([*opening(), ndu(head, Coded(block_rows(coding, lengths)))])
    coded = met_in(stream).units[-1].header
    deltas = [coded["bit_offset_delta1"], *coded.get("bit_offset_delta2", [])]
    assert np.cumsum(deltas).tolist() == lengths


@given(st.lists(st.integers(-500, 500).filter(bool), min_size=1, max_size=6, unique_by=abs))
def test_lengths_change_by_what_is_asked_for(changes: list[int]) -> None:
    try:
        lengths = lengths_with_changes(changes, 100)
    except ValueError:
        return
    assert sorted(np.diff(lengths).tolist()) == sorted(changes)
