"""What a network computes on the way: the outputs of its nodes, run_model by ONNX Runtime, and how far two runs are apart."""

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
    """What a model gave: its first output, [N, ...] as binary64, and by name the floating point outputs of the nodes of its main graph.

    ``operators``: the operator of the node that gives each of ``layers``, which come in the order of the graph.
    """

    output: NDArray[np.float64]
    layers: Mapping[str, NDArray[Any]]
    operators: Mapping[str, str]


def run_model(model: bytes, inputs: Mapping[str, NDArray[Any]]) -> ModelRun:
    """Runs a model on one thread with the outputs of all its nodes given out; raises `ModelError` where it does not run_model."""
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
        found = dict(zip(names, session.run(names, dict(inputs)), strict=True))
    except Exception as error:  # ONNX Runtime's and protobuf's exceptions share no base but this
        raise ModelError(f"ONNX Runtime cannot run the model: {_first_line(error)}") from None
    arrays = {name: found[name] for name in operators if isinstance(found[name], np.ndarray) and found[name].dtype.kind == "f"}
    return ModelRun(np.asarray(found[first], dtype=np.float64), arrays, operators)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def distance(found: NDArray[Any], origin: NDArray[Any]) -> Distance:
    """Returns how far ``found`` is from ``origin``, of equal shape.

    Largest and mean absolute difference; norm of the difference over that of ``origin``; cosine of the two as vectors. Each is None where
    it is no finite number.
    """
    left, right = found.astype(np.float64).reshape(-1), origin.astype(np.float64).reshape(-1)
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


def drift(found: ModelRun, origin: ModelRun) -> tuple[LayerDrift, ...]:
    """Returns the distance of each node's output that both runs have in the same shape, in the order of the graph."""
    return tuple(
        LayerDrift(output=name, operator=found.operators[name], distance=distance(array, origin.layers[name]))
        for name, array in found.layers.items()
        if name in origin.layers and origin.layers[name].shape == array.shape
    )


def rounded(value: float) -> float:
    """Returns ``value`` to six significant digits, so that results are the same bytes on every machine."""
    return float(f"{value:.{_DIGITS}g}")


def finite(value: float) -> float | None:
    """Returns ``value`` rounded, or None where it is not finite."""
    return rounded(value) if math.isfinite(value) else None
