"""What writer, encoder, interpretation and graph tools refuse, and the message that says why."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.composer import ids_list, start_unit, topology_unit
from nnc_conformance.reference.encoder_options import Block, CodebookMethod
from nnc_conformance.reference.errors import EncodeError, ModelError, StreamError
from nnc_conformance.reference.interpretation import IntDqFlag, Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.reduction.graph import Graph
from nnc_conformance.reference.reduction.scoring import Samples, accuracy
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.descriptors import BitReader, NoZeroByteError
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX, NNR_TPL_REFLIST, NNR_TPL_UNREC, RAW
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.topology import nnef
from nnc_conformance.reference.topology.content import Topology

NAMES = topology_unit(NNR_TPL_REFLIST, RAW, {"topology_elements_ids_list": ids_list(["a", "b"])})
LONG = topology_unit(NNR_TPL_UNREC, RAW, {"topology_data": bytes(40000)})


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (start_unit() | {"nnr_unit_header": 3}, "nnr_unit_header takes the values of a structure"),
        (topology_unit(NNR_TPL_REFLIST, RAW, {"topology_elements_ids_list": ids_list(["a\0b", "c"])}), "holds a zero byte"),
        (topology_unit(9, RAW, {"topology_data": b""}), "rule storage-format"),
        (topology_unit(300, RAW, {"topology_data": b""}), r"= 300 does not fit u\(8\)"),
        (LONG | {"nnr_unit_size_flag": 0}, "does not fit a 15-bit nnr_unit_size"),
    ],
)
def test_a_writer_refuses(unit: Values, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        write_units([start_unit(), unit])


def test_a_size_is_written_as_it_is_given() -> None:
    assert write_units([start_unit() | {"nnr_unit_size": 77}], enforce=False)[:2] == bytes([0, 77])
    assert len(write_units([start_unit(), NAMES])) > 4
    assert write_units([start_unit(), LONG])[4] == 0x80


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codebook": "best"}, "unknown codebook method 'best'; choose from none, kmeans, integer"),
        ({"effort": "most"}, "unknown effort 'most'; choose from fast, default, best"),
        ({"parameter_sets": "all"}, "parameter_sets is default or search, not 'all'"),
    ],
)
def test_options_that_do_not_exist(options: dict[str, str], message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        EncoderOptions(**options)  # type: ignore[arg-type]


def test_a_codebook_may_be_a_plain_yes_or_no() -> None:
    assert [EncoderOptions(codebook=choice).codebook for choice in (True, False)] == [CodebookMethod.INTEGER, CodebookMethod.NONE]


def test_blocks_hold_finite_values() -> None:
    parameters = {"w": np.ones((2, 3), np.float32), "b": np.array([1, np.inf], np.float32)}
    block = Block({"weight": "w", "bias": "b"})
    with pytest.raises(EncodeError, match="'b' in a block is empty or not finite"):
        encode(parameters, options=EncoderOptions(blocks=(block,)))


def test_parameters_of_no_block_stay_single() -> None:
    tables = {
        "block_identifier": {"w": 0, "b": 0, "alone": None},
        "parameter_type": {"w": "weight", "b": "bias", "alone": "weight"},
    }
    assert [block.ids for block in EncoderOptions(blocks=tables).blocks] == [("w", "b")]


def test_an_unknown_choice_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown choice of plain_product 'exact'; choose from binary32, binary64"):
        Interpretation.parse({"plain_product": "exact"})
    with pytest.raises(ValueError, match="unknown disputed point 'product'; choose from "):
        Interpretation.parse({"product": "binary32"})


def test_choices_given_as_text_count_like_members() -> None:
    given: dict[str, Any] = {"int_dq_flag": "ignored"}
    assert Interpretation(**given).int_dq_flag is IntDqFlag.IGNORED
    with pytest.raises(ValueError, match="unknown choice of int_dq_flag 'ignore'; choose from applies, ignored"):
        Interpretation(**(given | {"int_dq_flag": "ignore"}))


def test_topologies_count_as_output() -> None:
    stream = write_units([start_unit(), LONG])
    assert decode(stream).topology == Topology(NNR_TPL_UNREC, bytes(40000))
    with pytest.raises(StreamError, match="more than 30000 bytes of output"):
        decode(stream, limits=DecodeLimits(total_bytes=30000))


def test_a_string_that_is_not_aligned_ends_with_a_zero_byte_too() -> None:
    bits = BitReader(bytes([0b10110000, 0b10110001, 0b00000000, 0b01111111]))
    bits.bits(1)
    assert bits.string() == bytes([0b01100001, 0b01100010])
    with pytest.raises(NoZeroByteError):
        bits.string()


def test_variables_without_shape_or_label_tell_nothing() -> None:
    text = "x = variable(shape = [2, 3], label = 'a'); y = variable(shape = [2]); z = variable(label = 'c');"
    assert nnef.parameter_shapes(text.encode()) == {"a": (2, 3)}


def test_graph_tools_want_an_onnx_graph() -> None:
    with pytest.raises(ModelError, match="needs an ONNX model with its graph"):
        Graph.of(None)
    with pytest.raises(ModelError, match="not an ONNX model"):
        Graph.of(Topology(NNR_TPL_ONNX, b"\xff"))
    with pytest.raises(ModelError, match="measured on ONNX models only"):
        accuracy(None, {}, Samples({}, np.zeros(1, np.int64)))


def test_graphs_inside_nodes_are_readers_too() -> None:
    inner = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])], "inner", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])]
    )
    outer = helper.make_graph([helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)], "middle", [], [])
    node = helper.make_node("Loop", ["n", "c"], ["o"], body=outer)
    model = helper.make_model(helper.make_graph([node], "outer", [], [], [helper.make_tensor("w", TensorProto.FLOAT, [2], [1, 2])]))
    graph = Graph.of(Topology(NNR_TPL_ONNX, model.SerializeToString()))
    assert list(graph.readers["w"]) == [graph.nodes[0]]
