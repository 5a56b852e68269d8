"""NNR_TPL_PRUN (inferred): what pruning left of tensors, for a receiver with the original network.

The standard leaves open which elements a mask covers. Our choice (provenance I): all elements of
the topology's parameters, one parameter after the other in the order of the graph, each in the
order of order_flag: 1 row-major, 0 column-major. A dictionary states new dimensions by id.
"""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, Final

import numpy as np
from onnx import ModelProto

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_DICT, NNR_TPL_NNEF, NNR_TPL_ONNX
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.topology.classes import Array
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.onnx import parse, serialise, tensors_by_id

_ORDERS: Final = {1: "C", 0: "F"}
"""NumPy's names of the element orders, by order_flag."""


def new_dimensions(container: Values) -> dict[str, tuple[int, ...]]:
    """Return the new dimensions by id in a container's dictionary.

    Return an empty mapping if the container has a mask.
    """
    if container["nnr_rep_type"] != NNR_TPL_DICT or not container["prune_flag"]:
        return {}
    return {element["element_id"]: tuple(element.get("dim", ())) for element in container["pruned_element"]}


def with_new_dimensions(topology: Topology, container: Values) -> Topology:
    """Return the topology with the new dimensions of a container's dictionary.

    The dimensions of ONNX initializers, constants and graph inputs change, and the groups of
    depthwise convolutions; shapes noted between nodes are removed. Nodes stay as they are, so
    operators must take their sizes from the tensors, as convolutions and dense layers do.

    Raises:
        ModelError: For another format, an unknown tensor, or dimensions that would grow or
            change in number.
    """
    if topology.storage_format != NNR_TPL_ONNX:
        raise ModelError("new dimensions can be applied to ONNX topologies only")
    new_dims = new_dimensions(container)
    model = parse(topology.data)
    for name, entry in tensors_by_id(model):
        if name not in new_dims or entry.dense is None:
            continue
        before, after = tuple(entry.dense.dims), new_dims.pop(name)
        if len(before) != len(after) or any(new > old for new, old in zip(after, before, strict=True)):
            raise ModelError(f"tensor {name!r} of dimensions {before} cannot be pruned to {after}")
        entry.dense.dims[:] = after
        _regroup(model, name, before, after)
        for value in model.graph.input:
            if value.name == name:
                for extent, size in zip(value.type.tensor_type.shape.dim, after, strict=True):
                    extent.dim_value = size
    if new_dims:
        raise ModelError(f"the topology has no tensor {sorted(new_dims)[0]!r} to prune")
    del model.graph.value_info[:]
    return Topology(NNR_TPL_ONNX, serialise(model))


def _regroup(model: ModelProto, weight: str, before: tuple[int, ...], after: tuple[int, ...]) -> None:
    """Set the groups of a pruned depthwise convolution to the channels left, in place.

    Args:
        model: The model.
        weight: Name of the convolution's weight; others are left alone.
        before: Its old dimensions.
        after: Its new dimensions.
    """
    for node in model.graph.node:
        if node.op_type == "Conv" and node.input[1] == weight and before[1] == 1:
            for attribute in node.attribute:
                if attribute.name == "group" and attribute.i == before[0]:
                    attribute.i = after[0]


def masks(container: Values, shapes: Mapping[str, tuple[int, ...]], name: str) -> dict[str, Array]:
    """Return the mask ``name`` as bool arrays by id, True for elements that are kept.

    Args:
        name: prune_bit_mask or sparse_bit_mask.
        shapes: Shapes of the topology's parameters, in order.

    Raises:
        ModelError: If the mask is absent or has another number of bits.
    """
    if name not in container:
        raise ModelError(f"the pruning container has no {name}")
    bits = np.asarray(container[name]["bit_mask_value"], dtype=np.bool_)
    if bits.size != sum(map(prod, shapes.values())):
        raise ModelError(f"{name} has {bits.size} bits for {sum(map(prod, shapes.values()))} elements")
    return dict(_cut(bits, shapes, _ORDERS[container["order_flag"]]))


def bit_mask(kept: Mapping[str, Array], *, row_major: bool = True) -> Values:
    """Make the values of a bit_mask() from arrays that are non-zero for elements to keep.

    Args:
        kept: Arrays in the order of the topology's parameters.
        row_major: The order_flag of the container.
    """
    order: Any = _ORDERS[row_major]
    bits = [np.asarray(array, dtype=np.bool_).reshape(-1, order=order) for array in kept.values()]
    joined = np.concatenate(bits) if bits else np.zeros(0, np.bool_)
    return {"count_bits": joined.size, "bit_mask_value": joined.astype(int).tolist()}


def parameter_shapes(topology: Topology) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a topology's parameters, in its order.

    Raises:
        ModelError: For a format that does not state shapes.
    """
    from nnc_conformance.reference.topology import nnef, onnx

    parsers = {NNR_TPL_ONNX: onnx.parameter_shapes, NNR_TPL_NNEF: nnef.parameter_shapes}
    if topology.storage_format not in parsers:
        raise ModelError("the topology's format does not state the shapes of parameters")
    return parsers[topology.storage_format](topology.data)


def _cut(bits: Array, shapes: Mapping[str, tuple[int, ...]], order: Any) -> Iterator[tuple[str, Array]]:
    """Yield each parameter's id and its part of a mask, in its shape.

    Args:
        bits: The bits of all parameters, one after the other.
        shapes: Shape of each parameter by id, in the order of the bits.
        order: Order of the elements of an array, "C" or "F".
    """
    at = 0
    for name, shape in shapes.items():
        yield name, bits[at : at + prod(shape)].reshape(shape, order=order)
        at += prod(shape)
