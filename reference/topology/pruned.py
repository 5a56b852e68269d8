"""NNR_TPL_PRUN (inferred): what pruning left of a network's tensors, for a receiver that has the network as it was.

The sheets do not say what the masks run over; our choice (provenance I): all elements of the topology's parameters, one after the other in
the order of the graph, each in the order of order_flag: 1 row-major, 0 column-major. A dictionary gives new dimensions by id.
"""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, Final

import numpy as np
from onnx import ModelProto

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.model import Topology
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_DICT, NNR_TPL_NNEF, NNR_TPL_ONNX
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.topology.classes import Array
from nnc_conformance.reference.topology.onnx import identified, parse, serialise

_ORDERS: Final = {1: "C", 0: "F"}


def new_dimensions(container: Values) -> dict[str, tuple[int, ...]]:
    """New dimensions by id that a container's dictionary gives; none where it has a mask."""
    if container["nnr_rep_type"] != NNR_TPL_DICT or not container["prune_flag"]:
        return {}
    return {element["element_id"]: tuple(element.get("dim", ())) for element in container["pruned_element"]}


def shrunk(topology: Topology, container: Values) -> Topology:
    """The topology with the dimensions of a container's dictionary.

    Of an ONNX model those of initializers and constants, and of graph inputs of their names; shapes noted between nodes are left out. The
    nodes stay, but for the groups of a depthwise convolution, so operators must take their extents from the tensors, as convolutions and
    dense layers do. Raises `ModelError` for a topology of another format, and for a tensor that it does not have, or that would grow or
    change its number of dimensions.
    """
    if topology.storage_format != NNR_TPL_ONNX:
        raise ModelError("new dimensions are put into ONNX topologies only")
    wanted = new_dimensions(container)
    model = parse(topology.data)
    for name, slot in identified(model):
        if name not in wanted or slot.dense is None:
            continue
        before, after = tuple(slot.dense.dims), wanted.pop(name)
        if len(before) != len(after) or any(new > old for new, old in zip(after, before, strict=True)):
            raise ModelError(f"tensor {name!r} of dimensions {before} cannot be pruned to {after}")
        slot.dense.dims[:] = after
        _regroup(model, name, before, after)
        for value in model.graph.input:
            if value.name == name:
                for extent, size in zip(value.type.tensor_type.shape.dim, after, strict=True):
                    extent.dim_value = size
    if wanted:
        raise ModelError(f"the topology has no tensor {sorted(wanted)[0]!r} to prune")
    del model.graph.value_info[:]
    return Topology(NNR_TPL_ONNX, serialise(model))


def _regroup(model: ModelProto, weight: str, before: tuple[int, ...], after: tuple[int, ...]) -> None:
    """Gives a convolution that had one group for each output channel as many as are left."""
    for node in model.graph.node:
        if node.op_type == "Conv" and node.input[1] == weight and before[1] == 1:
            for attribute in node.attribute:
                if attribute.name == "group" and attribute.i == before[0]:
                    attribute.i = after[0]


def masks(container: Values, shapes: Mapping[str, tuple[int, ...]], name: str) -> dict[str, Array]:
    """The mask ``name`` (prune_bit_mask or sparse_bit_mask) as bool arrays by id, True where an element is kept.

    ``shapes``: of the topology's parameters in order. Raises `ModelError` where the mask is absent or has another number of bits.
    """
    if name not in container:
        raise ModelError(f"the pruning container has no {name}")
    bits = np.asarray(container[name]["bit_mask_value"], dtype=np.bool_)
    if bits.size != sum(map(prod, shapes.values())):
        raise ModelError(f"{name} has {bits.size} bits for {sum(map(prod, shapes.values()))} elements")
    return dict(_cut(bits, shapes, _ORDERS[container["order_flag"]]))


def mask_of(kept: Mapping[str, Array], *, row_major: bool = True) -> Values:
    """The values of a bit_mask() from arrays in the order of the topology's parameters, True or not 0 where an element is kept."""
    order: Any = _ORDERS[row_major]
    bits = [np.asarray(array, dtype=np.bool_).reshape(-1, order=order) for array in kept.values()]
    joined = np.concatenate(bits) if bits else np.zeros(0, np.bool_)
    return {"count_bits": joined.size, "bit_mask_value": joined.astype(int).tolist()}


def shapes_of(topology: Topology) -> dict[str, tuple[int, ...]]:
    """The shapes of a topology's parameters, in its order; raises `ModelError` for a format that does not tell."""
    from nnc_conformance.reference.topology import nnef, onnx

    parsers = {NNR_TPL_ONNX: onnx.parameter_shapes, NNR_TPL_NNEF: nnef.parameter_shapes}
    if topology.storage_format not in parsers:
        raise ModelError("the topology's format does not tell the shapes of parameters")
    return parsers[topology.storage_format](topology.data)


def _cut(bits: Array, shapes: Mapping[str, tuple[int, ...]], order: Any) -> Iterator[tuple[str, Array]]:
    at = 0
    for name, shape in shapes.items():
        yield name, bits[at : at + prod(shape)].reshape(shape, order=order)
        at += prod(shape)
