"""NNEF: labels and shapes of the variables of a graph."""

import pytest

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
