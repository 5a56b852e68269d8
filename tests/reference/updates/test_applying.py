"""What an update does to the model, on streams written by hand: parents by id, tensors left out,
dimensions from the base.
"""

from hashlib import sha256, sha512
from typing import Any

import numpy as np
import pytest
from helpers.update_sessions import (
    MATRIX,
    NO_NODE,
    PARENT_SIGNALLING,
    base_stream,
    integers,
    node,
    raw,
    second,
    stream,
    update,
    update_stream,
)
from plain_decoder.data_unit import NNR_PT_FLOAT, NNR_PT_INT
from plain_decoder.handmade import codeword, data_unit_header, u, ue, unit
from plain_decoder.stream import NNR_NDU

from nnc_conformance.reference import BaseModel, Decoded, Interpretation, decode
from nnc_conformance.reference.errors import ModelError, StreamError
from nnc_conformance.reference.syntax.bitstream import read_units
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.rules import Enforcement
from nnc_conformance.reference.updates.base_model import BlockRecord
from nnc_conformance.reference.updates.finishing import final_parameters

IDENTIFIES = Interpretation.parse({"parent_id": "identifies"})


def session(*streams: bytes, interpretation: Interpretation | None = None) -> Decoded:
    """The last step of a session."""
    model = BaseModel()
    for one in streams:
        decoded = decode(one, base=model, interpretation=interpretation)
        assert decoded.model is not None
        model = decoded.model
    return decoded


def payload_of(one: bytes) -> bytes:
    """The payload of a stream's last data unit."""
    units = list(read_units(one, StreamContext(), interpretation=Interpretation(), rules=Enforcement(lenient=False)))
    payload: bytes = units[-1].payload["cabac_codeword"]
    return payload


def by_digest(depth: int, digest: bytes) -> str:
    """A node id, and a parent id that is a digest."""
    kind = {32: 1, 64: 2}[len(digest)]
    return node(depth) + "1" + u(2, kind) + u(1, 0) + u(8 * len(digest), int.from_bytes(digest))


def named(name: str, indexes: list[int], node_bits: str, second_edition: Any) -> bytes:
    """A unit of another tensor than w."""
    header = data_unit_header(NNR_PT_INT, name, [len(indexes)], node=node_bits)
    return unit(NNR_NDU, header + codeword(indexes, second=second_edition))


@pytest.mark.parametrize("digest", [sha256, sha512])
def test_a_digest_names_the_parent(digest: Any) -> None:
    base = base_stream([3, 4])
    right = update_stream([1, -1], by_digest(1, digest(payload_of(base)).digest()))
    decoded = session(base, right, interpretation=IDENTIFIES)
    assert decoded.model is not None
    assert decoded.model.parameters["w"].tolist() == [4, 3]
    wrong = update_stream([1, -1], by_digest(1, digest(b"another").digest()))
    with pytest.raises(StreamError) as refused:
        session(base, wrong, interpretation=IDENTIFIES)
    assert (refused.value.rule, refused.value.place.element) == ("parent-id", f"parent_node_payload_sha{8 * digest().digest_size}")
    assert session(base, wrong).parameters["w"].tolist() == [1, -1]


def test_the_digest_of_an_older_node_is_not_that_of_the_parent() -> None:
    base = base_stream([3, 4])
    first = update_stream([1, 1], by_digest(1, sha256(payload_of(base)).digest()))
    older = update_stream([2, 2], by_digest(2, sha256(payload_of(base)).digest()))
    newer = update_stream([2, 2], by_digest(2, sha256(payload_of(first)).digest()))
    with pytest.raises(StreamError, match="another digest"):
        session(base, first, older, interpretation=IDENTIFIES)
    decoded = session(base, first, newer, interpretation=IDENTIFIES)
    assert decoded.model is not None
    assert decoded.model.parameters["w"].tolist() == [6, 7]


