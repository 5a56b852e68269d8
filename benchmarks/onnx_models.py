"""The onnx package's own test models and node cases, with the inputs that they come with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.loader import DATA_DIR

GROUPS: Final = ("light", "pytorch-converted", "pytorch-operator", "simple")
"""Folders of whole models in the package."""
NODE_CASES: Final = "node cases"
"""Name of the group of models with one operator each."""
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class OnnxCase:
    """A model of the package, with the inputs of its data sets."""

    group: str
    name: str
    model: bytes
    inputs: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Answers:
    """Answers of a decoded model next to the original's.

    Args:
        equal: Whether all are equal bit for bit.
        cosine: Least cosine between two answers.
    """

    equal: bool
    cosine: float


def onnx_cases() -> Iterator[OnnxCase]:
    """Iterate over all models and node cases of the installed package."""
    for group in GROUPS:
        for path in sorted(Path(DATA_DIR, group).rglob("*.onnx")):
            sets = [
                tuple(onnx.load_tensor(str(file)) for file in sorted(folder.glob("input_*.pb"), key=lambda file: int(file.stem[6:])))
                for folder in sorted(path.parent.glob("test_data_set_*"))
            ]
            arrays = tuple(tuple(map(onnx.numpy_helper.to_array, one)) for one in sets if all(map(_is_tensor, one)))
            yield OnnxCase(group, path.parent.name, path.read_bytes(), arrays)
    for case in collect_testcases(None):
        inputs = tuple(tuple(given) for given, _ in case.data_sets or ())
        assert case.model is not None  # node cases are made in memory
        yield OnnxCase(NODE_CASES, case.name, case.model.SerializeToString(), inputs)


def _is_tensor(tensor: onnx.TensorProto) -> bool:
    """Return whether a file of inputs holds a tensor: sequences and optionals read as one without
    type.
    """
    return bool(tensor.data_type != onnx.TensorProto.UNDEFINED)


def answers(case: OnnxCase, decoded: bytes) -> Answers | None:
    """Compare the answers of a decoded model with the original's.

    Return None if ONNX Runtime does not run the original on the case's inputs.
    """
    try:
        left = _session(case.model)
        originals = [left.run(None, _named(left, inputs)) for inputs in case.inputs]
    except Exception:  # ONNX Runtime has no common class for what it refuses
        return None
    if not originals:
        return None
    right = _session(decoded)
    pairs = [
        (np.asarray(one), np.asarray(other))
        for inputs, original in zip(case.inputs, originals, strict=True)
        for one, other in zip(original, right.run(None, _named(right, inputs)), strict=True)
        if isinstance(one, np.ndarray)
    ]
    if not all(one.shape == other.shape and one.dtype == other.dtype for one, other in pairs):
        raise AssertionError(f"{case.name}: an answer has another shape or type")
    equal = all(_bits(one) == _bits(other) for one, other in pairs)
    return Answers(equal, 1.0 if equal else min(_cosine(one, other) for one, other in pairs))


def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _bits(values: Array) -> object:
    """Return what two equal arrays have in common: bytes, or a list of strings."""
    return values.tolist() if values.dtype.kind == "O" else values.tobytes()


def _named(session: onnxruntime.InferenceSession, inputs: tuple[Any, ...]) -> Mapping[str, Any]:
    return {each.name: value for each, value in zip(session.get_inputs(), inputs, strict=True)}


def _cosine(one: Array, other: Array) -> float:
    """Return the cosine of two answers.

    Return 1 for equal numbers, NaN included.
    """
    if np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"):
        return 1.0
    left, right = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    norms = float(np.linalg.norm(left) * np.linalg.norm(right))
    return float(left @ right) / norms if norms else 0.0
