"""Inputs of ONNX operators that are not weights.

Scales, zero points, tables, masks, coordinates, bounds and sizes stay exact; variances and other
denominators are sensitive.

The tables follow the input names in the schemas of ONNX and ONNX Runtime; a test compares them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

from nnc_conformance.reference.topology.graphs import Body, bodies, checked_name, tensor_entries
from nnc_conformance.reference.topology.paths import TensorPath

_BINARY: Final = (1, 2, 4, 5, 6, 7)
"""Scales and zero points of an operator with two quantized inputs."""
_UNARY: Final = (1, 2, 3, 4)
"""Scales and zero points of an operator with one quantized input."""

_ONNX_INPUTS: Final = {
    "AffineGrid": (0,),
    "Attention": (3,),
    "Clip": (1, 2),
    "ConvInteger": (2, 3),
    "DeformConv": (2, 4),
    "DequantizeLinear": (1, 2),
    "EfficientNMS_TRT": (0, 2),
    "GridSample": (1,),
    "MatMulInteger": (2, 3),
    "MaxRoiPool": (1,),
    "MelWeightMatrix": (3, 4),
    "MultilevelCropAndResize_TRT": (0,),
    "NonMaxSuppression": (0, 3, 4),
    "OneHot": (1, 2),
    "Pad": (2,),
    "PyramidROIAlign_TRT": (0,),
    "QLinearConv": _BINARY,
    "QLinearMatMul": _BINARY,
    "QuantizeLinear": (1, 2),
    "Range": (0, 1, 2),
    "Resize": (1, 2),
    "RoiAlign": (1,),
    "RotaryEmbedding": (1, 2),
    "STFT": (2,),
    "Tile": (1,),
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
    "GridSample": (1,),
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
    "Pad": (2,),
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
    "Range": (0, 1, 2),
    "RMSNormRotary": (3, 4),
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
"""Inputs by domain and operator that must stay exact: scales, zero points, tables, masks,
coordinates, bounds, sizes.
"""
_VARIANCES: Final = {"BatchNormalization": (4,), "Div": (1,), "Log": (0,), "Reciprocal": (0,), "Sqrt": (0,)}
VARIANCE_INPUTS: Final[Mapping[str, Mapping[str, tuple[int, ...]]]] = {"": _VARIANCES, "com.ms.internal.nhwc": _VARIANCES}
"""Inputs by domain and operator that are variances, or divided by."""
_COMPARED: Final = dict.fromkeys(("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"), (0, 1))
COMPARED_INPUTS: Final[Mapping[str, Mapping[str, tuple[int, ...]]]] = {"": _COMPARED}
"""Inputs by domain and operator that are compared, so that a small error changes the answer."""
_PASSING: Final[Mapping[str, Sequence[int] | None]] = {
    **dict.fromkeys(
        (
            "Cast", "CastLike", "Compress", "DepthToSpace", "Dropout", "Expand", "Flatten", "Gather", "GatherElements", "GatherND",
            "Identity", "Pad", "Reshape", "ReverseSequence", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Trilu",
            "Unsqueeze",
        ),
        (0,),
    ),
    "Concat": None,
    **dict.fromkeys(("Scatter", "ScatterElements", "ScatterND"), (0, 2)),
    "Where": (1, 2),
}  # fmt: skip
"""Operators whose outputs hold the values of inputs, and the places of these; None for all."""
_SHIFTING: Final = ("Abs", "Add", "Clip", "Max", "Min", "Sqrt", "Sub", "Sum")
_COMPUTING: Final = (
    *_SHIFTING,
    "Ceil", "Cos", "CumSum", "Div", "Exp", "Floor", "Log", "Mean", "Mod", "Mul", "Neg", "Pow", "Range", "Reciprocal", "ReduceMax",
    "ReduceMean", "ReduceMin", "ReduceSum", "Round", "Sign", "Sin",
)  # fmt: skip
_THROUGH_SHIFTS: Final = {**_PASSING, **dict.fromkeys(_SHIFTING), "Pow": (0,)}
"""Operators through which a variance is followed: also those that add an epsilon."""
_THROUGH_ARITHMETIC: Final = {**_PASSING, **dict.fromkeys(_COMPUTING)}
"""Operators through which exact inputs are followed: also those that compute value by value."""
_SCALING: Final = ("Div", "Mul", "Sub")
_THROUGH_SCALES: Final = {**_PASSING, **dict.fromkeys(_SCALING)}
"""Operators through which quantized values are followed while they are dequantized by hand."""
_NARROW: Final = frozenset((2, 3, 4, 5, *range(17, 27)))
"""Element types of quantized values: integers of 16 bits or fewer, floats of 8 bits or fewer."""
_INTEGER_PRODUCTS: Final = ("ConvInteger", "MatMulInteger")
"""Operators whose outputs are sums of products of quantized values."""
_EPSILON: Final = ("Add", "Clip", "Max", "Sum")
"""Operators that keep a variance from being 0 before a power of it is taken."""
_LOOP_INPUTS: Final = 2
"""Inputs of a Loop before the values that it carries, and inputs of its body before them."""
_VARIADIC: Final = "QLinearConcat"
"""Operator with a scale and a zero point, then tensor, scale and zero point for each input."""

Special = Callable[[NodeProto], Iterable[int]]
"""Returns the places of a node's special inputs."""


