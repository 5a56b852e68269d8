"""Outputs of all nodes of a network, run by ONNX Runtime.

Also their distance between two runs.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.suites.results.answers import Distance, LayerDrift

_DIGITS: Final = 6


@dataclass(frozen=True)
class ModelRun:
    """Outputs of one run of a model.

    Attributes:
        output: First output of the model, binary64 of shape [N, ...].
        layers: Floating-point outputs of the nodes of the main graph by name, in graph order.
        operators: Operator of the node behind each of ``layers``.
    """

    output: NDArray[np.float64]
    layers: Mapping[str, NDArray[Any]]
    operators: Mapping[str, str]


def run_model(model: bytes, inputs: Mapping[str, NDArray[Any]]) -> ModelRun:
    """Run an ONNX model on one thread and return the outputs of all nodes.

    Raise `ModelError`.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        opened = onnx.load_from_string(model)
        first = opened.graph.output[0].name
        operators = {name: node.op_type for node in opened.graph.node for name in node.output if name}
        known = {value.name for value in opened.graph.output}
        opened.graph.output.extend(onnx.ValueInfoProto(name=name) for name in operators if name not in known)
        session = onnxruntime.InferenceSession(opened.SerializeToString(), options, providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_outputs()]
        outputs = dict(zip(names, session.run(names, dict(inputs)), strict=True))
    except Exception as error:  # ONNX Runtime's and protobuf's exceptions share no base but this
        raise ModelError(f"ONNX Runtime cannot run the model: {_first_line(error)}") from None
    layers = {name: outputs[name] for name in operators if isinstance(outputs[name], np.ndarray) and outputs[name].dtype.kind == "f"}
    return ModelRun(np.asarray(outputs[first], dtype=np.float64), layers, operators)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def distance(values: NDArray[Any], origin: NDArray[Any]) -> Distance:
    """Return the distance of ``values`` to ``origin``, which has the same shape.

    Figures that are not finite are None.
    """
    left, right = values.astype(np.float64).reshape(-1), origin.astype(np.float64).reshape(-1)
    with np.errstate(all="ignore"):
        apart = np.abs(left - right)
        scale, own = np.linalg.norm(right), np.linalg.norm(left)
        far = float(np.linalg.norm(apart))
        relative = far / scale if far else 0.0
        cosine = float(left @ right) / (scale * own) if far else 1.0
        largest, mean = (float(apart.max()), float(apart.mean())) if apart.size else (0.0, 0.0)
    return Distance(
        max_error=finite(largest), mean_error=finite(mean), relative_error=finite(float(relative)), cosine=finite(float(cosine))
    )


def drift(run: ModelRun, origin: ModelRun) -> tuple[LayerDrift, ...]:
    """Return the distance of each output that both runs have in the same shape.

    The outputs are in graph order.
    """
    return tuple(
        LayerDrift(output=name, operator=run.operators[name], distance=distance(array, origin.layers[name]))
        for name, array in run.layers.items()
        if name in origin.layers and origin.layers[name].shape == array.shape
    )


def rounded(value: float) -> float:
    """Return ``value`` to 6 significant digits, so that results are the same on every machine."""
    return float(f"{value:.{_DIGITS}g}")


def finite(value: float) -> float | None:
    """Apply `rounded` to ``value``; return None if it is not finite."""
    return rounded(value) if math.isfinite(value) else None
