"""Inputs of ONNX operators that are no weights: scales, zero points, tables, masks and sizes stay
exact; variances are sensitive.

The tables follow the input names in the schemas of ONNX and ONNX Runtime; a test compares them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

from nnc_conformance.reference.topology.graphs import Body, bodies, checked_name, tensor_entries
from nnc_conformance.reference.topology.paths import TensorPath

_BINARY: Final = (1, 2, 4, 5, 6, 7)
"""Scales and zero points of an operator with two quantized inputs."""
_UNARY: Final = (1, 2, 3, 4)
"""Scales and zero points of an operator with one quantized input."""

_ONNX_INPUTS: Final = {
    "Attention": (3,),
    "ConvInteger": (2, 3),
    "DeformConv": (4,),
    "DequantizeLinear": (1, 2),
    "MatMulInteger": (2, 3),
    "MaxRoiPool": (1,),
    "OneHot": (2,),
    "QLinearConv": _BINARY,
    "QLinearMatMul": _BINARY,
    "QuantizeLinear": (1, 2),
    "Resize": (1, 2),
    "RoiAlign": (1,),
    "RotaryEmbedding": (1, 2),
    "STFT": (2,),
    "Upsample": (1,),
}
_MICROSOFT_INPUTS: Final = {
    "Attention": (3, 5),
    "BeamSearch": (7, 8, 9),
    "CropAndResize": (1,),
    "DecoderAttention": (5,),
    "DecoderMaskedMultiHeadAttention": (3, 4),
    "DecoderMaskedSelfAttention": (3, 5),
    "DequantizeLinear": (1, 2),
    "DequantizeWithOrder": (1,),
    "DynamicQuantizeLSTM": (8, 9, 10, 11),
    "DynamicQuantizeMatMul": (2, 3),
    "DynamicSparseAttention": (11, 12, 18, 19),
    "EmbedLayerNormalization": (7,),
    "GatherBlockQuantized": (2, 3),
    "GemmFloat8": (3, 4, 5),
    "GreedySearch": (4, 5, 6),
    "GroupQueryAttention": (7, 8, 10, 12, 13),
    "LongformerAttention": (3,),
    "MRotaryEmbedding": (2, 3),
    "MatMulBlockQuantizedFp4Weight": (2, 3, 4),
    "MatMulBlockQuantizedFp8Weight": (2, 3),
    "MatMulBnb4": (2,),
    "MatMulIntegerToFloat": (2, 3, 4, 5),
    "MatMulNBits": (2, 3),
    "MatMulNBitsMlp": (4, 7),
    "MatMulNBitsQLoRA": (2, 4, 6),
    "MatMulNBitsQkv": (4, 7, 10),
    "MatMulPacked": (2,),
    "MulInteger": (1, 3),
    "MultiHeadAttention": (4, 5),
    "PackedAttention": (5,),
    "PackedMultiHeadAttention": (6,),
    "PackedSparseAttentionIndexer": (4, 5),
    "PagedAttention": (8, 9, 14, 15),
    "QAttention": (3, 4, 5, 6, 7),
    "QEmbedLayerNormalization": tuple(range(7, 18)),
    "QGemm": (1, 2, 4, 5, 7, 8),
    "QLinearAdd": _BINARY,
    "QLinearAveragePool": _UNARY,
    "QLinearConv": _BINARY,
    "QLinearConvTranspose": _BINARY,
    "QLinearGlobalAveragePool": _UNARY,
    "QLinearLeakyRelu": _UNARY,
    "QLinearMul": _BINARY,
    "QLinearReduceMean": _UNARY,
    "QLinearSigmoid": _UNARY,
    "QLinearSoftmax": _UNARY,
    "QLinearWhere": (2, 3, 5, 6, 7, 8),
    "QMoE": (3, 6, 9, 11, 12, 13, *range(15, 21)),
    "QOrderedAttention": (1, 2, 3, 4, 8, 9, 10, 14, 15, 16, 17, 19),
    "QOrderedGelu": (1, 2),
    "QOrderedLayerNormalization": (1, 4),
    "QOrderedLongformerAttention": (1, 3, 5, 6, 7, 9, 11, 13),
    "QOrderedMatMul": (1, 3, 4, 7),
    "QuantizeLinear": (1, 2),
    "QuantizeWithOrder": (1,),
    "RotaryEmbedding": (2, 3),
    "Sampling": (4, 5, 6, 7),
    "SparseAttention": (9, 10),
    "SparseAttentionIndexer": (4, 5, 6),
    "SparsePagedAttention": (14, 15, 19, 20),
    "VarlenCausalConvWithState": (7,),
    "WhisperBeamSearch": (7, 8, 9),
}
EXACT_INPUTS: Final[Mapping[str, Mapping[str, tuple[int, ...]]]] = {
    "": _ONNX_INPUTS,
    "com.microsoft": _MICROSOFT_INPUTS,
    "com.ms.internal.nhwc": {**_ONNX_INPUTS, **_MICROSOFT_INPUTS},
}
"""Inputs by domain and operator that must stay exact: scales, zero points, tables, masks, sizes."""
VARIANCE_INPUTS: Final[Mapping[str, Mapping[str, tuple[int, ...]]]] = {
    "": {"BatchNormalization": (4,)},
    "com.ms.internal.nhwc": {"BatchNormalization": (4,)},
}
"""Inputs by domain and operator that are variances."""
_PASSING: Final = frozenset({"Cast", "Expand", "Flatten", "Identity", "Reshape", "Slice", "Squeeze", "Tile", "Transpose", "Unsqueeze"})
"""Operators whose output holds the values of their first input."""
_VARIADIC: Final = "QLinearConcat"
"""Operator with a scale and a zero point, then tensor, scale and zero point for each input."""
_NODE_LIMIT: Final = 1 << 10
"""Nodes in a row that only pass values on."""

Special = Callable[[NodeProto], Iterable[int]]
"""Returns the places of a node's special inputs."""


