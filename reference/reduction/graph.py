"""An ONNX topology as the tools use it.

It says which node produces or reads each value, and makes safe edits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.reference.topology.content import Topology


@dataclass(frozen=True)
class Graph:
    """The main graph of a topology, open for changes.

    Args:
        tensors: Initializers and values of Constant nodes by name, with or without data.
        makers: The node that produces a value.
        readers: The nodes that read it, once for each input, including nodes with subgraphs
            that do.
    """

    model: ModelProto
    tensors: Mapping[str, TensorProto]
    makers: Mapping[str, NodeProto]
    readers: Mapping[str, tuple[NodeProto, ...]]

    @classmethod
    def of(cls, topology: Topology | None) -> "Graph":
        """Copy the main graph of a topology.

        Raise `ModelError` if the topology is None or not an ONNX model.
        """
        if topology is None or topology.storage_format != NNR_TPL_ONNX:
            raise ModelError("this tool needs an ONNX model with its graph")
        model = ModelProto()
        try:
            model.ParseFromString(topology.data)
        except DecodeError as error:
            raise ModelError(f"not an ONNX model: {error}") from None
        return cls.over(model)

    @classmethod
    def over(cls, model: ModelProto) -> "Graph":
        """Index a model's tensors, and the nodes that make and read each value, by name.

        The index is not kept up to date: call this again after a change of the model.
        """
        tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        makers: dict[str, NodeProto] = {}
        readers: dict[str, tuple[NodeProto, ...]] = {}
        for node in model.graph.node:
            makers |= {name: node for name in node.output if name}
            for name in (*node.input, *(inner for attribute in node.attribute for inner in _inner_inputs(attribute))):
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
        """The names of the graph inputs that have no initializer."""
        return tuple(value.name for value in self.model.graph.input if value.name not in self.tensors)

    @property
    def outputs(self) -> frozenset[str]:
        """The names of the graph outputs."""
        return frozenset(value.name for value in self.model.graph.output)

    @property
    def opset(self) -> int:
        """The version of the standard ONNX operators."""
        return max((entry.version for entry in self.model.opset_import if entry.domain in ("", "ai.onnx")), default=0)

    def owned(self, name: str) -> bool:
        """Return whether the graph has a tensor, reads it once and does not output it."""
        return name in self.tensors and len(self.readers.get(name, ())) == 1 and name not in self.outputs

    def topology(self) -> Topology:
        """Serialize the changed graph, without the shapes between nodes: they may be outdated."""
        del self.model.graph.value_info[:]
        return Topology(NNR_TPL_ONNX, self.model.SerializeToString(deterministic=True))

    def drop_tensors(self, names: Iterable[str]) -> None:
        """Remove the named initializers, Constant nodes and graph inputs, in place."""
        gone = set(names)
        graph = self.model.graph
        for field in (graph.initializer, graph.input):
            kept = [entry for entry in field if entry.name not in gone]
            del field[:]
            field.extend(kept)
        self.replace_nodes([node for node in graph.node if not (node.op_type == "Constant" and node.output[0] in gone)])

    def replace_nodes(self, nodes: Iterable[NodeProto]) -> None:
        """Replace all nodes of the graph, in place."""
        kept = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del self.model.graph.node[:]
        self.model.graph.node.extend(kept)

    def set_dimensions(self, name: str, dimensions: tuple[int, ...]) -> None:
        """Change the dimensions of a tensor without data, and of its graph input, in place."""
        self.tensors[name].dims[:] = dimensions
        for value in self.model.graph.input:
            if value.name == name:
                value.CopyFrom(helper.make_tensor_value_info(name, self.tensors[name].data_type, dimensions))


def attribute(node: NodeProto, name: str, default: int) -> int:
    """Return an integer attribute of a node, or ``default`` if the node lacks it."""
    return next((int(entry.i) for entry in node.attribute if entry.name == name), default)


def plain_gemm(node: NodeProto) -> bool:
    """Return whether a Gemm computes input x weight + bias with factors 1.

    The input is not transposed; the weight may be.
    """
    factors = [entry.f for entry in node.attribute if entry.name in ("alpha", "beta")]
    return attribute(node, "transA", 0) == 0 and all(factor == 1.0 for factor in factors)


def output_axis(node: NodeProto) -> int | None:
    """Return the axis of the output channels in a node's weight, or None.

    The weight is the second input.
    """
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
    """Describe a node for a message."""
    return f"{node.op_type} {(node.name or (node.output[0] if node.output else ''))!r}"


def _inner_inputs(attribute_: AttributeProto) -> set[str]:
    """Collect the names of values that subgraphs in an attribute read or output.

    Subgraphs within subgraphs count too.
    """
    graphs: list[GraphProto] = [*([attribute_.g] if attribute_.HasField("g") else []), *attribute_.graphs]
    names = {value.name for graph in graphs for value in graph.output}
    for graph in graphs:
        for node in graph.node:
            names.update(node.input)
            for inner in node.attribute:
                names |= _inner_inputs(inner)
    return names
