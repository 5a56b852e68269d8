"""The plain decoder's second edition: the samples bit for bit, the rules of updates, and examples
worked by hand.
"""

import hashlib
from zipfile import ZipFile

import numpy as np
import pytest
from helpers.update_sessions import (
    BROKEN,
    COMMITTED,
    HDSP,
    MATRIX,
    MATRIX_END,
    NEEDS,
    NO_NODE,
    PARENT_SIGNALLING,
    PRE,
    SEQUENCES,
    SMALL,
    base_stream,
    decoded,
    integers,
    model,
    node,
    raw,
    second,
    sequences,
    sessions,
    stream,
    update,
    update_stream,
    without_dimensions,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_decoder import SECOND_EDITION_CHOICES, PlainError, Session, decode, decode_session
from plain_decoder.codebook import Codebook
from plain_decoder.data_unit import (
    NNR_CPT_BI,
    NNR_CPT_DC,
    NNR_PT_BLOCK,
    NNR_PT_FLOAT,
    NNR_PT_INT,
)
from plain_decoder.handmade import (
    ArithmeticEncoder,
    aligned,
    codeword,
    data_unit_header,
    encode_tensor,
    flt,
    ie,
    model_parameter_set,
    octets,
    packed,
    start_unit,
    u,
    ue,
    unit,
)
from plain_decoder.handmade import st as string
from plain_decoder.stream import NNR_NDU


def test_the_samples_are_there() -> None:
    with ZipFile(COMMITTED) as archive:
        committed = dict(sequences(archive))
    assert len(committed) == 178
    assert sum(len(sequence.streams) for sequence in committed.values()) == 463
    assert committed.keys() <= SEQUENCES.keys()


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_sequence_decodes_bit_for_bit(name: str) -> None:
    assert decoded(SEQUENCES[name], NEEDS.get(name, {}))


@pytest.mark.parametrize("name", sorted(NEEDS.keys() & SEQUENCES.keys()))
def test_a_sequence_that_needs_a_choice_does_not_decode_by_default(name: str) -> None:
    assert not decoded(SEQUENCES[name], {})


SHOWN_BY_A_SAMPLE = {
    "pre": "by-the-peer/k-bi-thp-dq0-scan0",
    "dimension_shift": "by-the-peer/h-shift2",
    "parent_id": "by-the-peer/p-sha512-tca0",
    "skipped_stretch": "by-the-peer/a-wide-scan1-w9-dq1",
    "codebook_greater_sets": "by-the-peer/b-cb-two-scan2",
    "codebook_prefix_sets": "by-the-peer/j-cbdq-size9-zero4-u1",
    "codebook_dq": "by-the-peer/j-cbdq-size9-zero8-u3",
    "hdsp_history": "from-the-sheet/w-083",
    "raw_float_node": "from-the-sheet/w-083",
    "parent_without_node_id": "by-the-peer/p-no-node-id-device3-depth5",
}


@pytest.mark.parametrize(("switch", "name"), SHOWN_BY_A_SAMPLE.items())
def test_the_other_choice_does_not_decode_a_sample(switch: str, name: str) -> None:
    assert decoded(SEQUENCES[name], {})
    for other in SECOND_EDITION_CHOICES[switch][1:]:
        assert not decoded(SEQUENCES[name], {switch: other})


def test_every_switch_has_an_example_of_both_choices() -> None:
    by_hand = {"tca_base", "tca_without_parent", "raw_float_tca"}
    assert SHOWN_BY_A_SAMPLE.keys() | by_hand == SECOND_EDITION_CHOICES.keys()


def test_updates_are_added_and_units_without_parent_replace() -> None:
    first, added, replaced = base_stream([5, -3, 0]), update_stream([1, 1, -1], update(1)), update_stream([9, 9, 9], node(0) + "0")
    steps = decode_session([first, added, replaced, update_stream([0, 0, 1], update(1))])
    assert [step.parameters["w"].tolist() for step in steps] == [[5, -3, 0], [1, 1, -1], [9, 9, 9], [0, 0, 1]]
    assert [step.model["w"].tolist() for step in steps] == [[5, -3, 0], [6, -2, -1], [9, 9, 9], [9, 9, 10]]
    assert [step.differences for step in steps] == [[], ["w"], [], ["w"]]


def test_a_first_edition_stream_is_a_base_model() -> None:
    header = data_unit_header(NNR_PT_INT, "w", [2])
    first = start_unit() + model_parameter_set() + unit(NNR_NDU, header + codeword([7, 8]))
    assert model([first, update_stream([1, 2], update(1))]) == [8, 10]


def test_a_tensor_without_a_unit_stays() -> None:
    assert model([base_stream([4]), stream(flags=PARENT_SIGNALLING), update_stream([1], update(1))]) == [5]


def test_an_update_on_its_own_gives_its_differences() -> None:
    alone = decode(update_stream([1, 2], update(4)))
    assert alone.parameters["w"].tolist() == [1, 2]
    assert alone.differences == ["w"]


def test_sums_are_rounded_to_binary32_after_each_update() -> None:
    first, more = stream(raw([2.0**24], node(0))), stream(raw([1.0], update(1)), flags=PARENT_SIGNALLING)
    assert model([first, more, more]) == [2.0**24]


def test_a_refused_stream_leaves_the_session_as_it_was() -> None:
    session = Session()
    session.decode(base_stream([1, 2]))
    good = update_stream([5, 5], update(1))
    with pytest.raises(PlainError, match="truncated"):
        session.decode(good[:-1])
    assert session.decode(good).model["w"].tolist() == [6, 7]


def test_dimensions_come_from_the_base_model() -> None:
    header = data_unit_header(NNR_PT_INT, "w", None, node=update(1), after_dimensions=MATRIX_END)
    later = stream(unit(NNR_NDU, header + codeword([1] * 6, (3, 2), second=second(1))), flags=PARENT_SIGNALLING)
    assert model([base_stream(MATRIX, dims=[3, 2]), later]) == [[3, 1], [1, 0], [1, 1]]


def test_dimensions_of_a_decomposed_block_come_from_the_base_model() -> None:
    def block(dims: list[int] | None, node_bits: str, has_parent: int) -> bytes:
        encoder = ArithmeticEncoder()
        for indexes, shape in (([1, 2], (2,)), ([1, 2], (2, 1)), ([3, 4, 5], (1, 3))):
            encode_tensor(encoder, indexes, shape, qp_delta=8, qp_delta_bits=8, second=second(has_parent))
        header = data_unit_header(
            NNR_PT_BLOCK,
            ["w_G", "w_H", "b"],
            dims,
            node=node_bits,
            parameter_types=NNR_CPT_DC | NNR_CPT_BI,
            rank_and_rows=(1, 2),
            after_dimensions=ue(1, 0) + u(4, 0),
        )
        return unit(NNR_NDU, header + octets(encoder.terminate()))

    steps = decode_session([stream(block([2, 3], node(0), 0)), stream(block(None, update(1), 1), flags=PARENT_SIGNALLING)])
    assert steps[-1].differences == ["w_G", "w_H", "b"]
    assert {name: array.tolist() for name, array in steps[-1].model.items()} == {"w_G": [[2], [4]], "w_H": [[6, 8, 10]], "b": [2, 4]}


def test_what_the_model_parameter_set_says() -> None:
    flags = "1111000"
    bits = u(9, 0) + flags + string("base") + string("accuracy") + flt(0.75)
    mps = unit(1, aligned(bits))
    said = decode(start_unit(1) + mps).identification
    assert said is not None
    assert (said.base_model_id, said.performance_metric_type, said.validation_set_performance) == ("base", "accuracy", 0.75)
    maps_only = unit(1, aligned(u(9, 0) + "0010000" + string("f1")))
    said = decode(start_unit(1) + maps_only).identification
    assert said is not None
    assert (said.base_model_id, said.performance_metric_type, said.validation_set_performance) == (None, "f1", None)


@pytest.mark.parametrize(("rule", "category", "streams"), BROKEN, ids=[f"{rule}-{number}" for number, (rule, _, _) in enumerate(BROKEN)])
def test_a_session_that_breaks_a_rule_in_its_last_step_is_refused(rule: str, category: str, streams: list[bytes]) -> None:
    session = Session()
    for earlier in streams[:-1]:
        session.decode(earlier)
    with pytest.raises(PlainError) as refusal:
        session.decode(streams[-1])
    assert refusal.value.category == category, refusal.value


@pytest.mark.parametrize(
    ("rule", "update_alone"),
    [
        ("tca-parent", update_stream([1], update(1, tca=1))),
        ("hdsp-history", update_stream(MATRIX, update(2), dims=[3, 2], **HDSP)),
        ("dims-absent", without_dimensions("w", update(1), PARENT_SIGNALLING)),
    ],
)
def test_an_update_on_its_own_is_refused_where_it_needs_what_was_before(rule: str, update_alone: bytes) -> None:
    with pytest.raises(PlainError, match="dimension" if rule == "dims-absent" else "reference"):
        decode(update_alone)


def test_hdsp_of_the_first_update_needs_no_history() -> None:
    assert decode(update_stream(MATRIX, update(1), dims=[3, 2], **HDSP)).parameters["w"].ravel().tolist() == MATRIX


def test_a_suffix_can_go_past_the_codebook() -> None:
    """The limit 3 leaves prefix bin 0, whose suffix bit makes 3 or 4 of the index."""
    codebook = Codebook([-1, 0, 1, 2, 3], 1)
    bits = u(4, 0) + ue(2, 5) + ie(2, -1) + ie(7, 0) + ue(0, 0) * 4
    header = data_unit_header(NNR_PT_FLOAT, "w", [1], node=NO_NODE, codebook=bits, unary_length=1)

    def coded(index: int) -> bytes:
        payload = codeword([index], qp_delta=8, qp_delta_bits=8, unary_length=1, second=second(codebook=codebook))
        return stream(unit(NNR_NDU, header + payload))

    assert decode(coded(3)).parameters["w"].tolist() == [3.0]
    with pytest.raises(PlainError, match="value"):
        decode(coded(4))


# The disputed points


def test_the_parent_that_tca_looks_at() -> None:
    """Another device replaces the tensor; then the first goes on from its own node."""
    first, other = base_stream([0, 5, -5], node(0, device=1)), update_stream([9, 9, 9], node(0, device=2) + "0", second=second())
    later = update_stream([1, 0, 2], update(1, tca=1, device=1), second=second(1, base=[0, 5, -5]))
    with pytest.raises(PlainError, match="reference"):
        model([first, other, later])
    assert model([first, other, later], {"tca_base": "named"}) == [10, 9, 11]
    identified = update_stream([1, 0, 2], update(1, tca=1, device=3, parent_device=1), second=second(1, base=[0, 5, -5]))
    assert model([first, other, identified], {"tca_base": "named", "parent_id": "identifies"}) == [1, 5, -3]


@pytest.mark.parametrize(("node_id_type", "algorithm"), [(1, "sha256"), (2, "sha512")])
def test_a_digest_identifies_the_parent(node_id_type: int, algorithm: str) -> None:
    payload = packed(codeword([4, 5], second=second()))
    first, other = base_stream([4, 5]), update_stream([8, 8], NO_NODE + "0", second=second())
    parent = NO_NODE + "1" + u(2, node_id_type) + "0" + octets(hashlib.new(algorithm, payload).digest())
    later = update_stream([1, 1], parent)
    assert model([first, other, later]) == [9, 9]
    assert model([first, other, later], {"parent_id": "identifies"}) == [5, 6]
    wrong = update_stream([1, 1], parent[:-1] + str(1 - int(parent[-1])))
    assert model([first, wrong]) == [5, 6]
    with pytest.raises(PlainError, match="reference"):
        model([first, wrong], {"parent_id": "identifies"})


def test_tca_without_a_parent() -> None:
    off = update_stream([1, 2], update(1, tca=1))
    assert decode(off, {"tca_without_parent": "off"}).parameters["w"].tolist() == [1, 2]


def test_residuals_are_added_to_the_last_difference() -> None:
    streams = [base_stream([10, 20])]
    streams += [update_stream([n, -n], update(n), flags=PRE) for n in (1, 2)]
    streams += [update_stream([1, 1], update(3)), update_stream([1, 1], update(4), flags=PRE)]
    assert model(streams) == [10 + 1 + 2 + 1 + 1, 20 - 1 - 2 + 1 + 1]
    # residuals 1 and 2 are differences 1 and 3; then a difference 1, and a residual 1 to it
    assert model(streams, {"pre": "residual"}) == [10 + 1 + 3 + 1 + 2, 20 - 1 - 3 + 1 + 2]


def test_residuals_have_a_history_of_their_own() -> None:
    """A residual's parent in TCA is the last residual, not the difference sent after it."""
    streams = [base_stream([1, 0, 0]), update_stream([0, 0, 7], update(1), flags=PRE), update_stream([0, -7, 0], update(2))]
    for kind, base in (("sum", [0, -7, 0]), ("residual", [0, 0, 7])):
        later = update_stream([0, 1, 1], update(3, tca=1), flags=PRE, second=second(1, base=base))
        assert decode_session([*streams, later], {"pre": kind})[-1].parameters["w"].tolist() == [0, 1, 1]


def test_the_first_dimension_moves() -> None:
    coded = np.arange(24).reshape(2, 3, 4)
    shifted = stream(integers(coded.ravel().tolist(), [2, 3, 4], NO_NODE, shift=2))
    assert np.array_equal(decode(shifted).parameters["w"], coded)
    moved = {"dimension_shift": "moves"}
    assert np.array_equal(decode(shifted, moved).parameters["w"], np.moveaxis(coded, 0, 2))
    more = stream(integers([1] * 24, [2, 3, 4], update(1), shift=2, second=second(1)), flags=PARENT_SIGNALLING)
    assert np.array_equal(decode_session([shifted, more], moved)[-1].model["w"], np.moveaxis(coded, 0, 2) + 1)
    for streams, category in (
        ([stream(integers([1] * 24, [2, 3, 4], NO_NODE, shift=3))], "dimension"),
        ([shifted, stream(integers([1] * 24, [2, 3, 4], update(1), shift=1, second=second(1)), flags=PARENT_SIGNALLING)], "reference"),
        ([stream(integers([0] * 4, [2, 2], NO_NODE)), update_stream([1] * 4, update(1), dims=[2, 2])], None),
    ):
        if category is None:
            assert model(streams, moved) == [[1, 1], [1, 1]]
        else:
            with pytest.raises(PlainError, match=category):
                model(streams, moved)


def test_the_shift_of_a_block_moves_its_weight_alone() -> None:
    encoder = ArithmeticEncoder()
    for indexes, shape in (([7, 8], (2,)), ([1, 2, 3, 4, 5, 6], (2, 3))):
        encode_tensor(encoder, indexes, shape, qp_delta=8, qp_delta_bits=8, second=second())
    after = ue(1, 1) + u(4, 0)
    header = data_unit_header(NNR_PT_BLOCK, ["w", "b"], [2, 3], node=NO_NODE, parameter_types=NNR_CPT_BI, after_dimensions=after)
    block = decode(stream(unit(NNR_NDU, header + octets(encoder.terminate()))), {"dimension_shift": "moves"})
    assert {name: array.tolist() for name, array in block.parameters.items()} == {"w": [[1, 4], [2, 5], [3, 6]], "b": [7, 8]}


def test_a_raw_float_takes_no_place_in_the_chain() -> None:
    first = unit(
        NNR_NDU, data_unit_header(NNR_PT_FLOAT, "w", [2], node=node(0)) + codeword([4, 8], qp_delta=8, qp_delta_bits=8, second=second())
    )
    exact = stream(raw([0.5, 0.5], update(1)), flags=PARENT_SIGNALLING)
    for depth, other in ((1, "is-a-node"), (2, "keeps-the-node")):
        header = data_unit_header(NNR_PT_FLOAT, "w", [2], node=update(depth))
        last = stream(unit(NNR_NDU, header + codeword([1, 1], qp_delta=8, qp_delta_bits=8, second=second(1))), flags=PARENT_SIGNALLING)
        fits = next(choice for choice in SECOND_EDITION_CHOICES["raw_float_node"] if choice != other)
        assert model([stream(first), exact, last], {"raw_float_node": fits}) == [5.5, 9.5]
        with pytest.raises(PlainError, match="order"):
            model([stream(first), exact, last], {"raw_float_node": other})


# Made sessions, and damaged ones


@settings(max_examples=60)
@given(sessions())
def test_the_model_of_a_made_session_is_the_sum(made: tuple[list[bytes], list[list[int]]]) -> None:
    streams, coded = made
    assert decode_session(streams)[-1].model["w"].ravel().tolist() == np.sum(coded, axis=0).tolist()


@settings(max_examples=100)
@given(st.sampled_from(SMALL), st.data())
def test_a_damaged_session_decodes_or_is_refused(name: str, data: st.DataObject) -> None:
    streams = [bytearray(one) for one in SEQUENCES[name].streams]
    damaged = streams[data.draw(st.integers(0, len(streams) - 1))]
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        decode_session([bytes(one) for one in streams])
    except PlainError as refusal:
        assert refusal.message