def exact_inputs(node: NodeProto) -> Iterable[int]:
    """Return the places of the inputs of a node that must stay exact."""
    if node.op_type == _VARIADIC:
        return (place for place in range(len(node.input)) if place < 2 or place % 3 != 2)
    return _listed(node, EXACT_INPUTS)


def variance_inputs(node: NodeProto) -> Iterable[int]:
    """Return the places of the inputs of a node that are variances."""
    return _listed(node, VARIANCE_INPUTS)


def exact_paths(model: ModelProto) -> frozenset[TensorPath]:
    """Find the paths of tensors that nodes read as an exact input, and of those that annotations
    name.

    Names are resolved in the body of the node and in the bodies around it, through nodes that only
    pass values on, and from the inputs of functions to their calls.
    """
    return special_paths(model, exact_inputs) | frozenset(_annotated(model))


def special_paths(model: ModelProto, special: Special) -> frozenset[TensorPath]:
    """Find the paths of tensors that nodes read as a special input."""
    finder = _Finder(model)
    formal: dict[tuple[str, str, str], set[int]] = {}
    paths: set[TensorPath] = set()
    found = -1
    while found < sum(map(len, formal.values())):  # a function may call another one
        found = sum(map(len, formal.values()))
        for body in finder.bodies:
            for node in body.nodes:
                for place in {*special(node), *formal.get(_called(node), ())}:
                    if place < len(node.input) and node.input[place]:
                        path, root, name = finder.origin(checked_name(node.input[place]), body)
                        if path is not None:
                            paths.add(path)
                        elif isinstance(root.owner, FunctionProto) and name in root.owner.input:
                            formal.setdefault(_key(root.owner), set()).add(list(root.owner.input).index(name))
    return frozenset(paths)


class _Finder:
    """Finds where a name's values come from."""

    def __init__(self, model: ModelProto) -> None:
        self.bodies = list(bodies(model))
        self._own: dict[tuple[str, ...], set[str]] = {}
        for entry in tensor_entries(model):
            self._own.setdefault(entry.path.scope, set()).add(entry.path.name)
        self._makers = {
            body.scope: {
                checked_name(node.output[0]): checked_name(node.input[0])
                for node in body.nodes
                if node.op_type in _PASSING and node.input and node.output
            }
            for body in self.bodies
        }

    def origin(self, name: str, body: Body) -> tuple[TensorPath | None, Body, str]:
        """Follow a name to the tensor that it denotes, through nodes that pass a tensor on.

        Args:
            name: The name, as used in ``body``.
            body: The graph in which it is used.

        Returns:
            The tensor's path, None if it is not a tensor; then the body and the name that it leads
                to.
        """
        seen = body
        for _ in range(_NODE_LIMIT):
            if name in self._own.get(seen.scope, ()):
                return TensorPath(seen.scope, name), seen, name
            if name in self._makers[seen.scope]:
                name = self._makers[seen.scope][name]
            elif seen.outer is not None:
                seen = seen.outer
            else:
                break
        return None, seen, name


def _listed(node: NodeProto, table: Mapping[str, Mapping[str, tuple[int, ...]]]) -> tuple[int, ...]:
    """Look a node up in a table."""
    domain = "" if node.domain == "ai.onnx" else checked_name(node.domain)
    return table.get(domain, {}).get(checked_name(node.op_type), ())


def _key(function: FunctionProto) -> tuple[str, str, str]:
    """Return what calls name a function by."""
    return checked_name(function.domain), checked_name(function.name), checked_name(function.overload)


def _called(node: NodeProto) -> tuple[str, str, str]:
    """Return the key of the function that a node may call."""
    return checked_name(node.domain), checked_name(node.op_type), checked_name(node.overload)


def _annotated(model: ModelProto) -> Iterator[TensorPath]:
    """Iterate over the scales and zero points that the quantization annotations of graphs name."""
    for body in bodies(model):
        if isinstance(body.owner, GraphProto):
            for annotation in body.owner.quantization_annotation:
                for entry in annotation.quant_parameter_tensor_names:
                    yield TensorPath(body.scope, checked_name(entry.value))
