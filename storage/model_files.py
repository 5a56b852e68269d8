"""Models as files: parameters and topology read from .safetensors, .npz, .onnx and .pt, and written back."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.model import Topology
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.storage.atomic import write_bytes
from nnc_conformance.storage.tensors import read_tensors, write_tensors

TENSOR_SUFFIXES = (".safetensors", ".npz")


@dataclass(frozen=True)
class Model:
    """Parameters by name, the topology where the file has one, names to be coded without loss, names that travel in the topology."""

    parameters: Mapping[str, np.ndarray]
    topology: Topology | None = None
    exact: frozenset[str] = frozenset()
    unchanged: tuple[str, ...] = ()


def read_model(path: Path) -> Model:
    """Reads a model by its suffix; raises `ModelError` for one that is not known, and typed errors for damaged files."""
    suffix = path.suffix.lower()
    if suffix in TENSOR_SUFFIXES:
        return Model(read_tensors(path))
    if suffix == ".onnx":
        from nnc_conformance.reference.topology.onnx import exact_parameters, extract

        model = extract(path.read_bytes(), base_dir=path.parent)
        topology = Topology(NNR_TPL_ONNX, model.topology)
        return Model(model.parameters, topology, exact_parameters(model.topology), model.unchanged)
    if suffix in (".pt", ".pth"):
        return Model(_state_dict(path))
    raise ModelError(f"{path}: no model format has the suffix {suffix!r}; there are .safetensors, .npz, .onnx, .pt")


def write_model(path: Path, parameters: Mapping[str, np.ndarray], topology: Topology | None) -> None:
    """Writes parameters by the path's suffix; .onnx needs an ONNX topology. Raises `ModelError`."""
    suffix = path.suffix.lower()
    if suffix in TENSOR_SUFFIXES:
        write_tensors(path, parameters)
    elif suffix == ".onnx":
        from nnc_conformance.reference.topology.onnx import restore

        if topology is None or topology.storage_format != NNR_TPL_ONNX:
            raise ModelError(f"{path}: the stream carries no ONNX topology")
        write_bytes(path, restore(topology.data, parameters))
    else:
        raise ModelError(f"{path}: no model format has the suffix {suffix!r}; there are .safetensors, .npz, .onnx")


def _state_dict(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a PyTorch state_dict; only weights are unpickled."""
    try:
        import torch
    except ImportError:
        raise ModelError(f"{path}: reading .pt files needs PyTorch: pip install 'nnc-conformance[torch]'") from None
    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
        return {str(name): _array(tensor) for name, tensor in loaded.items()}
    except (OSError, AttributeError, RuntimeError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: not a state_dict: {error}") from None


def _array(tensor: Any) -> np.ndarray:
    """A PyTorch tensor as an ndarray; bfloat16, which NumPy lacks, as float32, which holds it."""
    dense = tensor.detach().contiguous()
    array: np.ndarray = (dense.float() if str(dense.dtype) == "torch.bfloat16" else dense).numpy()
    return array
