"""The ``.npz`` format: a zip archive with a member ``NAME.npy`` per tensor.

`numpy.savez` writes it, too.
"""

import io
import math
import zipfile
from collections.abc import Mapping
from tokenize import TokenError
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.content import LoadingNotes
from nnc_conformance.reference.zip_bounds import opened_zip, read_member
from nnc_conformance.storage import tensor_types
from nnc_conformance.storage.tensor_types import DEFAULT_MAX_BYTES, DTYPES, MAX_RANK, Tensors

_NAME_BYTES: Final = 60_000
"""Bytes of a name that a zip member can have, with some room."""


def dump_npz(tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """Return an uncompressed ``.npz`` file; equal tensors give equal bytes.

    Members are sorted by name and have a fixed date. bfloat16, which the format lacks, is written
    as two-byte voids, as NumPy does. Raises `ModelError` for a name or a type that the format
    cannot hold.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(tensors):
            tensor_types.check_name(name)
            if "\0" in name or len(name.encode()) > _NAME_BYTES:
                raise ModelError(f"the tensor name {name[:80]!r} cannot be a member of an .npz")
            array = tensor_types.normalized(name, tensors[name])
            if array.dtype.isbuiltin != 1 and array.dtype != DTYPES["BF16"]:
                raise ModelError(f"tensor {name!r} has the type {array.dtype}, which an .npz cannot hold; write .safetensors")
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(name + ".npy"), member.getvalue())
    return buffer.getvalue()


class ElementTypeError(ModelError):
    """An array of a type that no tensor file can hold, such as text."""


def load_npy(name: str, data: bytes, *, notes: LoadingNotes | None = None) -> NDArray[Any]:
    """Read the array of an ``.npy`` file or member, in little-endian order.

    Another byte order is added to ``notes``.

    Raises `ElementTypeError` for objects and types that are not in `DTYPES`, `ModelError` for
    damage, and unless the bytes after the header are as many as its type and shape need.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ModelError(f"tensor {name!r}: .npy version {version} is not supported; versions 1.0 and 2.0 are")
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read_header(stream)
    except (ValueError, TypeError, SyntaxError, TokenError, RecursionError, MemoryError) as error:
        raise ModelError(f"tensor {name!r}: its header cannot be read: {error}") from None
    dtype = DTYPES["BF16"] if dtype == np.dtype("V2") else dtype
    if dtype.hasobject or not tensor_types.is_known(dtype):
        kind = "Python objects" if dtype.hasobject else "text" if dtype.kind in "SU" else f"the type {dtype}"
        raise ElementTypeError(
            f"tensor {name!r} has {kind}, which is not supported; truth values, integers of up to 64 bits, floats of up to 64 bits "
            "and complex64 are; convert it to one of these"
        )
    if len(shape) > MAX_RANK or not all(map(tensor_types.is_size, shape)):
        raise ModelError(f"tensor {name!r}: the shape {shape} is not supported")
    rest = len(data) - stream.tell()
    if math.prod(shape) * dtype.itemsize != rest:
        raise ModelError(f"tensor {name!r}: {dtype} {list(shape)} does not fit the {rest} bytes after its header")
    if notes is not None and dtype.str.startswith(">"):
        notes.converted[name] = "big-endian, comes back in little-endian order"
    array = tensor_types.array_from(data, dtype, shape[::-1] if fortran else shape, stream.tell())
    return tensor_types.normalized(name, array.T if fortran else array)


def load_npz(data: bytes, *, max_bytes: int = DEFAULT_MAX_BYTES, notes: LoadingNotes | None = None) -> Tensors:
    """Return the tensors of an ``.npz``.

    Raise `ModelError` for a damaged one, or one beyond the bounds of `opened_zip`.

    Pickles are never opened. ``max_bytes`` bounds the unpacked size. With ``notes``, members that
    are no arrays of known types are left out with the reason, instead of an error.
    """
    tensors: Tensors = {}
    with opened_zip(data, "the .npz", max_bytes=max_bytes) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name in tensors:
                raise ModelError(f"the .npz has {name!r} twice")
            if notes is not None and not member.filename.endswith(".npy"):
                notes.left_out[member.filename] = "it is not an array"
                continue
            try:
                tensors[name] = load_npy(name, read_member(archive, member), notes=notes)
            except ElementTypeError as error:
                if notes is None:
                    raise
                notes.left_out[name] = str(error).replace(f"tensor {name!r}", "it", 1)
    return tensors
