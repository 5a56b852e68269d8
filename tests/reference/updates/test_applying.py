"""What an update does to the model, on streams written by hand: parents by id, tensors left out,
dimensions from the base.
"""

from hashlib import sha256, sha512
from math import prod
from pathlib import Path
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

from nnc_conformance.reference import BaseModel, Decoded, Interpretation, decode, encode
from nnc_conformance.reference.errors import ModelError, StreamError
from nnc_conformance.reference.syntax.bitstream import read_units, write_units
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.rules import Enforcement
from nnc_conformance.reference.syntax.structures.data_unit import DC, LS
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


@pytest.mark.parametrize(("part", "dims"), [("w_G", (6, 3)), ("w_H", (3, 18)), ("ls", (6,))])
def test_dimensions_of_a_part_come_from_the_block_in_the_base(part: str, dims: tuple[int, ...]) -> None:
    base = (Path(__file__).parents[3] / "vectors" / "core" / "block-2024-dc-ls-bn" / "step-0.nnr").read_bytes()
    after = ue(1, 0) + u(4, 0) if len(dims) > 1 else ""
    header = data_unit_header(NNR_PT_FLOAT, part, None, node=update(1), after_dimensions=after)
    payload = codeword([1] * prod(dims), dims, qp_delta_bits=8, second=second(1) if len(dims) > 1 else second())
    decoded = session(base, stream(unit(NNR_NDU, header + payload), flags=PARENT_SIGNALLING))
    assert decoded.parameters[part].shape == dims


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


@pytest.mark.parametrize(("dims", "before", "after"), [([2, 2], 0, 1), ([2, 3], 1, 0), ([1, 4], 0, 1)])
def test_a_difference_with_another_dimension_shift_is_refused(dims: list[int], before: int, after: int) -> None:
    """Square matrices would add up across, and a row would be spread over a column."""
    moves, values = Interpretation.parse({"dimension_shift": "moves"}), list(range(1, dims[0] * dims[1] + 1))
    base = stream(integers(values, dims, node(0), shift=before))
    with pytest.raises(StreamError) as refused:
        session(base, update_stream(values, update(1), dims, shift=after), interpretation=moves)
    assert (refused.value.rule, refused.value.place.element) == ("update-base", "first_tensor_dimension_shift")
    same = session(base, update_stream(values, update(1), dims, shift=before), interpretation=moves)
    assert same.model is not None
    assert same.model.parameters["w"].tolist() == np.moveaxis(2 * np.reshape(values, dims), 0, before).tolist()


def test_the_dimension_shift_moves_a_weight_that_its_parts_give() -> None:
    g, h = np.arange(6, dtype=np.float32).reshape(2, 3), np.arange(36, dtype=np.float32).reshape(3, 12)
    scale, whole = np.array([1, 10], np.float32), (g @ h).reshape(2, 3, 4)
    parts = {"w_G": g, "w_H": h, "s": scale}
    model = BaseModel(parameters=parts, blocks={"w_G": BlockRecord(("w_G", "w_H", "s"), DC | LS, (2, 3, 4), 2)})
    expected = np.moveaxis(whole * scale[:, None, None], 0, 2)
    assert final_parameters(model, recombine=True)["w"].tolist() == expected.tolist()
    moved = {"w": np.moveaxis(whole, 0, 2), "s": scale}
    model = BaseModel(parameters=moved, blocks={"w": BlockRecord(("w", "s"), LS, (2, 3, 4), 2)})
    assert final_parameters(model, recombine=True)["w"].tolist() == expected.tolist()


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_the_dimension_shift_leaves_the_factors_of_a_weight(shift: int) -> None:
    """The dimensions in the header are those of the product, which has more of them."""
    path = Path(__file__).parents[3] / "vectors" / "core" / "block-2024-dc-ls-bn" / "step-0.nnr"
    values = []
    for one in read_units(path.read_bytes(), StreamContext(), interpretation=Interpretation(), rules=Enforcement(lenient=False)):
        header = dict(one.header)
        if "first_tensor_dimension_shift" in header:
            header["first_tensor_dimension_shift"] = shift
        values.append({"nnr_unit_header": header, "nnr_unit_payload": one.payload})
    changed, moves = write_units(values), Interpretation.parse({"dimension_shift": "moves"})
    assert {name: array.shape for name, array in decode(changed, interpretation=moves).parameters.items() if name[0] == "w"} == {
        "w_G": (6, 3),
        "w_H": (3, 18),
    }
    whole = decode(changed, recombine=True).parameters["w"]
    shifted = decode(changed, interpretation=moves, recombine=True).parameters["w"]
    assert shifted.tolist() == np.moveaxis(whole, 0, shift).tolist()


def test_a_change_of_what_was_decoded_does_not_change_the_model() -> None:
    """A program that trains in place what it decoded would lose step with the other side."""
    for first in (base_stream([1, 2]), stream(raw([0.5], node(0)))):
        decoded = decode(first, base=BaseModel())
        assert decoded.model is not None
        before = decoded.model.parameters["w"].tolist()
        decoded.parameters["w"] += 7
        assert decoded.model.parameters["w"].tolist() == before
        with pytest.raises(ValueError, match="read-only"):
            decoded.model.parameters["w"] += 7


def test_a_base_that_is_not_a_base_model_is_refused() -> None:
    first = base_stream([1, 2])
    wrong: Any
    for wrong in (first, {}, decode(first, base=BaseModel())):
        for work in (lambda: decode(first, base=wrong), lambda: encode({}, base=wrong)):  # noqa: B023
            with pytest.raises(ModelError, match=f"base is a BaseModel.*, not {type(wrong).__name__}"):
                work()
    with pytest.raises(ModelError, match="parameter 'w' of a base model is float64"):
        BaseModel(parameters={"w": np.ones(3)})
    with pytest.raises(ModelError, match="parameter 'w' of a base model is list"):
        BaseModel(parameters={"w": [1.0]})  # type: ignore[dict-item]
