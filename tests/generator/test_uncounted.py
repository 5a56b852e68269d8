"""For each capability the suite has a good vector that counts, or the capability says why none can."""

import zlib
from collections import Counter

import plain_decoder
import pytest
from plain_decoder import PlainError

from nnc_conformance.generator.composition import opening
from nnc_conformance.generator.facts import met_in
from nnc_conformance.generator.recipe import write
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.composer import topology_unit
from nnc_conformance.reference.syntax.elements import ELEMENTS
from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.reference.syntax.structures.topology import DEFLATE, NNR_TPL_UNREC
from nnc_conformance.storage.suite_folder import built_in_root, load_suite
from nnc_conformance.storage.vector import CAPABILITIES, Level, Vector, capabilities_of
from nnc_conformance.suites.results.standing import CaseStanding, standing

SUITE = load_suite(built_in_root(), verify=False)
GOOD = [
    stored
    for stored in SUITE.vectors
    if isinstance(stored.vector, Vector) and stored.vector.negative is None and stored.vector.level is not Level.MODELS
]
COUNTED = [stored for stored in GOOD if standing(stored.vector.level, stored.vector.provenance) is CaseStanding.CONFORMANCE]
INFERRED = {
    "aggregate": {"nnr_aggregate_unit_type", "num_of_nnr_units_minus2", "entry_points_present_flag", "quant_bitdepth"},
    "pruning": {"nnr_rep_type", "prune_flag", "order_flag", "sparse_flag"},
    "multiple-elements": {"concatentation_axis_index", "split_index", "number_of_shifts"},
}
"""Capabilities of which nothing counts, with inferred elements that every stream with them has."""
DISPUTED = {"deflate"}
"""Capabilities of which nothing counts, since every stream with them rests on a disputed point."""


@pytest.mark.parametrize("name", capabilities_of(2022))
def test_a_good_vector_counts_or_the_capability_says_why_none_can(name: str) -> None:
    counted = [stored.vector.id for stored in COUNTED if name in stored.vector.flags]
    if name in INFERRED or name in DISPUTED:
        assert not counted
        assert CAPABILITIES[name].uncounted
    else:
        assert counted


@pytest.mark.parametrize("name", INFERRED)
def test_what_cannot_count_rests_on_inferred_elements(name: str) -> None:
    assert {ELEMENTS[element].provenance for element in INFERRED[name]} == {Provenance.INFERRED}
    needing = [stored for stored in GOOD if name in stored.vector.flags]
    assert needing
    for stored in needing:
        assert stored.vector.provenance is Provenance.INFERRED
        assert INFERRED[name] <= set(stored.vector.elements), stored.vector.id
    assert "inferred" in CAPABILITIES[name].uncounted


def readings(stream: bytes) -> list[str]:
    """The choices of data_string with which a stream decodes."""
    found = []
    for choice in ("bs", "st"):
        try:
            plain_decoder.decode(stream, {"data_string": choice})
        except PlainError:
            continue
        found.append(choice)
    return found


def test_no_deflated_data_reads_alike_both_ways() -> None:
    """A zero byte that ends a string is never part of deflated data, which ends by itself."""
    met: Counter[str] = Counter()
    for number in range(3000):
        deflated = zlib.compress(f"{number * number} layers of {number % 53 * 'x-'}{number % 7 * 'y'}".encode())
        zero = deflated.find(0)
        if zero in (-1, len(deflated) - 1):
            for data in (deflated, deflated + b"\0", deflated[:-1] + b"\0"):
                stream = write([*opening(), topology_unit(NNR_TPL_UNREC, DEFLATE, {"topology_data": data}), small()], enforce=False)
                read = readings(stream)
                met.update(read)
                assert len(read) < 2, data.hex()
    assert min(met["bs"], met["st"]) > 10, met
    assert {stored.vector.level for stored in GOOD if "deflate" in stored.vector.flags} == {Level.DISPUTED, Level.INFERRED}


def test_a_counted_set_of_partial_data_has_one_piece() -> None:
    for stored in COUNTED:
        if "partial-data" in stored.vector.flags:
            units = met_in(stored.read(stored.vector.stream)).by_unit.values()
            assert {counter for met in units for counter in met.get("partial_data_counter", [])} == {0}, stored.vector.id
