"""Annex C: a torch.export program without weights as topology, or a state_dict, which has none.

The id of a parameter is its state_dict key. A program (.pt2) is a zip archive with the bytes of
each weight in a separate file and a table of names, types and shapes. Without the files of the
weights that can be coded it is topology_data. Programs need NumPy only; a state_dict is pickled, so
it needs torch.
"""

import io
import json
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import ml_dtypes
import numpy as np

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.classes import Array, Coding, as_declared, coding
from nnc_conformance.reference.topology.content import LoadingNotes
from nnc_conformance.reference.topology.program_safety import without_code
from nnc_conformance.reference.zip_bounds import FREE_BYTES, MOST_RATIO, opened_zip, read_member

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
_BYTEARRAY: Final = b"bytearray"
"""Name of the one function in reach of a state_dict's pickle that takes any memory it is asked for.
"""
_SCRIPT: Final = "/constants.pkl"
"""End of the path of a file that every TorchScript program has."""
_INSTEAD: Final = "save its state_dict() as .pt, or export the model with torch.export as .pt2"
_NESTED: Final = ("state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "weights", "params")
"""Keys under which training scripts keep the state_dict, the likeliest first."""
_NOT_MODELS: Final = ("optim", "sched", "scaler", "rng")
"""Parts of keys under which training scripts keep other mappings with tensors."""
_DEPTH: Final = 3
"""Mappings within a mapping that are searched for tensors."""
_ONLY: Final = "tensor"
"""Name of a tensor that was saved alone."""
_SHOWN: Final = 10
"""Keys or names that an error shows."""
_BEFORE_1_6: Final = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
"""The pickled number that begins a file in the format of PyTorch before 1.6, behind two bytes."""
_SAVED: Final = "save one with torch.save(model.state_dict(), ...)"
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

_VIEWED: Final[dict[str, tuple[str, np.dtype[Any]]]] = {
    "bfloat16": ("int16", np.dtype(ml_dtypes.bfloat16)),
    "float8_e4m3fn": ("uint8", np.dtype(ml_dtypes.float8_e4m3fn)),
    "float8_e4m3fnuz": ("uint8", np.dtype(ml_dtypes.float8_e4m3fnuz)),
    "float8_e5m2": ("uint8", np.dtype(ml_dtypes.float8_e5m2)),
    "float8_e5m2fnuz": ("uint8", np.dtype(ml_dtypes.float8_e5m2fnuz)),
    "float8_e8m0fnu": ("uint8", np.dtype(ml_dtypes.float8_e8m0fnu)),
}
"""Types of torch that NumPy lacks: the type of torch with as many bits, and the element type."""
_NUMPY_TYPES: Final = frozenset(
    """
    bool uint8 int8 uint16 int16 uint32 int32 uint64 int64 float16 float32 float64 complex64 complex128
    """.split()  # noqa: SIM905
)
"""Types that torch and NumPy share."""


@dataclass(frozen=True)
class TorchProgram:
    """A program split for coding.

    Args:
        parameters: Values by state_dict key.
        topology: The archive without these values.
        unchanged: Keys whose values stay in the archive.
        left_out: Files that torch.export.load would run or does not need.
    """

    parameters: dict[str, Array]
    topology: bytes
    unchanged: tuple[str, ...]
    left_out: tuple[str, ...] = ()


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
        ModelError: For anything else, if its table and files contradict each other, or if it holds
            code (see `program_safety`).
    """
    files, root, left_out = _program(program)
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
    return TorchProgram(parameters, _zipped(files), kept, left_out)


def restore(topology: bytes, parameters: Mapping[str, Array]) -> bytes:
    """Return the program with ``parameters`` filled in, for torch.export.load.

    Arrays are converted by `classes.as_declared`; a scalar may have shape (1,).

    Raises:
        ModelError: For a bad topology, one that holds code (see `program_safety`), or a parameter
            that is missing or does not fit.
    """
    files, root, _ = _program(topology)
    for weight in _missing(files, root):
        if weight.key not in parameters:
            raise ModelError(f"the parameter {weight.key!r} of the program is missing")
        values = parameters[weight.key]
        if values.shape != weight.shape and (values.shape, weight.shape) != ((1,), ()):
            raise ModelError(f"parameter {weight.key!r} has shape {values.shape}; the program declares {weight.shape}")
        typed = as_declared(values, weight.dtype, weight.key)
        files[weight.file] = typed.astype(typed.dtype.newbyteorder("<")).tobytes()
    return _zipped(files)


def left_out(topology: bytes) -> tuple[str, ...]:
    """Return the names of the files of a topology that `restore` leaves out; raise `ModelError`."""
    return _program(topology)[2]


def parameter_shapes(topology: bytes) -> dict[str, tuple[int, ...]]:
    """Return the declared shape of each parameter that the archive lacks.

    Raises:
        ModelError: For a bad topology.
    """
    files = _unzipped(topology)
    return {weight.key: weight.shape for weight in _missing(files, _root(files))}


def load_state_dict(data: bytes, *, notes: LoadingNotes | None = None) -> dict[str, Array]:
    """Load the tensors of a pickled state_dict by key; nothing but tensors is unpickled.

    A training checkpoint holds its state_dict under a key such as ``state_dict`` or ``model``.

    Args:
        data: The file.
        notes: Is filled with what is not loaded, or comes back as another kind of tensor.

    Raises:
        ModelError: For anything but a state_dict, for one that takes far more memory than its file,
            or if torch is not installed.
    """
    torch = _torch("reading .pt files")
    _check_pickles(data)
    notes = LoadingNotes() if notes is None else notes
    skipped = notes.left_out
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception:  # a damaged pickle can raise any exception
        raise ModelError(f"not a state_dict: {_unreadable(torch, data)}; {_SAVED}") from None
    try:
        found = _supported(torch, _state_dict(torch, loaded, skipped), skipped)
        unpacked = sum(tensor.numel() * tensor.element_size() for tensor in found.values())
        if unpacked > max(FREE_BYTES, MOST_RATIO * len(data)):
            raise ModelError(f"it has {len(data)} bytes and unpacks to {unpacked}")
        arrays = {name: _array(torch, tensor) for name, tensor in found.items()}
        notes.converted |= {name: "sparse, comes back dense" for name, tensor in found.items() if tensor.layout != torch.strided}
        notes.converted |= _other_views({name: tensor for name, tensor in found.items() if tensor.layout == torch.strided})
        return arrays
    except ModelError as error:
        raise ModelError(f"not a state_dict: {error}; {_SAVED}") from None
    except Exception as error:  # a damaged tensor, such as a sparse one with wrong indices, can raise any exception
        raise ModelError(f"not a state_dict: its tensors cannot be read ({type(error).__name__}); {_SAVED}") from None


def _other_views(found: Mapping[str, Any]) -> dict[str, str]:
    """Find tensors that share values with an earlier one, but in another shape or order.

    They are coded apart from it. Equal views are left out, since they are coded to equal values, and so are views of
    separate parts of a storage.

    Args:
        found: Strided tensors by name.

    Returns:
        For the name of each such tensor a note for the user that it is coded apart.
    """
    views: dict[int, list[tuple[str, Any, int, int]]] = {}
    apart = {}
    for name, tensor in found.items():
        if not tensor.numel():
            continue
        begin = tensor.storage_offset()
        end = begin + sum((extent - 1) * step for extent, step in zip(tensor.shape, tensor.stride(), strict=True)) + 1
        earlier = views.setdefault(tensor.untyped_storage().data_ptr(), [])
        other = next((each for each in earlier if each[2] < end and begin < each[3]), None)
        if other is not None and (other[2], other[1].shape, other[1].stride()) != (begin, tensor.shape, tensor.stride()):
            apart[name] = f"a view of {other[0]}, coded apart, so that their values may differ by a step"
        earlier.append((name, tensor, begin, end))
    return apart


def _unreadable(torch: Any, data: bytes) -> str:
    """Say why torch does not load a file: objects that are no tensors, or another format."""
    try:
        objects = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data)))
    except Exception:  # torch can raise any exception for a file that is not its archive
        objects = []
    if not objects and data.startswith(_BEFORE_1_6, 2):
        return "it has the format of PyTorch before 1.6, and a tensor of a type that this format lacks, or it is damaged"
    if not objects:
        return "it is another format than that of torch.save, or damaged"
    more = ", ..." if len(objects) > _SHOWN else ""
    return f"it holds Python objects, which could run any code ({', '.join(objects[:_SHOWN])}{more})"


def _supported(torch: Any, found: Mapping[str, Any], left_out: dict[str, str]) -> dict[str, Any]:
    """Return the tensors that NumPy can hold.

    The others are added to ``left_out`` with the reason.
    """
    supported = {}
    for name, tensor in found.items():
        kind = str(tensor.dtype).removeprefix("torch.")
        if tensor.is_quantized:
            left_out[name] = f"its type {tensor.dtype} has a scale of its own; save it after dequantize()"
        elif tensor.is_meta:
            left_out[name] = "it has no values, only a shape"
        elif tensor.is_nested:
            left_out[name] = "it is a nested tensor, which has no shape"
        elif kind not in _VIEWED and kind not in _NUMPY_TYPES:
            left_out[name] = f"its type {tensor.dtype} is not supported"
        else:
            supported[name] = tensor
    return supported


def _state_dict(torch: Any, loaded: Any, left_out: dict[str, str], prefix: str = "") -> dict[str, Any]:
    """Find the tensors of a checkpoint: its own, or those of the state_dict in it.

    Of both, those with more values are the model's: a checkpoint may keep a loss or a mean next to
    its state_dict. Raises `ModelError` if there are none, or several state_dicts.

    Args:
        torch: The module.
        loaded: What was unpickled: a tensor or a mapping.
        left_out: Entries that are not used are added with the reason.
        prefix: Keys around the mapping, each with a dot, for names in ``left_out``.
    """
    if torch.is_tensor(loaded):
        return {prefix or _ONLY: loaded}
    if not isinstance(loaded, Mapping):
        raise ModelError(f"it holds a {type(loaded).__name__}")
    tensors: dict[str, Any] = {}
    for key, value in loaded.items():
        if torch.is_tensor(value):
            if str(key) in tensors:
                raise ModelError(f"it has two tensors named {str(key)!r}")
            tensors[str(key)] = value
    inside = {str(key): value for key, value in loaded.items() if isinstance(value, Mapping) and _has_tensors(torch, value, _DEPTH)}
    models = [key for key in inside if not any(word in key.lower() for word in _NOT_MODELS)]
    held = sum(tensor.numel() for tensor in tensors.values())
    if not loaded or (tensors and held >= max((_values(torch, inside[key], _DEPTH) for key in models), default=0)):
        left_out |= {f"{prefix}{key}": "it is not a tensor of the state_dict" for key in map(str, loaded) if key not in tensors}
        return tensors
    likely = models or list(inside)
    chosen = next((key for key in _NESTED if key in inside), likely[0] if len(likely) == 1 else None)
    if chosen is None:
        keys = ", ".join(list(map(repr, inside or map(str, loaded)))[:_SHOWN])
        raise ModelError(f"it holds {'several state_dicts' if inside else 'no tensors'}, under the keys {keys}")
    left_out |= {f"{prefix}{key}": "it is not the model's state_dict" for key in map(str, loaded) if key != chosen}
    return _state_dict(torch, inside[chosen], left_out, f"{prefix}{chosen}.")


def _values(torch: Any, value: Mapping[Any, Any], depth: int) -> int:
    """Count the values of the tensors in a mapping; the arguments are those of `_has_tensors`."""
    own: int = sum(each.numel() for each in value.values() if torch.is_tensor(each))
    nested = [each for each in value.values() if isinstance(each, Mapping)]
    return own + sum(_values(torch, each, depth - 1) for each in nested if depth > 0)


def _has_tensors(torch: Any, value: Mapping[Any, Any], depth: int) -> bool:
    """Return whether a mapping holds tensors, itself or in mappings inside it.

    Args:
        torch: The module.
        value: The mapping.
        depth: How many mappings deep to look.
    """
    return any(
        torch.is_tensor(each) or (depth > 0 and isinstance(each, Mapping) and _has_tensors(torch, each, depth - 1))
        for each in value.values()
    )


def _check_pickles(data: bytes) -> None:
    """Raise `ModelError` for archives of programs, bytearrays and pickles that unpack hugely.

    A .pt file is a zip archive with pickles, or a bare pickle. TorchScript and torch.export
    programs hold code as well as tensors; a bytearray could ask for any amount of memory.
    """
    pickles = [data]
    if data.startswith(b"PK"):
        with opened_zip(data, "not a state_dict: the .pt file") as opened:
            names = [entry.filename for entry in opened.infolist()]
            if any(name.endswith(_SCRIPT) for name in names):
                raise ModelError(f"not a state_dict: it is a TorchScript program; {_INSTEAD}")
            if any(name.endswith(_TABLE) for name in names):
                raise ModelError("not a state_dict: it is a torch.export program; name it .pt2")
            pickles = [read_member(opened, entry) for entry in opened.infolist() if entry.filename.endswith(".pkl")]
    if any(_BYTEARRAY in pickle for pickle in pickles):
        raise ModelError("not a state_dict: it asks for a bytearray")


def dump_state_dict(parameters: Mapping[str, Array]) -> bytes:
    """Pickle arrays as a state_dict.

    Raises:
        ModelError: For a type that torch lacks, or if torch is not installed.
    """
    torch = _torch("writing .pt files")
    out = io.BytesIO()
    try:
        torch.save({name: _tensor(torch, np.array(array)) for name, array in parameters.items()}, out)
    except TypeError as error:
        raise ModelError(f"not a state_dict: {error}") from None
    return out.getvalue()


def _tensor(torch: Any, array: Array) -> Any:
    """Convert an array to torch; raise `TypeError` for a type that it lacks."""
    for name, (viewed, dtype) in _VIEWED.items():
        if array.dtype == dtype:
            return torch.from_numpy(array.view(np.dtype(viewed))).view(getattr(torch, name))
    return torch.from_numpy(array)


def _torch(what: str) -> Any:
    """Import torch; raise `ModelError` saying that ``what`` needs it."""
    try:
        import torch
    except ImportError:
        raise ModelError(f"{what} needs PyTorch: {EXTRA}") from None
    return torch


def _array(torch: Any, tensor: Any) -> Array:
    """Convert a torch tensor to NumPy; types that NumPy lacks keep their bits."""
    dense = tensor.detach().to_dense() if tensor.layout != torch.strided else tensor.detach()
    dense = dense.resolve_conj().resolve_neg().contiguous()
    viewed = _VIEWED.get(str(dense.dtype).removeprefix("torch."))
    array: Array = dense.numpy() if viewed is None else dense.view(getattr(torch, viewed[0])).numpy().view(viewed[1])
    return array


def _program(archive: bytes) -> tuple[dict[str, bytes], str, tuple[str, ...]]:
    """Return a program's files without code, its top-level folder, and the files left out."""
    files = _unzipped(archive)
    root = _root(files)
    for _ in _weights(files, root):
        pass  # a damaged table is named first
    plain, left_out = without_code(files, root)
    return plain, root, left_out


def _unzipped(archive: bytes) -> dict[str, bytes]:
    """Read an archive of uncompressed files; return their contents by path.

    Raises:
        ModelError: If a file is compressed, or the archive cannot be read.
    """
    with opened_zip(archive, "the torch.export program") as opened:
        entries = opened.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ModelError("the torch.export program cannot be read: its archive is compressed")
        return {entry.filename: read_member(opened, entry) for entry in entries}


def _zipped(files: Mapping[str, bytes]) -> bytes:
    """Write an archive of uncompressed files; equal files give equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _DATE), files[name])
    return out.getvalue()


def _root(files: Mapping[str, bytes]) -> str:
    """Return the only top-level folder of an archive, with a slash.

    Raises `ModelError` if it is not a torch.export program.
    """
    roots = {name.partition("/")[0] + "/" for name in files}
    root = roots.pop() if len(roots) == 1 else ""
    if root + _TABLE not in files or root + _MODEL not in files:
        raise ModelError("not a torch.export program of a single model: it has no table of weights")
    return root


def _table(files: Mapping[str, bytes], root: str) -> dict[str, dict[str, Any]]:
    """Parse the weights table of a torch.export program; return its rows by parameter name.

    Args:
        files: The contents of the archive, by path.
        root: The archive's top-level folder, with a slash.

    Raises:
        ModelError: If it is not JSON, or a row lacks path_name or tensor_meta.
    """
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


def _missing(files: Mapping[str, bytes], root: str) -> Iterator[_Weight]:
    """Iterate over the weights whose files are missing."""
    return (weight for weight in _weights(files, root) if weight.file not in files)


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides, in elements, of a row-major tensor."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))
