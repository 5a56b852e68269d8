"""An ONNX topology as the tools see it: who makes and who reads each value, and small changes that keep it whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.model import Topology
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX


@dataclass(frozen=True)
class Graph:
    """A topology's main graph, open for changes.

    ``tensors``: initializers and values of Constant nodes by name, data or not; ``makers``: the node that gives a value;
    ``readers``: the nodes that take it, once for each input, those that hold graphs in their attributes included.
    """

    model: ModelProto
    tensors: Mapping[str, TensorProto]
    makers: Mapping[str, NodeProto]
    readers: Mapping[str, tuple[NodeProto, ...]]

    @classmethod
    def of(cls, topology: Topology | None) -> "Graph":
        """A copy of the topology; raises `ModelError` for one that is absent or no ONNX model."""
        if topology is None or topology.storage_format != NNR_TPL_ONNX:
            raise ModelError("this needs the graph of an ONNX model")
        model = ModelProto()
        try:
            model.ParseFromString(topology.data)
        except DecodeError as error:
            raise ModelError(f"not an ONNX model: {error}") from None
        return cls.over(model)

    @classmethod
    def over(cls, model: ModelProto) -> "Graph":
        """What stands in a model; taken anew after a change."""
        tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        makers: dict[str, NodeProto] = {}
        readers: dict[str, tuple[NodeProto, ...]] = {}
        for node in model.graph.node:
            makers |= {name: node for name in node.output if name}
            for name in (*node.input, *(name for attribute in node.attribute for name in _inner_inputs(attribute))):
                readers[name] = (*readers.get(name, ()), node)
            for entry in node.attribute if node.op_type == "Constant" else ():
                if entry.name == "value":
                    tensors[node.output[0]] = entry.t
        return cls(model, tensors, makers, readers)

    @property
    def nodes(self) -> tuple[NodeProto, ...]:
        """The nodes in order."""
        return tuple(self.model.graph.node)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the graph's inputs that no initializer gives."""
        return tuple(value.name for value in self.model.graph.input if value.name not in self.tensors)

    @property
    def outputs(self) -> frozenset[str]:
        """The names of the graph's outputs."""
        return frozenset(value.name for value in self.model.graph.output)

    @property
    def opset(self) -> int:
        """The version of ONNX's own operators."""
        return max((entry.version for entry in self.model.opset_import if entry.domain in ("", "ai.onnx")), default=0)

    def owned(self, name: str) -> bool:
        """Whether a tensor of the graph is read exactly once, and given out nowhere."""
        return name in self.tensors and len(self.readers.get(name, ())) == 1 and name not in self.outputs

    def topology(self) -> Topology:
        """The changed graph; shapes noted between its nodes are left out, since they may have changed."""
        del self.model.graph.value_info[:]
        return Topology(NNR_TPL_ONNX, self.model.SerializeToString(deterministic=True))

    def drop_tensors(self, names: Iterable[str]) -> None:
        """Takes out initializers and Constant nodes, and graph inputs of their names."""
        gone = set(names)
        graph = self.model.graph
        for field in (graph.initializer, graph.input):
            kept = [entry for entry in field if entry.name not in gone]
            del field[:]
            field.extend(kept)
        self.replace_nodes([node for node in graph.node if not (node.op_type == "Constant" and node.output[0] in gone)])

    def replace_nodes(self, nodes: Iterable[NodeProto]) -> None:
        """Gives the graph other nodes."""
        kept = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del self.model.graph.node[:]
        self.model.graph.node.extend(kept)

    def set_dimensions(self, name: str, dimensions: tuple[int, ...]) -> None:
        """Gives a tensor without data other dimensions, and the graph input of its name too."""
        self.tensors[name].dims[:] = dimensions
        for value in self.model.graph.input:
            if value.name == name:
                value.CopyFrom(helper.make_tensor_value_info(name, self.tensors[name].data_type, dimensions))


def attribute(node: NodeProto, name: str, default: int) -> int:
    """An integer attribute of a node."""
    return next((int(entry.i) for entry in node.attribute if entry.name == name), default)


def plain_gemm(node: NodeProto) -> bool:
    """Whether a Gemm is input x weight + bias: not transposed on the left, its factors 1."""
    factors = [entry.f for entry in node.attribute if entry.name in ("alpha", "beta")]
    return attribute(node, "transA", 0) == 0 and all(factor == 1.0 for factor in factors)


def output_axis(node: NodeProto) -> int | None:
    """The axis of a node's weight (its second input) that makes its output channels; None for a node that has none."""
    match node.op_type:
        case "Conv":
            return 0
        case "Gemm" if plain_gemm(node):
            return 0 if attribute(node, "transB", 0) else 1
        case "MatMul":
            return 1
        case _:
            return None


def described(node: NodeProto) -> str:
    """A node for a message."""
    return f"{node.op_type} {(node.name or (node.output[0] if node.output else ''))!r}"


def _inner_inputs(attribute_: AttributeProto) -> set[str]:
    """The names that graphs inside an attribute read or give out."""
    graphs: list[GraphProto] = [*([attribute_.g] if attribute_.HasField("g") else []), *attribute_.graphs]
    found = {value.name for graph in graphs for value in graph.output}
    for graph in graphs:
        for node in graph.node:
            found.update(node.input)
            for inner in node.attribute:
                found |= _inner_inputs(inner)
    return found