def exact_inputs(node: NodeProto) -> Iterable[int]:
    """Return the places of a node's inputs that must stay exact, such as shapes."""
    if node.op_type == _VARIADIC:
        return (place for place in range(len(node.input)) if place < 2 or place % 3 != 2)
    return _listed(node, EXACT_INPUTS)


def variance_inputs(node: NodeProto) -> Iterable[int]:
    """Return the places of the inputs of a node that are variances, or divided by."""
    return _listed(node, VARIANCE_INPUTS)


def compared_inputs(node: NodeProto) -> Iterable[int]:
    """Return the places of the inputs of a node that are compared."""
    return _listed(node, COMPARED_INPUTS)


def exact_paths(model: ModelProto) -> frozenset[TensorPath]:
    """Find the paths of tensors that must stay exact, such as shapes and scales.

    A node reads them as an exact input, a quantization annotation names them, or they scale
    quantized values. Names are followed through nodes that pass values on or compute them value by
    value, into the bodies around, and into and out of functions and the graphs of If, Loop and
    Scan.
    """
    passing, dequantizing, computing = (_Finder(model, through) for through in (_PASSING, _THROUGH_SCALES, _THROUGH_ARITHMETIC))
    found = computing.paths([*computing.read_as(exact_inputs), *dequantizing.scales_by_hand()])
    return found | passing.paths(list(passing.read_as(compared_inputs))) | frozenset(_annotated(model))


def variance_paths(model: ModelProto) -> frozenset[TensorPath]:
    """Find the paths of variances and other tensors that are divided by.

    Names are followed as in `exact_paths`, but only through nodes that pass values on or add an
    epsilon.
    """
    finder = _Finder(model, _THROUGH_SHIFTS)
    return finder.paths([*finder.read_as(variance_inputs), *finder.shifted_powers()])


