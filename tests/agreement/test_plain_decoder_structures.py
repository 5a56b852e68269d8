"""The plain decoder's structures outside the arithmetic codeword, on streams made by hand."""

import itertools
import zlib

import numpy as np
import pytest
from plain_decoder import PlainError, decode
from plain_decoder import handmade as hand
from plain_decoder.data_unit import NNR_PT_FLOAT, NNR_PT_RAW_FLOAT
from plain_decoder.handmade import START, aligned, codeword, data_unit_header, floats, flt, octets, raw_unit, st, u, ue, unit
from plain_decoder.stream import NNR_AGG, NNR_NDU, NNR_QNT, NNR_TPL


def test_split_example_of_the_sheet() -> None:
    mapping = u(8, 0) + ue(7, 2) + ue(1, 0) + ue(1, 0)
    header = data_unit_header(NNR_PT_RAW_FLOAT, ["a", "b"], [5, 4], mapping=mapping)
    decoded = decode(START + unit(NNR_NDU, header + floats([float(n) for n in range(20)])))
    assert list(decoded.parameters) == ["a", "b"]
    np.testing.assert_array_equal(decoded.parameters["a"], np.arange(12, dtype=np.float32).reshape(3, 4))
    np.testing.assert_array_equal(decoded.parameters["b"], np.arange(12, 20, dtype=np.float32).reshape(2, 4))


def test_split_of_three_on_the_last_axis_then_shifts() -> None:
    # b's axis 1 goes left by 1: transposed; c's axis 0 by 0: stays
    mapping = u(8, 1) + ue(7, 0) + ue(7, 2) + ue(1, 0) + (ue(1, 1) + ue(7, 1) + ue(1, 1)) + (ue(1, 1) + ue(7, 0) + ue(1, 0))
    header = data_unit_header(NNR_PT_RAW_FLOAT, ["a", "b", "c"], [2, 4], mapping=mapping)
    parameters = decode(START + unit(NNR_NDU, header + floats([float(n) for n in range(8)]))).parameters
    assert {name: array.tolist() for name, array in parameters.items()} == {"a": [[0], [4]], "b": [[1, 5], [2, 6]], "c": [[3], [7]]}
    assert all(array.flags.c_contiguous for array in parameters.values())


def test_references_by_index_single_and_listed() -> None:
    reflist = unit(NNR_TPL, u(8, 6) + u(8, 0) + aligned(ue(7, 1)) + st("x") + st("y") + st("z"))
    mapping = u(8, 0) + ue(7, 0) + ue(1, 0) + ue(1, 0)
    single = unit(NNR_NDU, data_unit_header(NNR_PT_RAW_FLOAT, 2, [1]) + floats([7.0]))
    listed = unit(NNR_NDU, data_unit_header(NNR_PT_RAW_FLOAT, [1, 0], [2], mapping=mapping) + floats([8.0, 9.0]))
    decoded = decode(hand.start_unit() + reflist + hand.model_parameter_set(indexed=1) + single + listed)
    assert decoded.reference_list == ["x", "y", "z"]
    assert {name: array.tolist() for name, array in decoded.parameters.items()} == {"z": [7.0], "y": [8.0], "x": [9.0]}


