"""Dimensions that a unit may leave out, from an ONNX topology."""

from helpers import topology_models as made

from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.reference.topology.onnx import extract
from nnc_conformance.reference.topology.shapes import shapes_in


def test_constant_nodes_give_dimensions() -> None:
    shapes = shapes_in(NNR_TPL_ONNX, extract(made.constant_forms()).topology)
    assert {name: shapes[name] for name in ("tensor", "float", "floats")} == {"tensor": (2, 1), "float": (), "floats": (2,)}
    assert "string" not in shapes
