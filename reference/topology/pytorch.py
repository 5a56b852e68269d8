"""Annex C: a torch.export program without weights as topology, or a state_dict, which has none.

The id of a parameter is its state_dict key. A program (.pt2) is a zip archive with the bytes of
each weight in a separate file and a table of names, types and shapes. Without the files of the
weights that can be coded it is topology_data. Programs need NumPy only; a state_dict is pickled, so
it needs torch.
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
from nnc_conformance.reference.topology.classes import Array, Coding, as_declared, coding

EXTRA: Final = "pip install 'nnc-conformance[torch]'"
"""Command that installs PyTorch."""
_TABLE: Final = "data/weights/model_weights_config.json"
"""Path of the table of weights."""
_FOLDER: Final = "data/weights/"
"""Folder of the weights."""
_MODEL: Final = "models/model.json"
"""Path of the program's graph."""
_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""Date of all files in a written archive, so that equal programs have equal bytes."""
_BYTES: Final = 1 << 34
"""Bytes that an archive may contain."""
_CONTIGUOUS: Final = 7
"""Number of the layout of strided tensors."""
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
"""Element types by their numbers in the schema of torch.export."""


@dataclass(frozen=True)
class TorchProgram:
    """A program split for coding.

    Args:
        parameters: values by state_dict key.
        topology: the archive without these values.
        unchanged: keys whose values stay in the archive.
    """

    parameters: dict[str, Array]
    topology: bytes
    unchanged: tuple[str, ...]


@dataclass(frozen=True)
class _Weight:
    """A row of the table: a weight that is a whole file."""

    key: str
    file: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def extract(program: bytes) -> TorchProgram:
    """Split a program, as torch.export.save writes it, into parameters and topology.

    Raises:
        ModelError: for anything else, or if its table and files contradict each other.
    """
    files = _unzipped(program)
    root = _root(files)
    parameters: dict[str, Array] = {}
    weights = list(_weights(files, root))
    for weight in weights:
        data = files.get(weight.file)
        if data is None:
            raise ModelError(f"the program has no values for {weight.key!r}")
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
    """Return the program with ``parameters`` filled in, for torch.export.load.

    Arrays are converted by `classes.as_declared`; a scalar may have shape (1,).

    Raises:
        ModelError: for a bad topology, or a parameter that is missing or does not fit.
    """
    files = _unzipped(topology)
    for weight in _missing(files):
        if weight.key not in parameters:
            raise ModelError(f"the parameter {weight.key!r} of the program is missing")
        values = parameters[weight.key]
        if values.shape != weight.shape and (values.shape, weight.shape) != ((1,), ()):
            raise ModelError(f"parameter {weight.key!r} has shape {values.shape}; the program declares {weight.shape}")
        typed = as_declared(values, weight.dtype, weight.key)
        files[weight.file] = typed.astype(typed.dtype.newbyteorder("<")).tobytes()
    return _zipped(files)


def parameter_shapes(topology: bytes) -> dict[str, tuple[int, ...]]:
    """Return the declared shape of each parameter that the archive lacks.

    Raises:
        ModelError: for a bad topology.
    """
    return {weight.key: weight.shape for weight in _missing(_unzipped(topology))}


def load_state_dict(data: bytes) -> dict[str, Array]:
    """Load the tensors of a pickled state_dict by key; nothing but tensors is unpickled.

    bfloat16, which NumPy lacks, becomes float32.

    Raises:
        ModelError: for anything but a state_dict, or if torch is not installed.
    """
    torch = _torch("reading .pt files")
    try:
        loaded = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        return {str(name): _array(tensor) for name, tensor in loaded.items()}
    except Exception as error:  # a damaged pickle can raise any exception
        raise ModelError(f"not a state_dict: {str(error).splitlines()[0][:200] if str(error) else type(error).__name__}") from None


def dump_state_dict(parameters: Mapping[str, Array]) -> bytes:
    """Pickle arrays as a state_dict.

    Raises:
        ModelError: for a type that torch lacks, or if torch is not installed.
    """
    torch = _torch("writing .pt files")
    out = io.BytesIO()
    try:
        torch.save({name: torch.from_numpy(np.array(array)) for name, array in parameters.items()}, out)
    except TypeError as error:
        raise ModelError(f"not a state_dict: {error}") from None
    return out.getvalue()


def _torch(what: str) -> Any:
    """Import torch; raise `ModelError` saying that ``what`` needs it."""
    try:
        import torch
    except ImportError:
        raise ModelError(f"{what} needs PyTorch: {EXTRA}") from None
    return torch


def _array(tensor: Any) -> Array:
    """Convert a torch tensor to NumPy."""
    dense = tensor.detach().contiguous()
    array: Array = (dense.float() if str(dense.dtype) == "torch.bfloat16" else dense).numpy()
    return array


def _unzipped(archive: bytes) -> dict[str, bytes]:
    """Read an archive of uncompressed files."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = opened.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries) or sum(entry.file_size for entry in entries) > _BYTES:
                raise ModelError("not a torch.export program: its archive is compressed or too large")
            files = {entry.filename: opened.read(entry) for entry in entries}
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OverflowError, RuntimeError) as error:
        raise ModelError(f"not a torch.export program: {error}") from None
    if len(files) != len(entries):
        raise ModelError("not a torch.export program: its archive has two files with the same name")
    return files


def _zipped(files: Mapping[str, bytes]) -> bytes:
    """Write an archive of uncompressed files; equal files give equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _DATE), files[name])
    return out.getvalue()


def _root(files: Mapping[str, bytes]) -> str:
    """Return the only top-level folder of the archive, with a slash."""
    roots = {name.partition("/")[0] + "/" for name in files}
    root = roots.pop() if len(roots) == 1 else ""
    if root + _TABLE not in files or root + _MODEL not in files:
        raise ModelError("not a torch.export program of a single model: it has no table of weights")
    return root


def _table(files: Mapping[str, bytes], root: str) -> dict[str, dict[str, Any]]:
    """Parse the table of weights into rows by key."""
    try:
        rows: dict[str, dict[str, Any]] = json.loads(files[root + _TABLE])["config"]
        if not all("path_name" in row and isinstance(row["tensor_meta"], dict) for row in rows.values()):
            raise TypeError("a row lacks path_name or tensor_meta")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"the program's table of weights cannot be read: {error}") from None
    return rows


def _weights(files: Mapping[str, bytes], root: str) -> Iterator[_Weight]:
    """Iterate over the weights that are whole, row-major files of a supported type.

    If several keys share a file, the first is listed.
    """
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


def _missing(files: Mapping[str, bytes]) -> Iterator[_Weight]:
    """Iterate over the weights whose files are missing."""
    return (weight for weight in _weights(files, _root(files)) if weight.file not in files)


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides, in elements, of a row-major tensor."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))