def varint(value: int) -> bytes:
    return bytes([value % 128 + 128]) + varint(value // 128) if value > 127 else bytes([value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


ONNX_TENSOR = bytes([1 << 3]) + varint(2) + bytes([1 << 3]) + varint(200) + bytes([2 << 3, 1]) + field(8, b"w")
ONNX_PACKED = field(1, varint(400)) + field(8, b"p") + bytes([15 << 3 | 5]) + bytes(4)
ONNX = bytes([1 << 3, 8]) + field(7, field(5, ONNX_TENSOR) + field(5, ONNX_PACKED))
NNEF = (
    b"version 1.0; graph G(x) -> (y) { w = variable<scalar>(label = 'w', shape = [2, 200]); p = variable(shape = [400], label = \"p\"); }"
)
PRUNED = u(2, 1) + "110" + u(3, 0) + u(8, 2)
PRUNED += st("w") + aligned(ue(1, 2)) + aligned(ue(7, 2) + ue(7, 200)) + st("p") + aligned(ue(1, 1)) + aligned(ue(7, 400))


@pytest.mark.parametrize(
    ("storage", "compression", "payload"),
    [
        (2, 0, octets(ONNX)),
        (2, 1, octets(zlib.compress(ONNX))),
        (1, 0, octets(NNEF)),
        (1, 1, octets(zlib.compress(NNEF, 0))),
        (5, 0, PRUNED),
    ],
)
@pytest.mark.parametrize(("name", "shape"), [("w", (2, 200)), ("p", (400,))])
def test_absent_dimensions_come_from_the_topology(storage: int, compression: int, payload: str, name: str, shape: tuple[int, ...]) -> None:
    topology = unit(NNR_TPL, u(8, storage) + u(8, compression) + payload)
    numbers = [float(n) for n in range(400)]
    for header in (data_unit_header(NNR_PT_RAW_FLOAT, name, None), data_unit_header(NNR_PT_RAW_FLOAT, name, None, input_parameters=False)):
        array = decode(START + topology + unit(NNR_NDU, header + floats(numbers))).parameters[name]
        assert array.shape == shape
        assert array.ravel().tolist() == numbers


@pytest.mark.parametrize("storage", range(5))
@pytest.mark.parametrize("compression", [0, 1])
def test_topology_data_as_carried(storage: int, compression: int) -> None:
    data = bytes(range(256)) * 3
    carried = zlib.compress(data) if compression else data
    assert decode(hand.start_unit() + unit(NNR_TPL, u(8, storage) + u(8, compression) + octets(carried))).topology == data


def test_data_string_ends_at_the_unit_or_at_its_zero_byte() -> None:
    stream = hand.start_unit() + unit(NNR_TPL, u(8, 0) + u(8, 0) + octets(b"graph\0")) + unit(NNR_QNT, u(8, 0) + u(8, 0) + octets(b"q\0"))
    decoded = decode(stream)
    assert (decoded.topology, decoded.quantization) == (b"graph\0", b"q\0")
    decoded = decode(stream, {"data_string": "st"})
    assert (decoded.topology, decoded.quantization) == (b"graph", b"q")


def test_pruning_container_with_masks() -> None:
    mask = u(32, 9) + aligned("110010101")
    payload = u(2, 0) + "101" + u(3, 0) + mask + u(32, 3) + aligned("011")
    pruning = decode(hand.start_unit() + unit(NNR_TPL, u(8, 5) + u(8, 0) + payload)).pruning
    assert pruning is not None
    assert (pruning.order_flag, pruning.dimensions) == (0, {})
    assert (pruning.prune_mask, pruning.sparse_mask) == ([1, 1, 0, 0, 1, 0, 1, 0, 1], [0, 1, 1])


def test_pruning_dictionary_by_index() -> None:
    reflist = unit(NNR_TPL, u(8, 6) + u(8, 0) + aligned(ue(7, 0)) + st("x") + st("y"))
    container = unit(NNR_TPL, u(8, 5) + u(8, 0) + u(2, 1) + "100" + u(3, 0) + u(8, 1) + ue(7, 1) + aligned(ue(1, 1)) + aligned(ue(7, 2)))
    stream = hand.start_unit() + hand.model_parameter_set(indexed=1) + reflist + container
    decoded = decode(stream + unit(NNR_NDU, data_unit_header(NNR_PT_RAW_FLOAT, 1, None) + floats([1.0, 2.0])))
    assert decoded.parameters["y"].tolist() == [1.0, 2.0]


def test_a_layer_parameter_set_replaces_the_quantization_parameter() -> None:
    def float_unit(name: str, density: int) -> bytes:
        return unit(NNR_NDU, data_unit_header(NNR_PT_FLOAT, name, [2]) + codeword([3, -1], qp_delta=4, qp_delta_bits=6 + density))

    stream = START + float_unit("mps", 2) + hand.layer_parameter_set(qp_density=0, qp=-4) + float_unit("lps", 0)
    stream += hand.layer_parameter_set(method_flags=4) + float_unit("mps again", 2)
    parameters = decode(stream).parameters
    # MPS: qp = 4 - 8 = -4, step 4 * 2^(-1 - 2) = 1/2; LPS: qp = 4 - 4 = 0, step 1
    assert {name: array.tolist() for name, array in parameters.items()} == {"mps": [1.5, -0.5], "lps": [3, -1], "mps again": [1.5, -0.5]}


def test_a_self_contained_layer_parameter_set_needs_no_mps() -> None:
    stream = hand.start_unit() + hand.layer_parameter_set(self_contained=1) + raw_unit("w", [2.5])
    assert decode(stream).parameters["w"].tolist() == [2.5]


SPARSIFICATION = u(8, 1) + flt(0.5) + flt(0.25) + flt(0.75) + u(8, 2) + ue(7, 3) + flt(1.0) + flt(2.0)
PRUNING = u(8, 2) + 2 * (flt(0.5) + flt(0.75) + u(8, 1) + ue(7, 200) + flt(1.5))
DECOMPOSITION = u(8, 1) + flt(0.125) + flt(0.5) + flt(0.25) + u(16, 1) + flt(3.0)


def unification(before: str, classes: int) -> str:
    """A unification map whose byte_alignment() lies after the bits ``before``, which end a byte."""
    dimensions = aligned(before + u(8, 1) + ue(1, 3) + ue(7, 4) + ue(7, 5))[len(before) :]
    blocks = u(8, 3) + u(8, 8) + u(8, 16) + u(8, 2) + u(8, 32)
    return dimensions + blocks + flt(0.5) + flt(0.75) + u(8, 2) + ue(7, 1) + "".join(flt(1.0) for _ in range(classes))


UNIFICATION_ROW = {
    "reshaped_tensor_dimensions": [4, 5],
    "super_block_dimensions": [8, 16],
    "block_dimensions": [32],
    "unification_threshold": 0.5,
    "upm_nn_accuracy": 0.75,
    "upm_class_bitmask": 1,
    "upm_nn_class_accuracy": [1.0, 1.0],
}


def test_all_maps_of_an_mps() -> None:
    maps = unification(SPARSIFICATION + PRUNING, 2)
    mps = hand.model_parameter_set(map_flags="1111", maps=SPARSIFICATION + PRUNING + maps + DECOMPOSITION)
    (decoded,) = decode(hand.start_unit() + mps).maps
    sparsification = {"sparsification_threshold": 0.5, "non_zero_ratio": 0.25, "spm_nn_accuracy": 0.75, "spm_class_bitmask": 3}
    assert decoded.sparsification == [sparsification | {"spm_nn_class_accuracy": [1.0, 2.0]}]
    pruning = {"pruning_ratio": 0.5, "ppm_nn_accuracy": 0.75, "ppm_class_bitmask": 200, "ppm_nn_class_accuracy": [1.5]}
    assert decoded.pruning == [pruning, pruning]
    assert decoded.unification == [UNIFICATION_ROW]
    decomposition = {"mse_threshold": 0.125, "dpm_nn_accuracy": 0.5, "nn_reduction_ratio": 0.25, "dpm_nn_class_accuracy": [3.0]}
    assert decoded.decomposition == [decomposition]


def test_all_maps_of_an_lps() -> None:
    maps = unification(SPARSIFICATION + PRUNING, 2)
    lps = hand.layer_parameter_set(map_flags="111", maps=SPARSIFICATION + PRUNING + maps)
    (decoded,) = decode(hand.start_unit() + lps).maps
    assert (len(decoded.sparsification), len(decoded.pruning), decoded.unification) == (1, 2, [UNIFICATION_ROW])


def test_disputed_map_entries() -> None:
    mps = hand.model_parameter_set(map_flags="0100", maps=PRUNING[:8] + PRUNING[8 : 8 + (len(PRUNING) - 8) // 2])
    (decoded,) = decode(hand.start_unit() + mps, {"map_entries": "count-minus-1"}).maps
    assert len(decoded.pruning) == 1
    with pytest.raises(PlainError, match="truncated"):
        decode(hand.start_unit() + mps)
    with pytest.raises(PlainError, match="value"):
        decode(hand.start_unit() + hand.model_parameter_set(map_flags="0100", maps=u(8, 0)), {"map_entries": "count-minus-1"})


def test_disputed_class_loop_of_the_unification_map() -> None:
    mps = hand.model_parameter_set(map_flags="0010", maps=unification("", 1))
    (decoded,) = decode(hand.start_unit() + mps, {"unification_class_loop": "upm_class_bitmask"}).maps
    assert decoded.unification == [UNIFICATION_ROW | {"upm_nn_class_accuracy": [1.0]}]


def test_wide_sizes_and_alignment_bits() -> None:
    header = data_unit_header(NNR_PT_RAW_FLOAT, "w", [1])
    assert decode(START + unit(NNR_NDU, header + floats([2.0]), wide=True)).parameters["w"].tolist() == [2.0]
    filled = header.rstrip("0") + "1" * (len(header) - len(header.rstrip("0")))
    assert filled != header
    stream = START + unit(NNR_NDU, filled + floats([2.0]))
    assert decode(stream).parameters["w"].tolist() == [2.0]
    with pytest.raises(PlainError, match="alignment"):
        decode(stream, {"alignment_bits": "checked"})


@pytest.mark.parametrize("cuts", [[], [4], [1, 5], [2, 2, 7]])
def test_partial_units_share_one_payload(cuts: list[int]) -> None:
    header, payload = data_unit_header(NNR_PT_RAW_FLOAT, "w", [2]), floats([1.5, -2.5])
    places = [0, *cuts, len(payload) // 8]
    pieces = [payload[8 * start : 8 * end] for start, end in itertools.pairwise(places)]
    units = [unit(NNR_NDU, header + piece, counter=len(pieces) - 1 - n) for n, piece in enumerate(pieces)]
    assert decode(START + b"".join(units)).parameters["w"].tolist() == [1.5, -2.5]


@pytest.mark.parametrize("entry_points", [False, True])
@pytest.mark.parametrize("unified", [0, 1])
def test_aggregate(entry_points: bool, unified: int) -> None:
    units = [hand.layer_parameter_set(), raw_unit("a", [1.0]), raw_unit("b", [2.0, 3.0])]
    starts = [0, len(units[0]), len(units[0]) + len(units[1])]
    head = u(8, 0) + u(1, entry_points) + u(7, 0) + u(16, 1)
    if entry_points:
        head += "".join(u(6, kind) + u(34, start) for kind, start in zip([2, NNR_NDU, NNR_NDU], starts, strict=True))
    head += (u(5, 8) + "1" * unified) * 3
    mps = hand.model_parameter_set(map_flags=f"00{unified}0", maps=u(8, 0) if unified else "")
    stream = hand.start_unit() + mps + unit(NNR_AGG, aligned(head) + octets(b"".join(units))) + raw_unit("c", [4.0])
    parameters = decode(stream).parameters
    assert {name: array.tolist() for name, array in parameters.items()} == {"a": [1.0], "b": [2.0, 3.0], "c": [4.0]}


def test_a_stream_cut_at_a_unit_is_a_shorter_stream() -> None:
    stream, size, names = START + raw_unit("a", [1.0]) + raw_unit("b", [2.0]), len(raw_unit("a", [1.0])), ["a", "b"]
    assert list(decode(stream).parameters) == names
    assert list(decode(stream[:-size]).parameters) == names[:1]
    assert list(decode(stream[: -2 * size]).parameters) == []
