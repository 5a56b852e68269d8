"""What a network is worth: ONNX Runtime runs it on held data, and the greatest value of its first output is its answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.model import Topology
from nnc_conformance.reference.reduction.network import Accuracy, Array
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.reference.topology.onnx import restore


@dataclass(frozen=True)
class Samples:
    """Data with known answers: arrays by graph input name with N samples each along dimension 0, and N labels, int64."""

    inputs: Mapping[str, Array]
    labels: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        counts = {len(array) if array.ndim else 0 for array in self.inputs.values()} | {self.labels.size}
        if self.labels.ndim != 1 or self.labels.dtype.kind not in "iu" or len(counts) != 1 or counts == {0}:
            raise ModelError("samples need labels, integers of one dimension, and inputs of as many samples")


def answers(model: bytes, inputs: Mapping[str, Array]) -> npt.NDArray[np.float64]:
    """The first output of an ONNX model, [N, ...] as binary64, on one thread; raises `ModelError` where it does not run."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, dict(inputs))[0], dtype=np.float64)
    except Exception as error:  # ONNX Runtime's exceptions share no base but this
        raise ModelError(f"ONNX Runtime does not run the model: {str(error).splitlines()[0][:200]}") from None


def accuracy(topology: Topology | None, parameters: Mapping[str, Array], held: Samples) -> Accuracy:
    """The share of ``held`` that the network answers right; raises `ModelError` without an ONNX topology, or where it does not fit."""
    if topology is None or topology.storage_format != NNR_TPL_ONNX:
        raise ModelError("accuracy is measured on ONNX models only")
    output = answers(restore(topology.data, parameters), held.inputs)
    if output.shape[:-1] != held.labels.shape:
        raise ModelError(f"the first output has the shape {output.shape}, which is no answer to each of {held.labels.size} samples")
    right = output.argmax(axis=-1) == held.labels
    classes: dict[Any, float] = {int(kind): float(right[held.labels == kind].mean()) for kind in np.unique(held.labels)}
    return Accuracy(float(right.mean()), classes)


def samples_for(topology: Topology | None, tensors: Mapping[str, Array], *, labels: str = "labels") -> Samples:
    """Samples from the tensors of a file: ``labels``, and an input for each name; a single input may have any name.

    Raises `ModelError` where the graph's inputs and the tensors do not match.
    """
    from nnc_conformance.reference.reduction.graph import Graph

    if labels not in tensors:
        raise ModelError(f"the samples have no tensor {labels!r}")
    wanted = Graph.of(topology).inputs
    inputs = {name: array for name, array in tensors.items() if name != labels}
    if len(wanted) == 1 and len(inputs) == 1:
        inputs = dict(zip(wanted, inputs.values(), strict=True))
    if set(inputs) != set(wanted):
        raise ModelError(f"the samples are {sorted(inputs)}, the graph's inputs {sorted(wanted)}")
    return Samples(inputs, tensors[labels])
