"""What the tools leave in a stream: decomposed blocks, ready indexes, maps and pruning dictionaries
come back as they were given.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.encoder_options import Block
from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.quantization.reconstruction import step_size


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@settings(max_examples=30)
@given(
    st.integers(1, 20), st.integers(1, 6), st.integers(1, 40), st.integers(0, 2), st.booleans(), st.booleans(), st.booleans()
)  # fmt: skip
def test_a_decomposed_block_comes_back_in_parts_and_multiplied(rows, rank, columns, scan_order, dq, scaled, biased):
    parts = {"weight.g": "w_G", "weight.h": "w_H"} | ({"weight.ls": "s"} if scaled else {}) | ({"bias": "b"} if biased else {})
    parameters = {"w_G": normal(rows, rank), "w_H": normal(rank, columns, seed=1), "s": normal(rows, seed=2), "b": normal(rows, seed=3)}
    parameters = {name: parameters[name] for name in parts.values()}
    options = EncoderOptions(qp=-40, dq=dq, scan_order=scan_order, blocks=(Block(parts, (rows, columns)),))
    stream = encode(parameters, options=options)
    apart, whole = decode(stream).parameters, decode(stream, recombine=True).parameters
    assert set(apart) == set(parameters)
    for name, array in parameters.items():
        np.testing.assert_allclose(apart[name], array, atol=0.02)
    product = apart["w_G"].astype(np.float64) @ apart["w_H"]
    expected = product * (apart["s"][:, None] if scaled else 1)
    assert set(whole) == {"w", *(["b"] if biased else [])}
    np.testing.assert_allclose(whole["w"], expected, rtol=1e-5, atol=1e-5)


def test_rows_of_g_may_be_any_that_divide_the_tensor():
    parameters = {"w_G": normal(6, 2), "w_H": normal(2, 20), "s": normal(3)}
    block = Block({"weight.g": "w_G", "weight.h": "w_H", "weight.ls": "s"}, (3, 8, 5))
    whole = decode(encode(parameters, options=EncoderOptions(qp=-60, blocks=(block,))), recombine=True).parameters["w"]
    expected = (parameters["w_G"] @ parameters["w_H"]).reshape(3, 8, 5) * parameters["s"][:, None, None]
    np.testing.assert_allclose(whole, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("parts", "dimensions", "shapes", "message"),
    [
        ({"weight.g": "g"}, (4, 4), {}, "no block has the parts"),
        ({"weight": "w", "weight.g": "g", "weight.h": "h"}, (4, 4), {}, "no block has the parts"),
        ({"weight.g": "g", "weight.h": "h"}, (), {}, "has dimensions of its own where its weight is decomposed"),
        ({"weight": "w", "bias": "b"}, (4, 4), {}, "has dimensions of its own where its weight is decomposed"),
        ({"weight.g": "g", "weight.h": "h"}, (4, 4), {"g": (3, 2), "h": (2, 4)}, r"'g' of shape \(3, 2\) cannot be the G"),
        ({"weight.g": "g", "weight.h": "h"}, (4, 4), {"g": (4,), "h": (2, 4)}, r"'g' of shape \(4,\) cannot be the G"),
        ({"weight.g": "g", "weight.h": "h"}, (4, 4), {"g": (4, 2), "h": (3, 4)}, r"'h' in a block has the shape \(3, 4\), not \(2, 4\)"),
        ({"weight": "w", "weight.ls": "s"}, (), {"w": (4, 4), "s": (3,)}, r"'s' in a block has the shape \(3,\), not \(4,\)"),
    ],
)
def test_parts_that_make_no_block_are_refused(parts, dimensions, shapes, message):
    with pytest.raises(EncodeError, match=message):
        encode({name: normal(*shape) for name, shape in shapes.items()}, options=EncoderOptions(blocks=(Block(parts, dimensions),)))


@pytest.mark.parametrize("dq", [False, True])
def test_ready_indexes_are_coded_as_they_are(dq):
    weight, options = normal(9, 17), EncoderOptions(qp=-8, dq=dq, rdo=0)
    values = decode(encode({"w": weight}, options=options)).parameters["w"]
    indexes = np.rint(values / step_size(2, -8)).astype(np.int32)
    ready = EncoderOptions(qp=-8, dq=dq, rdo=5.0, codebook="kmeans", indexes={"w": indexes})
    assert np.array_equal(decode(encode({"w": np.zeros_like(weight)}, options=ready)).parameters["w"], values)


def test_pruned_dimensions_travel_in_a_dictionary():
    pruned = {"a": (3, 4), "b": (7,)}
    stream = encode({"a": normal(3, 4), "b": normal(7)}, options=EncoderOptions(pruned=pruned))
    found = decode(stream).pruning
    assert (found["nnr_rep_type"], found["prune_flag"], found["sparse_flag"], found["count_ids"]) == (1, 1, 0, 2)
    assert {each["element_id"]: tuple(each["dim"]) for each in found["pruned_element"]} == pruned
    with pytest.raises(EncodeError, match="256 pruned tensors, a dictionary holds 255"):
        encode({}, options=EncoderOptions(pruned={str(number): (1,) for number in range(256)}))