def test_a_parent_of_another_device_is_refused_if_ids_identify() -> None:
    base = base_stream([1], node(0, device=3))
    named_0 = update_stream([1], update(1, device=3, parent_device=0))
    with pytest.raises(StreamError, match="no node of device 0 is known"):
        session(base, named_0, interpretation=IDENTIFIES)
    named_3 = update_stream([1], update(1, device=3, parent_device=3))
    decoded = session(base, named_3, interpretation=IDENTIFIES)
    assert decoded.model is not None
    assert decoded.model.parameters["w"].tolist() == [2]


def test_a_tensor_that_an_update_leaves_out_stays_with_its_node_and_history() -> None:
    base = stream(integers([2, 0], [2], node(0)), named("v", [5], node(0, parameter=1), second()))
    only_v = stream(named("v", [1], update(1, parameter=1), second(1)), flags=PARENT_SIGNALLING)
    decoded = session(base, only_v)
    assert decoded.model is not None
    assert decoded.differences == ("v",)
    assert {name: values.tolist() for name, values in decoded.model.parameters.items()} == {"w": [2, 0], "v": [6]}
    # w is still at depth 0, with the indexes of the base stream
    with_tca = update_stream([1, 1], update(1, tca=1), second=second(1, [2, 0]))
    after = session(base, only_v, with_tca)
    assert after.model is not None
    assert after.model.parameters["w"].tolist() == [3, 1]
    with pytest.raises(StreamError) as refused:
        session(base, only_v, update_stream([1, 1], update(2)))
    assert refused.value.rule == "update-order"


def test_dimensions_come_from_the_base() -> None:
    base = base_stream(MATRIX, dims=[3, 2])
    header = data_unit_header(NNR_PT_INT, "w", None, node=update(1), after_dimensions=ue(1, 0) + u(4, 0))
    without = stream(unit(NNR_NDU, header + codeword([1] * 6, (3, 2), second=second(1))), flags=PARENT_SIGNALLING)
    decoded = session(base, without)
    assert decoded.parameters["w"].shape == (3, 2)
    assert decoded.model is not None
    assert decoded.model.parameters["w"].tolist() == (np.reshape(MATRIX, (3, 2)) + 1).tolist()
    with pytest.raises(StreamError) as refused:
        decode(without)
    assert refused.value.rule == "dims-absent"


def test_a_unit_without_parent_replaces_values_shape_and_type() -> None:
    replaced = session(base_stream([1, 2]), stream(raw([0.5], NO_NODE + "0"), flags=PARENT_SIGNALLING))
    assert replaced.differences == ()
    assert replaced.model is not None
    assert replaced.model.parameters["w"].dtype == np.float32
    assert replaced.model.parameters["w"].tolist() == [0.5]


def test_a_sum_of_floats_may_overflow_and_is_binary32() -> None:
    def unit_of(value: int, node_bits: str, edition: Any) -> bytes:
        return unit(NNR_NDU, data_unit_header(NNR_PT_FLOAT, "w", [1], node=node_bits) + codeword([value], qp_delta_bits=8, second=edition))

    decoded = session(stream(unit_of(3, node(0), second())), stream(unit_of(5, update(1), second(1)), flags=PARENT_SIGNALLING))
    assert decoded.model is not None
    first = decode(stream(unit_of(3, node(0), second()))).parameters["w"]
    assert decoded.model.parameters["w"].tobytes() == (first + decoded.parameters["w"]).tobytes()


def test_parts_of_a_block_that_do_not_fit_are_named() -> None:
    parts = {"w": np.ones((2, 2), np.float32), "w.scale": np.ones(3, np.float32)}
    model = BaseModel(parameters=parts, blocks={"w": BlockRecord(("w", "w.scale"), 1, (2, 2))})
    with pytest.raises(ModelError, match=r"do not fit together: 'w' \(2, 2\), 'w.scale' \(3,\)"):
        final_parameters(model, recombine=True)
    assert set(final_parameters(model)) == {"w", "w.scale"}
