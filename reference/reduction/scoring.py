"""Measures the accuracy of a network: ONNX Runtime classifies held-out samples.

The index of the greatest value in the first output is the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.network import Accuracy, Array
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.onnx import restore


@dataclass(frozen=True)
class Samples:
    """Labelled data.

    Args:
        inputs: Arrays by graph input name, with N samples each along dimension 0.
        labels: N class numbers, int64.

    Raises:
        ModelError: If the labels are not a vector of integers or the numbers of samples differ.
    """

    inputs: Mapping[str, Array]
    labels: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        counts = {len(array) if array.ndim else 0 for array in self.inputs.values()} | {self.labels.size}
        if self.labels.ndim != 1 or self.labels.dtype.kind not in "iu" or len(counts) != 1 or counts == {0}:
            raise ModelError("samples need a vector of integer labels and inputs with the same number of samples")


def answers(model: bytes, inputs: Mapping[str, Array]) -> npt.NDArray[np.float64]:
    """Run an ONNX model on one thread; return its first output, [N, ...] in binary64.

    Raises:
        ModelError: If the model does not run.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, dict(inputs))[0], dtype=np.float64)
    except Exception as error:  # the only base class that ONNX Runtime's exceptions share
        raise ModelError(f"ONNX Runtime cannot run the model: {str(error).splitlines()[0][:200]}") from None


def accuracy(topology: Topology | None, parameters: Mapping[str, Array], held: Samples) -> Accuracy:
    """Measure the share of ``held`` that the network classifies correctly.

    Raises:
        ModelError: Without an ONNX topology, or if the output does not fit the labels.
    """
    if topology is None or topology.storage_format != NNR_TPL_ONNX:
        raise ModelError("accuracy can be measured on ONNX models only")
    output = answers(restore(topology.data, parameters), held.inputs)
    if output.shape[:-1] != held.labels.shape:
        raise ModelError(f"the first output has shape {output.shape}; expected one row of scores for each of {held.labels.size} samples")
    right = output.argmax(axis=-1) == held.labels
    classes: dict[Any, float] = {int(kind): float(right[held.labels == kind].mean()) for kind in np.unique(held.labels)}
    return Accuracy(float(right.mean()), classes)


def samples_for(topology: Topology | None, tensors: Mapping[str, Array], *, labels: str = "labels") -> Samples:
    """Make samples from the tensors of a file.

    The file has a tensor named by ``labels``, and one for each graph input. If there is only one
    graph input, its tensor may have any name.

    Raises:
        ModelError: If graph inputs and tensors do not match.
    """
    from nnc_conformance.reference.reduction.graph import Graph

    if labels not in tensors:
        raise ModelError(f"the sample file has no tensor {labels!r}")
    graph_inputs = Graph.of(topology).inputs
    inputs = {name: array for name, array in tensors.items() if name != labels}
    if len(graph_inputs) == 1 and len(inputs) == 1:
        inputs = dict(zip(graph_inputs, inputs.values(), strict=True))
    if set(inputs) != set(graph_inputs):
        raise ModelError(f"the sample file has the inputs {sorted(inputs)}; the graph needs {sorted(graph_inputs)}")
    return Samples(inputs, tensors[labels])
