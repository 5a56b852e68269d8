"""The trained networks in the package, and data that they were not trained on.

A sequence is a network after rounds of further training.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.errors import ModelError, unknown
from nnc_conformance.reference.topology.onnx import extract, restore
from nnc_conformance.storage.safetensors_format import dump_safetensors, load_safetensors
from nnc_conformance.storage.tensor_types import Tensors

_PACKAGE = files("nnc_conformance.generator.networks")
STEP: Final = np.float32(2**-12)
"""What weights of a sequence change by multiples of in a round."""


def names() -> tuple[str, ...]:
    """Return the networks' names, sorted."""
    return tuple(sorted(_summary()["networks"]))


def sequence_names() -> tuple[str, ...]:
    """Return the names of the networks with rounds of further training, sorted."""
    return tuple(sorted(_summary()["sequences"]))


def model_bytes(name: str) -> bytes:
    """Return a network as a serialised ONNX ModelProto; raise ModelError for an unknown name."""
    return _PACKAGE.joinpath(_entry(name)["file"]).read_bytes()


def held_data(name: str) -> tuple[dict[str, npt.NDArray[np.float32]], npt.NDArray[np.int64]]:
    """Return the inputs and labels to measure a network's accuracy with.

    They were not used in training. The index of the largest of a network's logits is its answer.
    Networks of digits get images, float32 [N, 1, 8, 8] in 0..1, and have labels in 0..9; a sequence
    of updates gets all images once for each shift that it was trained for. ``magika-types`` gets
    features, float32 [N, 512], and has labels in 0..60.

    Args:
        name: Name of a packaged network or of a sequence.

    Returns:
        The inputs by name of the graph input, and the labels, int64 [N].

    Raises:
        ModelError: For an unknown name.
    """
    network = name if name in _summary()["networks"] else _sequence(name)["network"]
    if held_file := _entry(network).get("held_file"):
        tensors = load_safetensors(_PACKAGE.joinpath(held_file).read_bytes())
        return {_entry(network)["input"]: tensors["features"].astype(np.float32)}, tensors["labels"]
    moves = ((0, 0),) if name == network else _sequence(name)["moves"]
    tensors = load_safetensors(_PACKAGE.joinpath(_summary()["data"]["held_file"]).read_bytes())
    images = np.concatenate([moved(tensors["images"], *move) for move in moves])
    return {_summary()["input"]: images}, np.tile(tensors["labels"], len(moves))


@cache
def sequence_models(name: str) -> tuple[bytes, ...]:
    """Return a sequence's ONNX models: the network, then the network after each round.

    Raises `ModelError` for an unknown name.
    """
    entry = _sequence(name)
    first = extract(model_bytes(entry["network"]))
    models, parameters = [model_bytes(entry["network"])], first.parameters
    written = load_safetensors(_PACKAGE.joinpath(entry["file"]).read_bytes())
    for number in range(1, entry["rounds"] + 1):
        change = {key.partition("/")[2]: array for key, array in written.items() if key.startswith(f"{number}/")}
        parameters = {key: _after(array, change.get(key)) for key, array in parameters.items()}
        models.append(restore(first.topology, parameters))
    return tuple(models)


def correct(model: bytes, inputs: Mapping[str, npt.NDArray[Any]], labels: npt.NDArray[np.int64]) -> int:
    """Return the number of samples that ONNX Runtime classifies as labelled.

    Args:
        model: A serialised ONNX model, whose only output is the logits, [N, classes].
        inputs: Its inputs by name, [N, ...].
        labels: The right class of each sample, [N].
    """
    from onnxruntime import InferenceSession

    (logits,) = InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, dict(inputs))
    return int((logits.argmax(axis=1) == labels).sum())


def moved(images: npt.NDArray[np.float32], rows: int, columns: int) -> npt.NDArray[np.float32]:
    """Move images [N, 1, 8, 8] by pixels, filling with zeros.

    Args:
        images: The images.
        rows: Pixels to move down; up if negative.
        columns: Pixels to move to the right; to the left if negative.

    Returns:
        The moved images, of the same shape.
    """
    height, width = images.shape[2:]
    padded = np.pad(images, ((0, 0), (0, 0), (abs(rows),) * 2, (abs(columns),) * 2))
    top, left = abs(rows) - rows, abs(columns) - columns
    return padded[:, :, top : top + height, left : left + width]


def rounded_to_steps(before: npt.NDArray[Any], after: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a tensor after training, its change rounded to multiples of `STEP`."""
    rounded: npt.NDArray[Any] = before + np.rint((after - before) / STEP).astype(np.float32) * STEP
    return rounded


def sequence_file(models: Sequence[Tensors]) -> bytes:
    """Return the file of a sequence, which `sequence_models` reads: the change of each round.

    Args:
        models: The parameters of the network, and after each round.
    """
    rounds = enumerate(map(_written, models, models[1:]), 1)
    return dump_safetensors({f"{number}/{key}": array for number, change in rounds for key, array in change.items()})


def _written(before: Tensors, after: Tensors) -> Tensors:
    """Return a round's change as it is written.

    It is the number of steps, of the smallest integer type, where that gives every value; for other
    tensors that change, the values.
    """
    change: Tensors = {}
    for name, array in after.items():
        if array.tobytes() == before[name].tobytes():
            continue
        steps = np.rint((array.astype(np.float64) - before[name]) / STEP).astype(np.int32)
        small = steps.astype(np.int8 if np.abs(steps).max() <= np.iinfo(np.int8).max else np.int16)
        exact = _after(before[name], small).tobytes() == array.tobytes()
        change[name] = small if exact else array
    return change


def _after(before: npt.NDArray[Any], change: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    """Return a parameter after a round: a change in integers counts steps, another is the value."""
    if change is None:
        return before
    return before + change.astype(np.float32) * STEP if change.dtype.kind == "i" else change


def _entry(name: str) -> dict[str, Any]:
    """Return what the package states of a network; raise `ModelError` for another name."""
    networks: dict[str, dict[str, Any]] = _summary()["networks"]
    if name not in networks:
        raise ModelError(unknown("network", name, names()))
    return networks[name]


def _sequence(name: str) -> dict[str, Any]:
    """Return what the package states of a sequence of networks.

    Raises `ModelError` for another name.
    """
    sequences: dict[str, dict[str, Any]] = _summary()["sequences"]
    if name not in sequences:
        raise ModelError(unknown("network", name, (*names(), *sequence_names())))
    return sequences[name]


@cache
def _summary() -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(_PACKAGE.joinpath("networks.json").read_text(encoding="utf-8"))
    return summary
