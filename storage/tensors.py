"""Reading and writing tensor files, .safetensors or .npz.

Untrusted files give tensors or a typed error.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.zip_bounds import ZIP_START
from nnc_conformance.storage import outputs
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.npz_format import dump_npz, load_npz
from nnc_conformance.storage.safetensors_format import dump_safetensors, load_safetensors
from nnc_conformance.storage.tensor_types import DEFAULT_MAX_BYTES, Tensors

_WRITERS: Final = {".safetensors": dump_safetensors, ".npz": dump_npz}
_ZIP_MAGICS: Final = (ZIP_START, b"PK\x05\x06")


def is_npz(data: bytes) -> bool:
    """Return whether ``data`` begins like a zip archive, as an ``.npz`` file does."""
    return data[:4] in _ZIP_MAGICS


def load_tensors(data: bytes, *, max_bytes: int = DEFAULT_MAX_BYTES) -> Tensors:
    """Read the tensors of an .npz or a safetensors file, recognized by its first bytes.

    Args:
        data: The content of the file.
        max_bytes: The most bytes that an .npz file may unpack to.

    Raises `ModelError` for a damaged or too large file.
    """
    return load_npz(data, max_bytes=max_bytes) if is_npz(data) else load_safetensors(data)


def read_tensors(path: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> Tensors:
    """Read the tensors of a regular file of at most ``max_bytes``.

    Raises `ModelError` for a damaged file, a link, a device, or a missing file.
    """
    return load_tensors(read_regular(path, max_bytes=max_bytes), max_bytes=max_bytes)


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]], *, suffix: str | None = None) -> None:
    """Write tensors in the format of the suffix.

    The file appears whole or not at all.

    Args:
        path: The file.
        tensors: Arrays by name.
        suffix: ``.safetensors`` or ``.npz``; by default that of ``path``.

    Raises:
        ModelError: For another suffix, or a name or type that the format cannot hold.
        OSError: If the file cannot be written.
    """
    suffix = suffix or path.suffix.lower()
    if suffix not in _WRITERS:
        raise ModelError(f"{path.name}: unknown tensor file suffix {suffix!r}; choose from {', '.join(_WRITERS)}")
    outputs.write_bytes(path, _WRITERS[suffix](tensors))
