"""Is the model still right? Decoded parameters go back into their network, and ONNX Runtime runs it on held data."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.suites.judging.layers import ModelRun, distance, drift, rounded, run_model
from nnc_conformance.suites.results.answers import AccuracyRow

Parameters = Literal["original", "reference", "decoded"]


@dataclass(frozen=True)
class HeldOutData:
    """A network with its held data: the original model (ONNX), inputs by graph input name with N samples each, and N labels."""

    name: str
    model: bytes
    inputs: Mapping[str, NDArray[Any]]
    labels: NDArray[np.int64]


def held_out_data(network: str) -> HeldOutData:
    """Returns the network of that name in the package; raises `ModelError` for an unknown one."""
    from nnc_conformance.generator.networks import packaged_networks

    inputs, labels = packaged_networks.held_data(network)
    return HeldOutData(network, packaged_networks.model_bytes(network), inputs, labels)


def answers(model: bytes, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Runs a model and returns its first output, [N, ...] as binary64; raises `ModelError` where it does not run_model."""
    return run_model(model, inputs).output


def row(
    measure: HeldOutData, parameters: Parameters, original: ModelRun, found: ModelRun, reference: ModelRun | None = None
) -> AccuracyRow:
    """Returns what a run_model is worth: its answers against the labels and the original's, and its distances.

    The answer is the place of the greatest value along the last axis. ``reference``: of decoded parameters, what the reference's give.
    Raises `ModelError` where the output has not the original's shape.
    """
    if found.output.shape != original.output.shape:
        raise ModelError(f"the first output has the shape {found.output.shape}, not {original.output.shape}")
    answer = found.output.argmax(axis=-1)
    to_original = distance(found.output, original.output)
    apart = () if reference is None else drift(found, reference)
    return AccuracyRow(
        network=measure.name,
        parameters=parameters,
        samples=len(measure.labels),
        top1=rounded(float(np.mean(answer == measure.labels))),
        agreement=rounded(float(np.mean(answer == original.output.argmax(axis=-1)))),
        max_error=to_original.max_error,
        mean_error=to_original.mean_error,
        relative_error=to_original.relative_error,
        cosine=to_original.cosine,
        to_reference=None if reference is None else distance(found.output, reference.output),
        layers=() if parameters == "original" else drift(found, original),
        first_drift=next((layer.output for layer in apart if layer.distance.max_error != 0), None),
    )


@cache
def _original(network: str) -> tuple[HeldOutData, ModelRun]:
    measure = held_out_data(network)
    return measure, run_model(measure.model, measure.inputs)


def accuracy(
    network: str, topology: bytes, reference: Tensors, decoded: Tensors, *, decoded_topology: bytes | None = None
) -> tuple[AccuracyRow, ...]:
    """Returns the rows of the original, of the reference's parameters and of the decoded ones, each put into ``topology``.

    ``decoded_topology``: the graph that the decoder gave out, into which its own parameters go. Decoded parameters that do not fit the
    model have no row. Raises `ModelError` where the network is not known, or the reference's own parameters do not fit.
    """
    from nnc_conformance.reference.topology.onnx import restore

    measure, original = _original(network)
    expected = run_model(restore(topology, reference), measure.inputs)
    rows = [row(measure, "original", original, original), row(measure, "reference", original, expected)]
    try:
        found = run_model(restore(topology if decoded_topology is None else decoded_topology, decoded), measure.inputs)
        rows.append(row(measure, "decoded", original, found, expected))
    except ModelError:
        return tuple(rows)
    return tuple(rows)
