"""The ``.safetensors`` format: strict to read, reproducible to write.

The header reserves ``__metadata__``. So a name that consists of backslashes followed by
``__metadata__`` is stored with one more backslash; every other name is stored unchanged.

The ``safetensors`` package is not used: it does not promise the order of tensors between versions,
it accepts duplicate names, and its low-level interface changes. A test compares both.
"""

import hashlib
import json
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nnc_conformance.reference.errors import ModelError, unknown
from nnc_conformance.storage.tensor_types import (
    DTYPE_NAMES,
    DTYPES,
    MAX_RANK,
    MAX_TENSORS,
    PACKED_BITS,
    Tensors,
    array_from,
    check_name,
    is_size,
    normalized,
    packed,
    stored_bytes,
    unpacked,
)

_RESERVED: Final = "__metadata__"
_HEADER_BYTES: Final = 100_000_000
"""Bytes of the longest header, as in the safetensors package."""
_ALIGNMENT: Final = 8
"""Bytes to whose multiple the header is padded."""


def _stored_name(name: str) -> str:
    return "\\" + name if name.lstrip("\\") == _RESERVED else name


def _parameter_name(stored: str) -> str:
    return stored[1:] if stored.startswith("\\") and stored.lstrip("\\") == _RESERVED else stored


def safetensors_pieces(tensors: Mapping[str, NDArray[Any]], *, metadata: Mapping[str, str] | None = None) -> Iterator[bytes | memoryview]:
    """Yield the canonical ``.safetensors`` file of ``tensors`` piece by piece.

    The header comes first, then each tensor's bytes.

    Tensors are sorted by descending element size, then by name. The header is ASCII JSON, padded
    with blanks to a multiple of 8 bytes. ``metadata`` is the content of ``__metadata__``, absent if
    None. Raises `ModelError` for a name or an element type that the format cannot hold.
    """
    arrays = {name: normalized(name, array) for name, array in tensors.items()}
    order = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    header: dict[str, Any] = {} if metadata is None else {_RESERVED: dict(metadata)}
    offset = 0
    for name in order:
        array = arrays[name]
        kind = DTYPE_NAMES[array.dtype]
        end = offset + stored_bytes(kind, array.size)
        header[_stored_name(name)] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, end]}
        check_name(name)
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    if len(text) > _HEADER_BYTES:
        raise ModelError(f"the names and shapes of {len(arrays)} tensors need more than {_HEADER_BYTES} bytes")
    yield struct.pack("<Q", len(text)) + text
    for name in order:
        bits = PACKED_BITS.get(DTYPE_NAMES[arrays[name].dtype])
        yield (arrays[name].reshape(-1).view(np.uint8) if bits is None else packed(arrays[name], bits)).data


def dump_safetensors(tensors: Mapping[str, NDArray[Any]], *, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the ``.safetensors`` file of ``tensors``; equal tensors give equal bytes.

    Raises as `safetensors_pieces`.
    """
    return b"".join(safetensors_pieces(tensors, metadata=metadata))


def tensors_sha256(tensors: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 (hex) of `dump_safetensors` without building the file.

    Raises as `safetensors_pieces`.
    """
    digest = hashlib.sha256()
    for piece in safetensors_pieces(tensors):
        digest.update(piece)
    return digest.hexdigest()


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of pairs; raise `ModelError` if a key occurs twice."""
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        raise ModelError(f"the header has {next(name for name in names if names.count(name) > 1)!r} twice")
    return result


def _safetensors_header(data: bytes) -> tuple[dict[str, Any], int]:
    """Parse the header; return it with the offset of the tensors' bytes.

    Raises `ModelError` if it is cut off or not a JSON object.
    """
    if len(data) < 8:
        raise ModelError(f"a safetensors file has at least 8 bytes, this one has {len(data)}")
    (length,) = struct.unpack_from("<Q", data)
    if length > min(_HEADER_BYTES, len(data) - 8):
        raise ModelError(f"the safetensors header claims {length} bytes in a file of {len(data)}")
    try:
        header = json.loads(data[8 : 8 + length].decode(), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the safetensors header is not valid JSON: {error}") from None
    if not isinstance(header, dict):
        raise ModelError("the safetensors header is not a JSON object")
    return header, 8 + length


def _entry(name: str, entry: Any) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    """Check a tensor's entry in the header; return type, shape, begin and end.

    Begin and end count bytes after the header. Raises `ModelError` for any other entry.
    """
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ModelError(f"tensor {name!r}: the entry does not have exactly dtype, shape and data_offsets")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise ModelError(f"tensor {name!r}: {unknown('element type', kind, DTYPES)}")
    if not isinstance(shape, list) or len(shape) > MAX_RANK or not all(map(is_size, shape)):
        raise ModelError(f"tensor {name!r}: the shape is not a list of at most {MAX_RANK} sizes")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(is_size, offsets)):
        raise ModelError(f"tensor {name!r}: data_offsets is not a pair of offsets")
    begin, end = offsets
    if end - begin != stored_bytes(kind, math.prod(shape)):
        raise ModelError(f"tensor {name!r}: {kind} {shape} does not fit the {end - begin} bytes between its data_offsets")
    return DTYPES[kind], tuple(shape), begin, end


def metadata_of(data: bytes) -> dict[str, str]:
    """Return the ``__metadata__`` of a ``.safetensors`` file, empty if absent; raise `ModelError`."""
    metadata = _safetensors_header(data)[0].get(_RESERVED, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ModelError(f"{_RESERVED} of the safetensors header is not an object of strings")
    return metadata


def load_safetensors(data: bytes) -> Tensors:
    """Return the tensors of a ``.safetensors`` file, as read-only views of ``data`` if aligned.

    Raises `ModelError` for an invalid file: duplicate names, unknown types, bytes that belong to no
    tensor or to two.
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
            raise ModelError(f"tensor {name!r} begins at byte {begin} of the data instead of {expected}")
        expected = end
    if base + expected != len(data):
        raise ModelError(f"the tensors need {expected} bytes, but the file has {len(data) - base}")
    return {name: _array(data, dtype, shape, base + begin, base + end) for name, (dtype, shape, begin, end) in entries.items()}


def _array(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], begin: int, end: int) -> NDArray[Any]:
    """Return the array between two bytes of a file; types below a byte are unpacked."""
    bits = PACKED_BITS.get(DTYPE_NAMES[dtype])
    return (
        array_from(data, dtype, shape, begin)
        if bits is None
        else array_from(unpacked(data[begin:end], math.prod(shape), bits), dtype, shape, 0)
    )
