"""Annex C: a torch.export program without weights as topology; or a state_dict, which has none. A parameter's id is its state_dict key.

A program (.pt2) is a zip archive with each weight's bytes as a file of its own and a table of names, types and shapes. Taken apart it
loses the files of the weights that can be coded, and is topology_data; programs need NumPy only. A state_dict is pickled: it needs torch.
"""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import ml_dtypes
import numpy as np

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.classes import Array, Coding, coding, declared

EXTRA: Final = "pip install 'nnc-conformance[torch]'"
_TABLE: Final = "data/weights/model_weights_config.json"
_FOLDER: Final = "data/weights/"
_MODEL: Final = "models/model.json"
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_BYTES: Final = 1 << 34
_CONTIGUOUS: Final = 7
"""The layout of strided tensors."""
TYPES: Final[dict[int, np.dtype[Any]]] = {
    1: np.dtype(np.uint8),
    2: np.dtype(np.int8),
    3: np.dtype(np.int16),
    4: np.dtype(np.int32),
    5: np.dtype(np.int64),
    6: np.dtype(np.float16),
    7: np.dtype(np.float32),
    8: np.dtype(np.float64),
    12: np.dtype(np.bool_),
    13: np.dtype(ml_dtypes.bfloat16),
}
"""Element types by the numbers of torch.export's schema."""


@dataclass(frozen=True)
class TorchProgram:
    """A program taken apart: values by state_dict key, the archive without them, and the keys whose values stay inside."""

    parameters: dict[str, Array]
    topology: bytes
    unchanged: tuple[str, ...]


@dataclass(frozen=True)
class _Weight:
    """A row of the table: a weight that is a whole file; of keys that share one, the first."""

    key: str
    file: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def extract(program: bytes) -> TorchProgram:
    """Takes a program apart, as torch.export.save writes it.

    Raises `ModelError` for what is no such archive, or whose table and files contradict each other.
    """
    files = _unzipped(program)
    root = _root(files)
    parameters: dict[str, Array] = {}
    weights = list(_weights(files, root))
    for weight in weights:
        data = files.get(weight.file)
        if data is None:
            raise ModelError(f"the program has no values of {weight.key!r}")
        if len(data) != prod(weight.shape) * weight.dtype.itemsize:
            raise ModelError(f"the program has {len(data)} bytes for {weight.key!r}, {weight.dtype} of shape {weight.shape}")
        if weight.dtype == np.bool_ and any(byte > 1 for byte in data):
            continue
        values = np.frombuffer(data, weight.dtype.newbyteorder("<")).astype(weight.dtype).reshape(weight.shape)
        if coding(values) is not Coding.UNCHANGED:
            parameters[weight.key] = values
            del files[weight.file]
    kept = tuple(key for key, entry in _table(files, root).items() if root + _FOLDER + str(entry["path_name"]) in files)
    return TorchProgram(parameters, _zipped(files), kept)


def restore(topology: bytes, parameters: Mapping[str, Array]) -> bytes:
    """The program with ``parameters`` in place: what torch.export.load takes.

    A decoded array becomes the declared element type by `classes.declared`; a scalar may come with the shape (1,). Raises `ModelError`
    for a bad topology, and for a parameter that is missing, or that does not fit.
    """
    files = _unzipped(topology)
    for weight in _wanted(files):
        if weight.key not in parameters:
            raise ModelError(f"the parameter {weight.key!r} of the program is missing")
        values = parameters[weight.key]
        if values.shape != weight.shape and (values.shape, weight.shape) != ((1,), ()):
            raise ModelError(f"parameter {weight.key!r} has the shape {values.shape}, the program declares {weight.shape}")
        typed = declared(values, weight.dtype, weight.key)
        files[weight.file] = typed.astype(typed.dtype.newbyteorder("<")).tobytes()
    return _zipped(files)


def parameter_shapes(topology: bytes) -> dict[str, tuple[int, ...]]:
    """The declared shape of each parameter whose values the archive lacks; raises `ModelError` for a bad topology."""
    return {weight.key: weight.shape for weight in _wanted(_unzipped(topology))}


