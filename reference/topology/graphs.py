"""Walks an ONNX model.

Visits every graph and function body at any depth, and every tensor in it.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.paths import TensorPath, mark, step

MAX_DEPTH: Final = 32
"""Levels of nested graphs that are accepted; a protobuf reader gives up at about the same depth."""

_VALUE_FIELDS: Final = {"value_float": "f", "value_floats": "floats", "value_int": "i", "value_ints": "ints"}
"""Protobuf fields of the attributes of a Constant that `values_to_tensors` converts."""
_OTHER_VALUES: Final = ("sparse_value", "value_string", "value_strings")
"""Attributes of a Constant that stay in the topology."""


@dataclass(frozen=True, eq=False)
class Body:
    """A graph or function body.

    Args:
        scope: Steps from the main graph (see `paths`).
        outer: The body whose names are visible inside; None for a root.
        owner: The graph, or the function, whose body it is.
        node: The node that has the graph as an attribute; None for a root.
    """

    scope: tuple[str, ...]
    outer: "Body | None"
    initializers: Sequence[TensorProto]
    sparse_initializers: Sequence[SparseTensorProto]
    nodes: Sequence[NodeProto]
    owner: GraphProto | FunctionProto
    node: NodeProto | None = None


@dataclass(frozen=True, eq=False)
class TensorEntry:
    """One or more tensors with the same path.

    Args:
        path: Where they are.
        dense: The tensor that can be coded, if any.
        others: Tensors that always stay in the topology.
    """

    path: TensorPath
    dense: TensorProto | None
    others: tuple[TensorProto, ...] = ()


def checked_name(value: object) -> str:
    """Return a name of the model; raise `ModelError` if it is not UTF-8.

    Protobuf returns bytes in this case.
    """
    if not isinstance(value, str):
        raise ModelError(f"the model has a name that is not UTF-8: {value!r}")
    return value


def bodies(model: ModelProto) -> Iterator[Body]:
    """Iterate over all bodies: main graph, local functions, training graphs; outer before inner.

    Raises:
        ModelError: Beyond `MAX_DEPTH` levels.
    """
    yield from _graph(model.graph, (), None)
    for function in model.functions:
        root = _function_root(function)
        body = Body(root, None, (), (), function.node, function)
        yield body
        yield from _inner(function.attribute_proto, (*root, mark("default")), None, None)
        yield from _below(body)
    for number, training in enumerate(model.training_info):
        yield from _graph(training.initialization, (mark("training"), str(number), "initialization"), None)
        yield from _graph(training.algorithm, (mark("training"), str(number), "algorithm"), None)


def tensor_entries(model: ModelProto) -> Iterator[TensorEntry]:
    """Iterate over all tensors of a model.

    For each body in order: its initializers, then the attributes of its nodes. The defaults of
    functions follow.
    """
    for body in bodies(model):
        for tensor in body.initializers:
            yield TensorEntry(TensorPath(body.scope, checked_name(tensor.name)), tensor)
        for sparse in body.sparse_initializers:
            yield TensorEntry(TensorPath(body.scope, checked_name(sparse.values.name)), None, (sparse.values, sparse.indices))
        for number, node in enumerate(body.nodes):
            if is_constant(node) and checked_name(node.output[0]):
                yield from _constant(node, body.scope)
            else:
                yield from _attributes(node.attribute, (*body.scope, _node_step(node, number)))
    for function in model.functions:
        yield from _attributes(function.attribute_proto, (*_function_root(function), mark("default")))


def is_constant(node: NodeProto) -> bool:
    """Return whether the node is the standard ONNX Constant and has an output."""
    return node.op_type == "Constant" and node.domain in ("", "ai.onnx") and len(node.output) > 0


def values_to_tensors(model: ModelProto) -> None:
    """Replace value_float(s) and value_int(s) of Constant nodes by an equal ``value``, in place.

    A list with a NaN stays as it is, because a Python float does not keep the bits of a NaN.
    """
    for body in bodies(model):
        for node in filter(is_constant, body.nodes):
            for attribute in node.attribute:
                field = _VALUE_FIELDS.get(checked_name(attribute.name))
                if field is not None and not attribute.ref_attr_name:
                    _value_to_tensor(attribute, field)


def _value_to_tensor(attribute: AttributeProto, field: str) -> None:
    """Replace a number or list in a Constant's attribute by an equal tensor, in place.

    A NaN leaves the attribute as it is.

    Args:
        attribute: The attribute.
        field: The field that holds the value: f, i, floats or ints.
    """
    values = getattr(attribute, field)
    single = field in ("f", "i")
    values = [values] if single else list(values)
    if any(math.isnan(value) for value in values):
        return
    tensor = TensorProto(dims=() if single else (len(values),))
    if field in ("f", "floats"):
        tensor.data_type = TensorProto.FLOAT
        tensor.float_data.extend(values)
    else:
        tensor.data_type = TensorProto.INT64
        tensor.int64_data.extend(values)
    attribute.ClearField(field)
    attribute.name, attribute.type = "value", AttributeProto.TENSOR
    attribute.t.CopyFrom(tensor)


def _function_root(function: FunctionProto) -> tuple[str, ...]:
    """Return the steps to a local function."""
    return mark("function"), step(checked_name(function.domain)), step(checked_name(function.name)), step(checked_name(function.overload))


def _graph(graph: GraphProto, scope: tuple[str, ...], outer: Body | None, node: NodeProto | None = None) -> Iterator[Body]:
    """Yield a graph as a body, then all graphs inside it.

    Args:
        graph: The graph.
        scope: The path to it in the model.
        outer: The body around it; None for the main graph.
        node: The node that has it as an attribute, if any.
    """
    if _depth(outer) >= MAX_DEPTH:
        raise ModelError(f"the model nests graphs beyond a depth of {MAX_DEPTH}")
    body = Body(scope, outer, graph.initializer, graph.sparse_initializer, graph.node, graph, node)
    yield body
    yield from _below(body)


def _below(body: Body) -> Iterator[Body]:
    """Iterate over the graphs in the attributes of a body's nodes, at any depth."""
    for number, node in enumerate(body.nodes):
        yield from _inner(node.attribute, (*body.scope, _node_step(node, number)), body, node)


