"""NNR_TPL_PRUN and NNR_TPL_REFLIST with networks that were pruned, and streams of the networks of
the package.
"""

import numpy as np
import plain_decoder
import pytest
from helpers.reduction_networks import NAMES, held, packaged
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnc_conformance.generator.models import MODELS
from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.composer import ids_list, model_parameter_set, start_unit, topology_unit
from nnc_conformance.reference.errors import EncodeError, ModelError
from nnc_conformance.reference.reduction.pruning import Pruning, prune
from nnc_conformance.reference.reduction.scoring import answers
from nnc_conformance.reference.reduction.tool import Resources
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX, NNR_TPL_PRUN, NNR_TPL_PYT, NNR_TPL_UNREC, RAW
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.onnx import restore
from nnc_conformance.reference.topology.pruned import bit_mask, masks, new_dimensions, parameter_shapes, with_new_dimensions
from nnc_conformance.reference.topology.reference_list import reference_list, with_reference_list

OPTIONS = {"qp": -40, "nonweight_qp": -60}


def pruned_stream(name: str, topology: Topology | None) -> tuple[bytes, np.ndarray]:
    """A pruned network's stream with another topology than its own, and what the pruned network
    answers itself.
    """
    small = prune(packaged(name), Pruning(ratios=(0.3,)), Resources()).network
    exact = frozenset(small.parameters)
    stream = encode(small.parameters, topology=topology, options=EncoderOptions(**OPTIONS, exact=exact, pruned=small.pruned))
    return stream, answers(restore(small.topology.data, small.parameters), held(name, 40).inputs)


@pytest.mark.parametrize("name", NAMES)
def test_a_receiver_that_has_the_whole_network_runs_the_pruned_one(name: str) -> None:
    whole = packaged(name).topology
    stream, expected = pruned_stream(name, Topology(NNR_TPL_UNREC, b"a name that only the receiver knows"))
    decoded = decode(stream)
    assert decoded.topology == Topology(NNR_TPL_UNREC, b"a name that only the receiver knows")
    assert decoded.pruning is not None
    small = with_new_dimensions(whole, decoded.pruning)
    shapes = parameter_shapes(small)
    assert {key: shapes[key] for key in new_dimensions(decoded.pruning)} == new_dimensions(decoded.pruning)
    assert sum(map(np.prod, shapes.values())) < 0.8 * sum(map(np.prod, parameter_shapes(whole).values()))
    parameters = {key: array.reshape(shapes[key]) for key, array in decoded.parameters.items()}
    np.testing.assert_array_equal(answers(restore(small.data, parameters), held(name, 40).inputs), expected)


def test_new_dimensions_that_do_not_fit_are_refused() -> None:
    whole = packaged("digits-mlp").topology
    container = {"nnr_rep_type": 1, "prune_flag": 1, "order_flag": 1, "pruned_element": [{"element_id": "fc1.bias", "dim": [200]}]}
    with pytest.raises(ModelError, match=r"'fc1.bias' of dimensions \(128,\) cannot be pruned to \(200,\)"):
        with_new_dimensions(whole, container)
    with pytest.raises(ModelError, match="no tensor 'other'"):
        with_new_dimensions(whole, {**container, "pruned_element": [{"element_id": "other", "dim": [1]}]})
    for refuse in (
        lambda: with_new_dimensions(Topology(NNR_TPL_PYT, b""), container),
        lambda: parameter_shapes(Topology(NNR_TPL_PYT, b"")),
    ):
        with pytest.raises(ModelError, match="topolog"):
            refuse()
    assert new_dimensions({**container, "nnr_rep_type": 0}) == {}


def with_mask(kept: dict[str, np.ndarray], order_flag: int) -> bytes:
    container = {"nnr_rep_type": 0, "prune_flag": 0, "order_flag": order_flag, "sparse_flag": 1}
    container["sparse_bit_mask"] = bit_mask(kept, row_major=bool(order_flag))
    unit = topology_unit(NNR_TPL_PRUN, RAW, {"nnr_pruning_topology_container": container})
    return write_units([start_unit(), model_parameter_set(None), unit])


@given(
    st.lists(array_shapes(min_dims=0, max_dims=4, max_side=4).flatmap(lambda shape: arrays(np.bool_, shape)), min_size=1, max_size=4),
    st.integers(0, 1),
)
def test_masks_come_back(kept: list[np.ndarray], order_flag: int) -> None:
    named = {f"t{number}": array for number, array in enumerate(kept)}
    pruning = decode(with_mask(named, order_flag)).pruning
    found = masks(pruning, {name: array.shape for name, array in named.items()}, "sparse_bit_mask")
    assert {name: array.tolist() for name, array in found.items()} == {name: array.tolist() for name, array in named.items()}


def test_a_mask_runs_over_columns_first_where_the_flag_says_so() -> None:
    kept = {"w": np.array([[True, False, False], [True, True, False]])}
    rows, columns = (decode(with_mask(kept, flag)).pruning["sparse_bit_mask"]["bit_mask_value"] for flag in (1, 0))
    assert ([int(bit) for bit in rows], [int(bit) for bit in columns]) == ([1, 0, 0, 1, 1, 0], [1, 1, 0, 1, 0, 0])
    with pytest.raises(ModelError, match="6 bits for 4 elements"):
        masks(decode(with_mask(kept, 1)).pruning, {"w": (2, 2)}, "sparse_bit_mask")
    with pytest.raises(ModelError, match="no prune_bit_mask"):
        masks(decode(with_mask(kept, 1)).pruning, {"w": (2, 3)}, "prune_bit_mask")


@pytest.mark.parametrize("model", MODELS[::2], ids=lambda model: model.id)
def test_a_stream_with_a_list_of_references_decodes_to_the_same(model) -> None:
    stream = model.stream()
    listed = with_reference_list(stream)
    before, after = decode(stream), decode(listed)
    assert after.topology == before.topology
    assert list(after.parameters) == list(before.parameters) == list(reference_list(listed))
    assert all(after.parameters[name].tobytes() == array.tobytes() for name, array in before.parameters.items())
    assert reference_list(stream) == ()
    other = plain_decoder.decode(listed)
    assert list(other.parameters) == list(before.parameters)
    with pytest.raises(EncodeError, match="already"):
        with_reference_list(listed)


def test_a_pruned_networks_dictionary_refers_to_the_list() -> None:
    stream, _ = pruned_stream("digits-cnn", packaged("digits-cnn").topology)
    before, after = decode(stream), decode(with_reference_list(stream))
    names = reference_list(with_reference_list(stream))
    assert [names[element["element_id_index"]] for element in after.pruning["pruned_element"]] == [
        element["element_id"] for element in before.pruning["pruned_element"]
    ]


def test_a_single_id_makes_no_list() -> None:
    with pytest.raises(EncodeError, match="at least 2 ids; the stream has 1"):
        with_reference_list(encode({"w": np.arange(3, dtype=np.int32)}))
    assert ids_list(["a", "b"])["count_topology_elements_minus2"] == 0
    assert NNR_TPL_ONNX == 2
