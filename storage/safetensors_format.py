"""The ``.safetensors`` format, by parameter name: strict to read, reproducible to write.

``__metadata__`` is reserved in the header, so a name of any number of backslashes followed by ``__metadata__`` is stored
with one backslash more, and read back with one less; every other name is stored as it is.

The format is read and written here and not by the ``safetensors`` package, whose order of tensors is not promised from
one version to the next, whose reader takes doubled names, and whose low-level interface differs between versions; a test
holds both together.
"""

import hashlib
import json
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.storage.tensor_types import (
    DTYPE_NAMES,
    DTYPES,
    MAX_RANK,
    MAX_TENSORS,
    Tensors,
    array_from,
    check_name,
    is_size,
    normalized,
)

_RESERVED: Final = "__metadata__"
_HEADER_BYTES: Final = 100_000_000
_ALIGNMENT: Final = 8


def _stored_name(name: str) -> str:
    return "\\" + name if name.lstrip("\\") == _RESERVED else name


def _parameter_name(stored: str) -> str:
    return stored[1:] if stored.startswith("\\") and stored.lstrip("\\") == _RESERVED else stored


def safetensors_pieces(tensors: Mapping[str, NDArray[Any]], *, metadata: Mapping[str, str] | None = None) -> Iterator[bytes | memoryview]:
    """Yields the pieces of the one ``.safetensors`` file that holds ``tensors``: the header, then each tensor's bytes.

    ``metadata``: what ``__metadata__`` says, where it is there. Tensors go by falling element size, then by name; the header is ASCII
    JSON, padded with blanks to 8 bytes. Raises `ModelError` for a name or an element type that the file cannot hold.
    """
    arrays = {name: normalized(name, array) for name, array in tensors.items()}
    order = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    header: dict[str, Any] = {} if metadata is None else {_RESERVED: dict(metadata)}
    offset = 0
    for name in order:
        array, end = arrays[name], offset + arrays[name].nbytes
        header[_stored_name(name)] = {"dtype": DTYPE_NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [offset, end]}
        check_name(name)
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    if len(text) > _HEADER_BYTES:
        raise ModelError(f"the names and shapes of {len(arrays)} tensors need more than {_HEADER_BYTES} bytes")
    yield struct.pack("<Q", len(text)) + text
    for name in order:
        yield arrays[name].reshape(-1).view(np.uint8).data


def dump_safetensors(tensors: Mapping[str, NDArray[Any]], *, metadata: Mapping[str, str] | None = None) -> bytes:
    """Returns the ``.safetensors`` file of ``tensors``; equal tensors give equal bytes. Raises as `safetensors_pieces`."""
    return b"".join(safetensors_pieces(tensors, metadata=metadata))


def tensors_sha256(tensors: Mapping[str, NDArray[Any]]) -> str:
    """Returns the SHA-256 (hex) of `dump_safetensors`, without building the file. Raises as `safetensors_pieces`."""
    digest = hashlib.sha256()
    for piece in safetensors_pieces(tensors):
        digest.update(piece)
    return digest.hexdigest()


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        raise ModelError(f"the header has {next(name for name in names if names.count(name) > 1)!r} twice")
    return result


def _safetensors_header(data: bytes) -> tuple[dict[str, Any], int]:
    """Returns the header's object and where the tensors' bytes begin."""
    if len(data) < 8:
        raise ModelError(f"a safetensors file has at least 8 bytes, this one {len(data)}")
    (length,) = struct.unpack_from("<Q", data)
    if length > min(_HEADER_BYTES, len(data) - 8):
        raise ModelError(f"the safetensors header claims {length} bytes in a file of {len(data)}")
    try:
        header = json.loads(data[8 : 8 + length].decode(), object_pairs_hook=_no_doubles)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the safetensors header is no JSON: {error}") from None
    if not isinstance(header, dict):
        raise ModelError("the safetensors header is no JSON object")
    return header, 8 + length


def _entry(name: str, entry: Any) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    """Returns type, shape, begin and end that a header entry states, checked against each other."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ModelError(f"tensor {name!r}: the entry does not have exactly dtype, shape and data_offsets")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise ModelError(f"tensor {name!r}: the element type {kind!r} is none of {', '.join(DTYPES)}")
    if not isinstance(shape, list) or len(shape) > MAX_RANK or not all(map(is_size, shape)):
        raise ModelError(f"tensor {name!r}: the shape is no list of at most {MAX_RANK} sizes")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(is_size, offsets)):
        raise ModelError(f"tensor {name!r}: data_offsets is no pair of offsets")
    begin, end = offsets
    if end - begin != math.prod(shape) * DTYPES[kind].itemsize:
        raise ModelError(f"tensor {name!r}: {kind} {shape} does not take the {end - begin} bytes that its data_offsets give it")
    return DTYPES[kind], tuple(shape), begin, end


def metadata_of(data: bytes) -> dict[str, str]:
    """Returns what ``__metadata__`` of a ``.safetensors`` file says, nothing where there is none; raises `ModelError`."""
    told = _safetensors_header(data)[0].get(_RESERVED, {})
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise ModelError(f"{_RESERVED} of the safetensors header does not give names texts")
    return told


def load_safetensors(data: bytes) -> Tensors:
    """Returns the tensors of a ``.safetensors`` file, as read-only arrays over ``data`` where they lie aligned.

    Raises `ModelError` for whatever is not a whole file: doubled names, unknown types, bytes that belong to no tensor or to two.
    """
    header, base = _safetensors_header(data)
    header.pop(_RESERVED, None)
    if len(header) > MAX_TENSORS:
        raise ModelError(f"{len(header)} tensors are more than {MAX_TENSORS}")
    entries = {_parameter_name(stored): _entry(stored, entry) for stored, entry in header.items()}
    expected = 0
    for name, (_, _, begin, end) in sorted(entries.items(), key=lambda item: item[1][2:]):
        check_name(name)
        if begin != expected:
            raise ModelError(f"tensor {name!r} begins at byte {begin} of the data, not at {expected}")
        expected = end
    if base + expected != len(data):
        raise ModelError(f"the tensors take {expected} bytes, the file has {len(data) - base} for them")
    return {name: array_from(data, dtype, shape, base + begin) for name, (dtype, shape, begin, _) in entries.items()}
