"""NNEF: labels and shapes of the variables of a graph."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.nnef import parameter_shapes

GRAPH = """
version 1.0;
graph net(input) -> (output)
{
    input = external<scalar>(shape = [1, 3, 8, 8]);   # variable(shape = [9], label = 'comment')
    filter = variable<scalar>(shape = [16, 3, 5, 5], label = 'conv/filter');
    bias = variable(label = "bias", shape = [1,16]);
    scale = variable(shape = [], label = 'scale');
    output = conv(input, filter, bias);
}
"""


def test_labels_and_shapes() -> None:
    assert parameter_shapes(GRAPH.encode()) == {"conv/filter": (16, 3, 5, 5), "bias": (1, 16), "scale": ()}


def test_not_utf8() -> None:
    with pytest.raises(ModelError, match="UTF-8"):
        parameter_shapes(b"\xff")


@pytest.mark.parametrize("shape", ["3 4", "3, x", "-1", "3.5", "\u0663", "9" * 5000])
def test_a_shape_that_is_none(shape: str) -> None:
    with pytest.raises(ModelError, match="of variable 'a' must be a list of integers"):
        parameter_shapes(f"a = variable(shape = [{shape}], label = 'a');".encode())


@settings(max_examples=200)
@given(st.text("vari able<sc>([]0123456789,='\"#\n\x1e\u0663)", max_size=60))
def test_any_text_gives_shapes_or_a_typed_error(text: str) -> None:
    try:
        found = parameter_shapes(f"a = variable(shape = [2,{text}], label = 'a'); {text}".encode())
    except ModelError:
        return
    assert all(isinstance(extent, int) for shape in found.values() for extent in shape)
