"""Walks an ONNX model: every graph and function body at any depth, and every tensor in it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.paths import Place, mark, step

MAX_DEPTH: Final = 32
"""Graphs within graphs, at most; a protobuf reader gives up at about the same depth."""

EXACT_INPUTS: Final = {
    "DequantizeLinear": (1,),
    "MatMulNBits": (2,),
    "OneHot": (2,),
    "QLinearConv": (1, 4, 6),
    "QLinearMatMul": (1, 4, 6),
    "QuantizeLinear": (1,),
    "Resize": (1, 2),
    "Upsample": (1,),
}
"""Inputs of operators that may be floating vectors or matrices and yet are no weights: scales, sizes, values of a code."""

_VALUE_FIELDS: Final = {"value_float": "f", "value_floats": "floats", "value_int": "i", "value_ints": "ints"}
_OTHER_VALUES: Final = ("sparse_value", "value_string", "value_strings")


@dataclass(frozen=True, eq=False)
class Body:
    """One graph or function body: its steps from the main graph, the body whose names it sees, what it holds."""

    scope: tuple[str, ...]
    outer: "Body | None"
    initializers: Sequence[TensorProto]
    sparse_initializers: Sequence[SparseTensorProto]
    nodes: Sequence[NodeProto]


@dataclass(frozen=True, eq=False)
class Slot:
    """One place of tensors: ``dense`` is the one a coder may carry; ``others`` always travel in the topology."""

    place: Place
    dense: TensorProto | None
    others: tuple[TensorProto, ...] = ()


def text(value: object) -> str:
    """A name of the model; raises `ModelError` when it is not UTF-8 (protobuf then gives bytes)."""
    if not isinstance(value, str):
        raise ModelError(f"the model has a name that is not UTF-8: {value!r}")
    return value


def bodies(model: ModelProto) -> Iterator[Body]:
    """All bodies, a graph before those inside it: the main graph, local functions, training graphs.

    Raises `ModelError` beyond `MAX_DEPTH`.
    """
    yield from _graph(model.graph, (), None)
    for function in model.functions:
        root = _function_root(function)
        body = Body(root, None, (), (), function.node)
        yield body
        yield from _inner(function.attribute_proto, (*root, mark("default")), None)
        yield from _below(body)
    for number, training in enumerate(model.training_info):
        yield from _graph(training.initialization, (mark("training"), str(number), "initialization"), None)
        yield from _graph(training.algorithm, (mark("training"), str(number), "algorithm"), None)


def slots(model: ModelProto) -> Iterator[Slot]:
    """All tensors: of each body the initializers, then those of its nodes' attributes, in order; defaults of functions."""
    for body in bodies(model):
        for tensor in body.initializers:
            yield Slot(Place(body.scope, text(tensor.name)), tensor)
        for sparse in body.sparse_initializers:
            yield Slot(Place(body.scope, text(sparse.values.name)), None, (sparse.values, sparse.indices))
        for number, node in enumerate(body.nodes):
            if is_constant(node) and text(node.output[0]):
                yield from _constant(node, body.scope)
            else:
                yield from _attributes(node.attribute, (*body.scope, _node_step(node, number)))
    for function in model.functions:
        yield from _attributes(function.attribute_proto, (*_function_root(function), mark("default")))


def exact_places(model: ModelProto) -> frozenset[Place]:
    """The places that nodes read as one of `EXACT_INPUTS`, by the names each body sees: its own and those around it."""
    own: dict[tuple[str, ...], set[str]] = {}
    for slot in slots(model):
        own.setdefault(slot.place.scope, set()).add(slot.place.name)
    found = set()
    for body in bodies(model):
        for node in body.nodes:
            for index in EXACT_INPUTS.get(text(node.op_type), ()):
                if index < len(node.input) and (place := _resolve(text(node.input[index]), body, own)) is not None:
                    found.add(place)
    return frozenset(found)


def _resolve(name: str, body: Body, own: dict[tuple[str, ...], set[str]]) -> Place | None:
    seen: Body | None = body
    while seen is not None:
        if name in own.get(seen.scope, ()):
            return Place(seen.scope, name)
        seen = seen.outer
    return None


def is_constant(node: NodeProto) -> bool:
    """Whether the node is ONNX's own Constant, with an output."""
    return node.op_type == "Constant" and node.domain in ("", "ai.onnx") and len(node.output) > 0


def spell_as_tensors(model: ModelProto) -> None:
    """Gives Constant nodes that hold value_float(s) or value_int(s) the equal ``value`` instead, in place.

    A list with a NaN stays: a Python float does not keep a NaN's bits.
    """
    for body in bodies(model):
        for node in filter(is_constant, body.nodes):
            for attribute in node.attribute:
                field = _VALUE_FIELDS.get(text(attribute.name))
                if field is not None and not attribute.ref_attr_name:
                    _spell(attribute, field)


def _spell(attribute: AttributeProto, field: str) -> None:
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
    return mark("function"), step(text(function.domain)), step(text(function.name)), step(text(function.overload))


def _graph(graph: GraphProto, scope: tuple[str, ...], outer: Body | None) -> Iterator[Body]:
    if _depth(outer) >= MAX_DEPTH:
        raise ModelError(f"the model has graphs within graphs beyond a depth of {MAX_DEPTH}")
    body = Body(scope, outer, graph.initializer, graph.sparse_initializer, graph.node)
    yield body
    yield from _below(body)


def _below(body: Body) -> Iterator[Body]:
    for number, node in enumerate(body.nodes):
        yield from _inner(node.attribute, (*body.scope, _node_step(node, number)), body)


def _inner(attributes: Iterable[AttributeProto], scope: tuple[str, ...], outer: Body | None) -> Iterator[Body]:
    for attribute in attributes:
        here = (*scope, step(text(attribute.name)))
        if attribute.HasField("g"):
            yield from _graph(attribute.g, here, outer)
        for number, graph in enumerate(attribute.graphs):
            yield from _graph(graph, (*here, mark(f"#{number}")), outer)


def _depth(body: Body | None) -> int:
    count = 0
    while body is not None:
        body, count = body.outer, count + 1
    return count


def _node_step(node: NodeProto, number: int) -> str:
    name = next((text(output) for output in node.output if output), None)
    return mark(f"#{number}") if name is None else step(name)


def _constant(node: NodeProto, scope: tuple[str, ...]) -> Iterator[Slot]:
    place = Place(scope, text(node.output[0]))
    for attribute in node.attribute:
        if attribute.ref_attr_name:
            continue
        if attribute.name == "value" and attribute.HasField("t"):
            yield Slot(place, attribute.t)
        elif attribute.name in _VALUE_FIELDS or attribute.name in _OTHER_VALUES:
            sparse = attribute.sparse_tensor
            yield Slot(place, None, (sparse.values, sparse.indices))


def _attributes(attributes: Iterable[AttributeProto], scope: tuple[str, ...]) -> Iterator[Slot]:
    for attribute in attributes:
        place = Place((*scope, mark("attribute")), text(attribute.name))
        dense = [*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors]
        sparse = [*([attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []), *attribute.sparse_tensors]
        tensors = (*dense, *(part for tensor in sparse for part in (tensor.values, tensor.indices)))
        if tensors:
            yield Slot(place, None, tensors)