def _inner(attributes: Iterable[AttributeProto], scope: tuple[str, ...], outer: Body | None, node: NodeProto | None) -> Iterator[Body]:
    """Iterate over the graphs in attributes, at any depth."""
    for attribute in attributes:
        here = (*scope, step(checked_name(attribute.name)))
        if attribute.HasField("g"):
            yield from _graph(attribute.g, here, outer, node)
        for number, graph in enumerate(attribute.graphs):
            yield from _graph(graph, (*here, mark(f"#{number}")), outer, node)


def _depth(body: Body | None) -> int:
    """Return how deep a body is nested: 1 for the main graph, 0 for None."""
    count = 0
    while body is not None:
        body, count = body.outer, count + 1
    return count


def _node_step(node: NodeProto, number: int) -> str:
    """Return the step of a node: its first named output, else its number."""
    name = next((checked_name(output) for output in node.output if output), None)
    return mark(f"#{number}") if name is None else step(name)


def _constant(node: NodeProto, scope: tuple[str, ...]) -> Iterator[TensorEntry]:
    """Yield an entry for each tensor of a Constant node.

    Its path ends with the name of the node's output. Values that are no dense tensor give an entry
    without one.
    """
    path = TensorPath(scope, checked_name(node.output[0]))
    for attribute in node.attribute:
        if attribute.ref_attr_name:
            continue
        if attribute.name == "value" and attribute.HasField("t"):
            yield TensorEntry(path, attribute.t)
        elif attribute.name in _VALUE_FIELDS or attribute.name in _OTHER_VALUES:
            sparse = attribute.sparse_tensor
            yield TensorEntry(path, None, (sparse.values, sparse.indices))


def _attributes(attributes: Iterable[AttributeProto], scope: tuple[str, ...]) -> Iterator[TensorEntry]:
    """Iterate over the tensors, dense or sparse, that attributes of functions or nodes hold.

    Args:
        attributes: The attributes.
        scope: Path of the graph that they are in.
    """
    for attribute in attributes:
        path = TensorPath((*scope, mark("attribute")), checked_name(attribute.name))
        dense = [*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors]
        sparse = [*([attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []), *attribute.sparse_tensors]
        tensors = (*dense, *(part for tensor in sparse for part in (tensor.values, tensor.indices)))
        if tensors:
            yield TensorEntry(path, None, tensors)
