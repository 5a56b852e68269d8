"""Checks the weights of a .keras file before Keras sees them.

They must be HDF5 without links to other files, and of bounded sizes. Needs h5py.
"""

import io
import math
from typing import Any, Final

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.zip_bounds import FREE_BYTES, MOST_RATIO

MOST_OBJECTS: Final = 1 << 20
"""Groups and arrays of one file."""
_NUMBERS: Final = "biufc"
"""Letters of numpy for the kinds of numbers."""
_HALVES: Final = "V2"
"""Type in which Keras stores bfloat16, which HDF5 lacks; an attribute names it."""


def checked_weights(data: bytes) -> int:
    """Return the bytes of all arrays in an HDF5 file.

    Raises:
        ModelError: For a link, an array outside the file or not of numbers, and more bytes than the
            file's size makes likely.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            return _walked(h5py, file, max(FREE_BYTES, MOST_RATIO * len(data)))
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise ModelError(f"the weights of the Keras model cannot be read: {reason}") from None


def _walked(h5py: Any, file: Any, most: int) -> int:
    """Add up the bytes of all arrays below a group of an HDF5 file.

    Raise `ModelError` as `checked_weights` does.

    Args:
        h5py: The module.
        file: The group.
        most: The most bytes.
    """
    total, seen, waiting = 0, 0, [file]
    addresses = {h5py.h5o.get_info(file.id).addr}
    while waiting:
        group = waiting.pop()
        for name in group:
            seen += 1
            if seen > MOST_OBJECTS:
                raise ModelError(f"the weights of the Keras model have more than {MOST_OBJECTS} groups and arrays")
            where = f"{group.name}/{name}"[:200]
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ModelError(f"the weights of the Keras model have {where!r}, a link; save the model again with Keras")
            child = group[name]
            address = h5py.h5o.get_info(child.id).addr
            if address in addresses:
                raise ModelError(f"the weights of the Keras model have {where!r} under two names; save the model again with Keras")
            addresses.add(address)
            if isinstance(child, h5py.Dataset):
                total += _size(child, where)
            elif isinstance(child, h5py.Group):
                waiting.append(child)
            if total > most:
                raise ModelError(f"the weights of the Keras model unpack to more than {most} bytes; save the model again with Keras")
    return total


def _size(array: Any, where: str) -> int:
    """Return the bytes that reading an array takes: its own, or those of one chunk.

    Raises `ModelError` if it is not of numbers inside the file.

    Args:
        array: The array of the HDF5 file.
        where: Its path, for the error.
    """
    halves = array.dtype == _HALVES and array.attrs.get("dtype") in ("bfloat16", b"bfloat16")
    if not (array.dtype.kind in _NUMBERS or halves) or array.shape is None or array.is_virtual or array.external:
        raise ModelError(f"the weights of the Keras model have {where!r}, which is not an array of numbers inside the file")
    chunk = math.prod(array.chunks or ())
    return int(max(math.prod(array.shape), chunk if array.chunks else 0) * array.dtype.itemsize)