def load_state_dict(data: bytes) -> dict[str, Array]:
    """The tensors of a pickled state_dict by key, on the processor; nothing but tensors is unpickled.

    bfloat16, which NumPy lacks, comes as float32. Raises `ModelError` for what is no state_dict, and where torch is not installed.
    """
    torch = _torch("reading .pt files")
    try:
        loaded = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        return {str(name): _array(tensor) for name, tensor in loaded.items()}
    except Exception as error:  # unpickling raises whatever a damaged pickle asks for
        raise ModelError(f"not a state_dict: {str(error).splitlines()[0][:200] if str(error) else type(error).__name__}") from None


def dump_state_dict(parameters: Mapping[str, Array]) -> bytes:
    """A pickled state_dict of arrays; raises `ModelError` for a type that torch lacks, and where torch is not installed."""
    torch = _torch("writing .pt files")
    out = io.BytesIO()
    try:
        torch.save({name: torch.from_numpy(np.array(array)) for name, array in parameters.items()}, out)
    except TypeError as error:
        raise ModelError(f"not a state_dict: {error}") from None
    return out.getvalue()


def _torch(what: str) -> Any:
    try:
        import torch
    except ImportError:
        raise ModelError(f"{what} needs PyTorch: {EXTRA}") from None
    return torch


def _array(tensor: Any) -> Array:
    dense = tensor.detach().contiguous()
    array: Array = (dense.float() if str(dense.dtype) == "torch.bfloat16" else dense).numpy()
    return array


def _unzipped(archive: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = opened.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries) or sum(entry.file_size for entry in entries) > _BYTES:
                raise ModelError("not a torch.export program: its archive is compressed, or too large")
            files = {entry.filename: opened.read(entry) for entry in entries}
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OverflowError, RuntimeError) as error:
        raise ModelError(f"not a torch.export program: {error}") from None
    if len(files) != len(entries):
        raise ModelError("not a torch.export program: its archive has two files of one name")
    return files


def _zipped(files: Mapping[str, bytes]) -> bytes:
    """An archive of stored files, the same for the same files in the same order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _DATE), files[name])
    return out.getvalue()


def _root(files: Mapping[str, bytes]) -> str:
    """The archive's only folder, with its slash."""
    roots = {name.partition("/")[0] + "/" for name in files}
    root = roots.pop() if len(roots) == 1 else ""
    if root + _TABLE not in files or root + _MODEL not in files:
        raise ModelError("not a torch.export program of one model: it has no table of weights")
    return root


def _table(files: Mapping[str, bytes], root: str) -> dict[str, dict[str, Any]]:
    try:
        rows: dict[str, dict[str, Any]] = json.loads(files[root + _TABLE])["config"]
        if not all("path_name" in row and isinstance(row["tensor_meta"], dict) for row in rows.values()):
            raise TypeError("a row lacks path_name or tensor_meta")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"the program's table of weights cannot be read: {error}") from None
    return rows


def _weights(files: Mapping[str, bytes], root: str) -> Iterator[_Weight]:
    """The weights that are whole files of a known type, row-major; of keys that share a file, the first."""
    shared = set()
    for key, row in _table(files, root).items():
        file = f"{root}{_FOLDER}{row['path_name']}"
        try:
            meta = row["tensor_meta"]
            shape = tuple(int(size["as_int"]) for size in meta["sizes"])
            strides = tuple(int(stride["as_int"]) for stride in meta["strides"])
            whole = not row["use_pickle"] and meta["storage_offset"]["as_int"] == 0 and meta["layout"] == _CONTIGUOUS
            dtype = TYPES.get(meta["dtype"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the program's entry of {key!r} cannot be read: {error}") from None
        if (
            whole
            and dtype is not None
            and min(shape, default=1) > 0
            and strides == _row_major(shape)
            and file not in shared
            and "\0" not in key
        ):
            shared.add(file)
            yield _Weight(key, file, shape, dtype)


def _wanted(files: Mapping[str, bytes]) -> Iterator[_Weight]:
    return (weight for weight in _weights(files, _root(files)) if weight.file not in files)


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))