class _Finder:
    """Finds where the values of names come from.

    Args:
        model: The model.
        through: Operators that are followed, and the places of the inputs; None for all.
    """

    def __init__(self, model: ModelProto, through: Mapping[str, Sequence[int] | None]) -> None:
        self.bodies = list(bodies(model))
        self._through = through
        self._own: dict[tuple[str, ...], dict[str, int]] = {}
        for entry in tensor_entries(model):
            kind = 0 if entry.dense is None else entry.dense.data_type
            self._own.setdefault(entry.path.scope, {})[entry.path.name] = kind
        self._makers: dict[tuple[str, ...], dict[str, tuple[NodeProto, int]]] = {}
        self._inside: dict[tuple[tuple[str, ...], str], list[Body]] = {}
        self._functions = {_key(body.owner): body for body in self.bodies if isinstance(body.owner, FunctionProto)}
        self._calls: dict[tuple[str, str, str], list[tuple[NodeProto, Body]]] = {}
        for body in self.bodies:
            makers = self._makers.setdefault(body.scope, {})
            for node in body.nodes:
                makers |= {checked_name(output): (node, place) for place, output in enumerate(node.output)}
                if _called(node) in self._functions:
                    self._calls.setdefault(_called(node), []).append((node, body))
            if body.outer is not None and body.node is not None:
                self._inside.setdefault((body.outer.scope, _first(body.node)), []).append(body)

    def read_as(self, special: Special) -> Iterator[tuple[str, Body]]:
        """Iterate over the names, with bodies, that nodes read as a kind of input."""
        for body in self.bodies:
            for node in body.nodes:
                for place in special(node):
                    yield from _at(node.input, place, body)

    def paths(self, waiting: list[tuple[str, Body]]) -> frozenset[TensorPath]:
        """Return the paths of the tensors that names have their values from.

        Args:
            waiting: The names, each with the body that it is seen from; emptied.
        """
        seen: set[tuple[tuple[str, ...], str]] = set()
        found: set[TensorPath] = set()
        while waiting:
            given, body = waiting.pop()
            name = checked_name(given)
            if not name or (body.scope, name) in seen:
                continue
            seen.add((body.scope, name))
            if self.has_tensor(name, body):
                found.add(TensorPath(body.scope, name))
            else:
                waiting.extend(self.sources(name, body))
        return frozenset(found)

    def scales_by_hand(self) -> Iterator[tuple[str, Body]]:
        """Iterate over the names that quantized values are multiplied with.

        They may also be divided by it, or it may be subtracted from them. Each comes with its body.
        """
        quantized = self._quantized()
        for body in self.bodies:
            for node in body.nodes:
                if node.op_type in _SCALING and len(node.input) == len(("values", "scale")):
                    for values, other in (node.input, node.input[::-1]):
                        if (body.scope, values) in quantized:
                            yield other, body

    def _quantized(self) -> set[tuple[tuple[str, ...], str]]:
        """Return scope and name of all values that are made of quantized ones."""
        users: dict[tuple[tuple[str, ...], str], list[tuple[tuple[str, ...], str]]] = {}
        named = {
            (body.scope, checked_name(name)): body for body in self.bodies for node in body.nodes for name in (*node.input, *node.output)
        }
        waiting = list(named.items())
        while waiting:
            place, body = waiting.pop()
            for name, other in () if self.has_tensor(place[1], body) else self.sources(place[1], body):
                source = (other.scope, checked_name(name))
                users.setdefault(source, []).append(place)
                if source not in named:
                    named[source] = other
                    waiting.append((source, other))
        found: set[tuple[tuple[str, ...], str]] = set()
        reached = [place for place in named if self._is_quantized(*place)]
        while reached:
            place = reached.pop()
            if place not in found:
                found.add(place)
                reached.extend(users.get(place, ()))
        return found

    def _is_quantized(self, scope: tuple[str, ...], name: str) -> bool:
        """Return whether a name is a quantized tensor's, or a product's of such."""
        maker = self._makers.get(scope, {}).get(name)
        return self._own.get(scope, {}).get(name) in _NARROW or (maker is not None and maker[0].op_type in _INTEGER_PRODUCTS)

    def shifted_powers(self) -> Iterator[tuple[str, Body]]:
        """Iterate over the names of which powers are taken after an epsilon.

        Each comes with its body.
        """
        for body in self.bodies:
            for node in body.nodes:
                maker = self._makers[body.scope].get(checked_name(node.input[0])) if node.op_type == "Pow" and node.input else None
                if maker is not None and maker[0].op_type in _EPSILON:
                    yield node.input[0], body

    def has_tensor(self, name: str, body: Body) -> bool:
        """Return whether a name is that of a tensor in a body."""
        return name in self._own.get(body.scope, ())

    def sources(self, name: str, body: Body) -> Iterator[tuple[str, Body]]:
        """Iterate over the names whose values a name has.

        Each comes with the body that it is seen from.
        """
        maker = self._makers[body.scope].get(name)
        if maker is not None:
            yield from self._before(*maker, body)
        elif isinstance(body.owner, FunctionProto):
            for place in _places(body.owner.input, name):
                for call, around in self._calls.get(_key(body.owner), ()):
                    yield from _at(call.input, place, around)
        elif body.outer is not None:
            places = _places((each.name for each in body.owner.input), name)
            for place in places:
                yield from _iterated(place, body)
            if not places:
                yield name, body.outer

    def _before(self, node: NodeProto, place: int, body: Body) -> Iterator[tuple[str, Body]]:
        """Yield the names that an output of a node has its values from.

        Each comes with its body.

        Args:
            node: The node.
            place: Number of its output.
            body: The body that the node is in.
        """
        function = self._functions.get(_called(node))
        if function is not None and isinstance(function.owner, FunctionProto):
            yield from _at(function.owner.output, place, function)
        elif node.op_type in self._through:
            listed = self._through[node.op_type]
            for each in range(len(node.input)) if listed is None else listed:
                yield from _at(node.input, each, body)
        for inner in self._inside.get((body.scope, _first(node)), ()):
            if isinstance(inner.owner, GraphProto):
                if node.op_type == "Loop":
                    yield from _at([each.name for each in inner.owner.output], place + 1, inner)
                    yield from _at(node.input, place + _LOOP_INPUTS, body)
                else:
                    yield from _at([each.name for each in inner.owner.output], place, inner)
                    if node.op_type == "Scan":
                        yield from _at(node.input, place, body)


def _iterated(place: int, body: Body) -> Iterator[tuple[str, Body]]:
    """Yield what an input of a Loop's or Scan's graph has its values from.

    That is an input of the node, and an output of the graph in the iteration before: names, each
    with its body.

    Args:
        place: Number of the input.
        body: The graph.
    """
    if body.node is None or body.outer is None or not isinstance(body.owner, GraphProto):
        return
    yield from _at(body.node.input, place, body.outer)
    outputs = [each.name for each in body.owner.output]
    if body.node.op_type == "Scan":
        yield from _at(outputs, place, body)
    elif place >= _LOOP_INPUTS:
        yield from _at(outputs, place - 1, body)


def _places(names: Iterable[str], name: str) -> list[int]:
    """Return the places of a name in a list."""
    return [place for place, each in enumerate(names) if each == name]


def _at(names: Sequence[str], place: int, body: Body) -> Iterator[tuple[str, Body]]:
    """Yield the name at a place, if there is one, as a body sees it."""
    if place < len(names):
        yield names[place], body


def _first(node: NodeProto) -> str:
    """Return the first named output of a node."""
    return next((checked_name(output) for output in node.output if output), "")


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
