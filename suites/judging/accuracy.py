"""Accuracy of a network with decoded parameters, run by ONNX Runtime on held-out data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.suites.judging.expected_output import ExpectedOutput
from nnc_conformance.suites.judging.layers import ModelRun, distance, drift, rounded, run_model
from nnc_conformance.suites.results.answers import AccuracyRow


@dataclass(frozen=True)
class HeldOutData:
    """A network with data that it was not trained on.

    Attributes:
        name: Name of the network in the package.
        model: The original model, ONNX.
        inputs: Inputs by name of the graph input, of shape [N, ...].
        labels: Right answers, of shape (N,).
    """

    name: str
    model: bytes
    inputs: Mapping[str, NDArray[Any]]
    labels: NDArray[np.int64]


def steps_to_measure(network: str, count: int) -> range:
    """Return the steps after which to measure the network of a vector with ``count`` steps.

    They are all steps if it is a sequence of the package, else the last.
    Raises `ModelError` for a sequence of another length.
    """
    from nnc_conformance.generator.networks import packaged_networks

    if network not in packaged_networks.sequence_names():
        return range(count - 1, count)
    if (models := len(packaged_networks.sequence_models(network))) != count:
        raise ModelError(f"the sequence {network} has {models} models, the vector {count} steps")
    return range(count)


def held_out_data(network: str, step: int = 0) -> HeldOutData:
    """Load a network of the package with its held-out data; raise `ModelError` if unknown.

    Args:
        network: Name of the network, or of a sequence.
        step: Number of the model in the sequence; its name is that of the sequence and the step.
    """
    from nnc_conformance.generator.networks import packaged_networks

    inputs, labels = packaged_networks.held_data(network)
    if network in packaged_networks.sequence_names():
        return HeldOutData(f"{network}, step {step}", packaged_networks.sequence_models(network)[step], inputs, labels)
    return HeldOutData(network, packaged_networks.model_bytes(network), inputs, labels)


def answers(model: bytes, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Run an ONNX model and return its first output, of shape [N, ...]; raise `ModelError`."""
    return run_model(model, inputs).output


def row(
    data: HeldOutData,
    parameters: Literal["original", "reference", "decoded"],
    original: ModelRun,
    run: ModelRun,
    reference: ModelRun | None = None,
) -> AccuracyRow:
    """Return the accuracy of one run; raise `ModelError` if its output has another shape.

    The answer to a sample is the index of the largest value along the last axis.

    Args:
        data: The network and its labels.
        parameters: Which parameters ``run`` was made with.
        original: Run of the original model.
        run: The run to describe.
        reference: Run with the reference's parameters, to compare decoded ones with.
    """
    if run.output.shape != original.output.shape:
        raise ModelError(f"the first output has shape {run.output.shape} in place of {original.output.shape}")
    answer = run.output.argmax(axis=-1)
    to_original = distance(run.output, original.output)
    differing = () if reference is None else drift(run, reference)
    return AccuracyRow(
        network=data.name,
        parameters=parameters,
        samples=len(data.labels),
        top1=rounded(float(np.mean(answer == data.labels))),
        agreement=rounded(float(np.mean(answer == original.output.argmax(axis=-1)))),
        max_error=to_original.max_error,
        mean_error=to_original.mean_error,
        relative_error=to_original.relative_error,
        cosine=to_original.cosine,
        to_reference=None if reference is None else distance(run.output, reference.output),
        layers=() if parameters == "original" else drift(run, original),
        first_drift=next((layer.output for layer in differing if layer.distance.max_error != 0), None),
    )


def added_up(expected: Sequence[ExpectedOutput], given: Sequence[Tensors | None]) -> Tensors | None:
    """Return the model after a session, added up from the tensors of its streams.

    ``given`` holds what the decoder gave for each stream, ``expected`` what is right. A tensor
    counts as a difference, to be added to the one before, where the right model differs from what
    the stream codes; else it replaces that. Sums are of the tensor's own type: binary32 or int32.

    Returns:
        The tensors by name, or None if a step gave no tensors.
    """
    model: dict[str, NDArray[Any]] = {}
    for step, tensors in zip(expected, given, strict=True):
        if tensors is None:
            return None
        coded, after = step.tensors or {}, step.model or step.tensors or {}
        for name, value in tensors.items():
            replaced = name not in after or name not in coded or after[name].tobytes() == coded[name].tobytes()
            before = model.get(name)
            fits = before is not None and before.shape == value.shape and before.dtype == value.dtype
            model[name] = before + value if before is not None and fits and not replaced else value
    return model


@cache
def _original(network: str, step: int) -> tuple[HeldOutData, ModelRun]:
    data = held_out_data(network, step)
    return data, run_model(data.model, data.inputs)


def accuracy(
    network: str, topology: bytes, reference: Tensors, decoded: Tensors, *, step: int = 0, decoded_topology: bytes | None = None
) -> tuple[AccuracyRow, ...]:
    """Return the rows of the original, of the reference's and of the decoded parameters.

    Decoded parameters that do not fit the model have no row.

    Args:
        network: Name of the network, or of a sequence, in the package.
        topology: ONNX graph that the parameters belong to, as the stream carries it.
        reference: Parameters as the reference decodes them.
        decoded: Parameters as the decoder under test decodes them.
        step: Number of the model in the sequence.
        decoded_topology: Graph as the decoder gives it, for its own parameters.

    Raises `ModelError` if the network is unknown or the reference's parameters do not fit.
    """
    from nnc_conformance.reference.topology.onnx import restore

    data, original = _original(network, step)
    expected = run_model(restore(topology, reference), data.inputs)
    rows = [row(data, "original", original, original), row(data, "reference", original, expected)]
    try:
        own = run_model(restore(topology if decoded_topology is None else decoded_topology, decoded), data.inputs)
        rows.append(row(data, "decoded", original, own, expected))
    except ModelError:
        return tuple(rows)
    return tuple(rows)
