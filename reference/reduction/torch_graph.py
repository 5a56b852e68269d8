"""Runs the main graph of an ONNX topology with PyTorch.

So gradients reach its parameters.

Only `training` imports this module, after it has made sure that PyTorch is installed.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from onnx import helper, numpy_helper
from torch.nn import functional

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.graph import Graph, described
from nnc_conformance.reference.topology.tensors import has_data

Tensor = Any
Attributes = Mapping[str, Any]
"""Attributes of a node by name."""


def run(graph: Graph, parameters: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Tensor:
    """Compute the graph's first output for a batch of inputs.

    Raises:
        ModelError: For an operator that `OPERATORS` does not contain.
    """
    known = {name: numpy_helper.to_array(tensor) for name, tensor in graph.tensors.items() if has_data(tensor)}
    numbers = {name: torch.from_numpy(array.copy()) for name, array in known.items() if array.dtype.kind in "fib"}
    values: dict[str, Tensor] = {**numbers, **parameters, **inputs}
    for node in graph.nodes:
        if node.op_type == "Constant":
            continue
        if node.op_type not in OPERATORS or node.domain not in ("", "ai.onnx"):
            raise ModelError(f"training does not support the operator of {described(node)}")
        missing = [name for name in node.input if name and name not in values]
        if missing:
            raise ModelError(f"training cannot compute {missing[0]!r}, an input of {described(node)}")
        attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
        arguments = [values[name] if name else None for name in node.input]
        values[node.output[0]] = OPERATORS[node.op_type](attributes, *arguments)
    return values[graph.model.graph.output[0].name]


def _padded(attributes: Attributes, x: Tensor, value: float) -> Tensor:
    """Pad a tensor for a Conv or pooling, perhaps by other amounts on both sides.

    Raises `ModelError` for automatic padding.

    Args:
        attributes: The node's attributes.
        x: The tensor [N, C, ...].
        value: The value to pad with.
    """
    if attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID") or attributes.get("ceil_mode", 0):
        raise ModelError("training supports explicit padding only")
    pads = attributes.get("pads", [0] * 2 * (x.ndim - 2))
    half = len(pads) // 2
    flat = [pad for axis in reversed(range(half)) for pad in (pads[axis], pads[axis + half])]
    return functional.pad(x, flat, value=value) if any(flat) else x


def _convolution(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor = None) -> Tensor:
    """Compute a Conv of one to three spatial dimensions."""
    spatial = weight.ndim - 2
    kinds = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
    return kinds[spatial](
        _padded(attributes, x, 0.0),
        weight,
        bias,
        stride=attributes.get("strides", [1] * spatial),
        dilation=attributes.get("dilations", [1] * spatial),
        groups=attributes.get("group", 1),
    )


def _max_pool(attributes: Attributes, x: Tensor) -> Tensor:
    """Compute a MaxPool of one to three spatial dimensions."""
    size = attributes["kernel_shape"]
    pools = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
    return pools[len(size)](_padded(attributes, x, -torch.inf), size, attributes.get("strides", [1] * len(size)))


def _average_pool(attributes: Attributes, x: Tensor) -> Tensor:
    """Compute an AveragePool of one to three spatial dimensions.

    Raises `ModelError` for padding that is not counted.
    """
    size = attributes["kernel_shape"]
    if any(attributes.get("pads", [])) and not attributes.get("count_include_pad", 0):
        raise ModelError("training supports an AveragePool with padding only if count_include_pad is 1")
    pools = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}
    return pools[len(size)](_padded(attributes, x, 0.0), size, attributes.get("strides", [1] * len(size)))


def _gemm(attributes: Attributes, a: Tensor, b: Tensor, c: Tensor = None) -> Tensor:
    """Compute alpha * a x b + beta * c.

    Attributes may transpose a and b.
    """
    left = a.T if attributes.get("transA", 0) else a
    right = b.T if attributes.get("transB", 0) else b
    product = attributes.get("alpha", 1.0) * (left @ right)
    return product if c is None else product + attributes.get("beta", 1.0) * c


def _batch_norm(attributes: Attributes, x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Compute a BatchNormalization with fixed statistics."""
    return functional.batch_norm(x, mean, variance, gamma, beta, eps=attributes.get("epsilon", 1e-5))


def _clip(_: Attributes, x: Tensor, low: Tensor = None, high: Tensor = None) -> Tensor:
    """Clip to the given bounds."""
    return x if low is None and high is None else torch.clamp(x, low, high)


def _reshape(_: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    """Reshape; a target size of 0 keeps the dimension of the input."""
    target = [int(size) for size in shape]
    return x.reshape([x.shape[axis] if size == 0 else size for axis, size in enumerate(target)])


OPERATORS: Final[dict[str, Callable[..., Tensor]]] = {
    "Add": lambda _, a, b: a + b,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Conv": _convolution,
    "Dropout": lambda _, x, *__: x,
    "Flatten": lambda attributes, x: torch.flatten(x.reshape(-1, *x.shape[attributes.get("axis", 1) :]), 1),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda _, x: x.mean(dim=tuple(range(2, x.ndim)), keepdim=True),
    "Identity": lambda _, x: x,
    "LeakyRelu": lambda attributes, x: functional.leaky_relu(x, attributes.get("alpha", 0.01)),
    "MatMul": lambda _, a, b: a @ b,
    "MaxPool": _max_pool,
    "Mul": lambda _, a, b: a * b,
    "Relu": lambda _, x: torch.relu(x),
    "Reshape": _reshape,
    "Sigmoid": lambda _, x: torch.sigmoid(x),
    "Sub": lambda _, a, b: a - b,
    "Tanh": lambda _, x: torch.tanh(x),
    "Transpose": lambda attributes, x: x.permute(attributes.get("perm", list(reversed(range(x.ndim))))),
}
"""Functions by operator: they take its attributes, then its inputs (None for an absent one)."""
