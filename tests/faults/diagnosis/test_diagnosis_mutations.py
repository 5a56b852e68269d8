"""Mutation by syntax: one element is changed, the rest stays as it was.

The changed stream has what the change asks for.
"""

from typing import Any

import pytest

from nnc_conformance.faults.diagnosis.mutations import Draws, mutated
from nnc_conformance.faults.diagnosis.pieces import pieces_of, values_of_piece
from nnc_conformance.generator.facts import met_in
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.mutator import Mutator
from nnc_conformance.reference.syntax.structures.unit import nnr_unit
from nnc_conformance.storage.suite_folder import built_in_root

NAMES = ("scan-1-block-rows", "block-scan-1", "codebook-scan-1", "ndu-id-list-utf8", "lps-value-classes")
STREAMS = {name: next(built_in_root().glob(f"*/{name}/stream.nnr")).read_bytes() for name in NAMES}


def changed(stream: bytes, name: str, value: Any) -> tuple[bytes, Mutator]:
    """The stream with the first element of a name set to another value."""
    pieces = pieces_of(stream)
    assert pieces is not None
    units = [values_of_piece(piece) for piece in pieces]
    written = _written(units, -1, value)
    names = [element.name for element in met_in(bytes(written.bits.buffer)).elements]
    made = _written(units, names.index(name), value)
    return bytes(made.bits.buffer), made


def _written(units: list[Any], target: int, value: Any) -> Mutator:
    mutator = Mutator({"nnr_unit": units}, interpretation=Interpretation(), target=target, change=lambda name, descriptor, was: value)
    context = StreamContext()
    for index in range(len(units)):
        nnr_unit(mutator, context, index)
    return mutator


@pytest.mark.parametrize("name", NAMES)
def test_without_a_change_the_stream_is_as_it_was(name: str) -> None:
    pieces = pieces_of(STREAMS[name])
    assert pieces is not None
    mutator = _written([values_of_piece(piece) for piece in pieces], -1, None)
    assert bytes(mutator.bits.buffer) == STREAMS[name]
    assert mutator.met == len(met_in(STREAMS[name]).elements)


def test_one_element_is_another_and_all_before_it_are_as_they_were() -> None:
    stream = STREAMS["scan-1-block-rows"]
    made, mutator = changed(stream, "mps_quantization_parameter", 77)
    assert mutator.changed == "mps_quantization_parameter"
    was, is_ = met_in(stream).elements, met_in(made).elements
    differing = [(one.name, other.value) for one, other in zip(was, is_, strict=True) if one.value != other.value]
    assert differing == [("mps_quantization_parameter", 77)]


def test_what_a_flag_asks_for_is_zero_where_there_is_no_value() -> None:
    made, _ = changed(STREAMS["scan-1-block-rows"], "mps_sparsification_flag", 1)
    met = {element.name: element.value for element in met_in(made, lenient=True).elements}
    assert met["mps_sparsification_flag"] == 1
    assert met["spm_count_thresholds"] == 0


def test_a_rule_can_be_broken_and_a_descriptor_cannot() -> None:
    made, _ = changed(STREAMS["scan-1-block-rows"], "general_profile_idc", 9)
    assert (error := met_in(made).error) is not None
    assert error.rule == "profile"
    with pytest.raises(EncodeError):
        changed(STREAMS["scan-1-block-rows"], "general_profile_idc", 256)


def test_a_count_without_bounds_ends() -> None:
    with pytest.raises(EncodeError):
        changed(STREAMS["scan-1-block-rows"], "count_tensor_dimensions", 1 << 40)


def test_mutations_are_many_and_the_same_again() -> None:
    stream, other = STREAMS["scan-1-block-rows"], STREAMS["block-scan-1"]
    first, second = ([mutated(stream, other, Draws(Numbers(4, f"{n}"))) for n in range(60)] for _ in range(2))
    assert first == second
    assert len(set(first)) > 40
    good = sum(met_in(one).error is None for one in set(first))
    assert 5 < good < len(set(first))
