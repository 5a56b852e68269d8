"""Is the model still right? Decoded parameters go back into their network, and ONNX Runtime runs it on held data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.suites.result import AccuracyRow

Parameters = Literal["original", "reference", "decoded"]
_DIGITS: Final = 6


@dataclass(frozen=True)
class Measure:
    """A network with its held data: the original model (ONNX), inputs by graph input name with N samples each, and N labels."""

    name: str
    model: bytes
    inputs: Mapping[str, NDArray[Any]]
    labels: NDArray[np.int64]


def measure_of(network: str) -> Measure:
    """Returns the network of that name in the package; raises `ModelError` for an unknown one."""
    from nnc_conformance.generator.networks import catalogue

    inputs, labels = catalogue.held_data(network)
    return Measure(network, catalogue.model_bytes(network), inputs, labels)


def answers(model: bytes, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Runs a model on one thread and returns its first output, [N, ...] as binary64; raises `ModelError` where it does not run."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, dict(inputs))[0], dtype=np.float64)
    except Exception as error:  # ONNX Runtime's exceptions share no base but this
        raise ModelError(f"ONNX Runtime does not run the model: {str(error).splitlines()[0][:200]}") from None


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _finite(value: float) -> float | None:
    return _rounded(value) if math.isfinite(value) else None


def row(measure: Measure, parameters: Parameters, original: NDArray[np.float64], output: NDArray[np.float64]) -> AccuracyRow:
    """Returns what ``output`` is worth: its greatest value along the last axis against the labels and the original's, and its distance."""
    answer = output.argmax(axis=-1)
    distance = np.abs(output - original)
    return AccuracyRow(
        network=measure.name,
        parameters=parameters,
        samples=len(measure.labels),
        top1=_rounded(float(np.mean(answer == measure.labels))),
        agreement=_rounded(float(np.mean(answer == original.argmax(axis=-1)))),
        max_error=_finite(float(distance.max())),
        mean_error=_finite(float(distance.mean())),
    )


@cache
def _original(network: str) -> tuple[Measure, NDArray[np.float64]]:
    measure = measure_of(network)
    return measure, answers(measure.model, measure.inputs)


def accuracy(network: str, topology: bytes, reference: Tensors, decoded: Tensors) -> tuple[AccuracyRow, ...]:
    """Returns the rows of the original, of the reference's parameters and of the decoded ones, each put into ``topology``.

    Decoded parameters that do not fit the model have no row. Raises `ModelError` where the network is not known, or the reference's own
    parameters do not fit.
    """
    from nnc_conformance.reference.topology.onnx import restore

    measure, original = _original(network)
    rows = [row(measure, "original", original, original)]
    rows.append(row(measure, "reference", original, answers(restore(topology, reference), measure.inputs)))
    try:
        rows.append(row(measure, "decoded", original, answers(restore(topology, decoded), measure.inputs)))
    except ModelError:
        return tuple(rows)
    return tuple(rows)
