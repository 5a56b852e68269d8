"""Reads values of ONNX tensors from files next to the model.

Reading is bounded whatever the model says.

Only regular files are read, where `model_folder.inside` allows.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from onnx import TensorProto

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.graphs import checked_name
from nnc_conformance.reference.topology.model_folder import inside

MOST_BYTES: Final = 1 << 34
"""Bytes of external data that one model may have."""
MOST_SHARING: Final = 16
"""Times the size of its files that a model's tensors may take; tied weights share bytes."""
_NUMBER: Final = re.compile(r"[0-9]{1,19}")


class ExternalData:
    """Reader for the external data of one model; ``files`` are those that it has read.

    Args:
        folder: The model's folder.
        model: The model's file, if known.
    """

    def __init__(self, folder: Path, model: Path | None = None) -> None:
        self.files: dict[Path, int] = {}
        self._folder = folder
        self._model = model
        self._read = 0

    def values(self, tensor: TensorProto, expected: int | None, name: str) -> bytes:
        """Read the values of a tensor; raise `ModelError` naming it.

        Args:
            tensor: The tensor, whose ``external_data`` states location, offset and length.
            expected: Bytes that its shape and type take, if known.
            name: Its id, for errors.
        """
        try:
            return self._values({checked_name(entry.key): checked_name(entry.value) for entry in tensor.external_data}, expected)
        except (ModelError, OSError, RuntimeError) as error:  # a RuntimeError for links in a circle
            reason = error.strerror if isinstance(error, OSError) else error
            if isinstance(error, OSError) and error.filename is not None:
                reason = f"{error.filename}: {reason}"
            raise ModelError(f"the external data of tensor {name!r} cannot be read: {reason}") from None

    def _values(self, entries: Mapping[str, str], expected: int | None) -> bytes:
        """Read the bytes at the location, offset and length that a tensor states.

        Args:
            entries: The tensor's ``external_data`` as strings by key.
            expected: Bytes that its shape and type take, if known.

        Raises:
            ModelError: For a path that is not allowed, too few or too many bytes, or a model that
                asks for too much.
            OSError: If the file cannot be read.
        """
        location = entries.get("location", "")
        offset, stated = _number(entries, "offset") or 0, _number(entries, "length")
        path = inside(self._folder, location, model=self._model)
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelError(f"{location!r} is not a regular file")
            length = status.st_size - offset if stated is None else stated
            if not 0 <= length <= status.st_size - offset:
                raise ModelError(f"{location!r} has {status.st_size} bytes, {length} from byte {offset} on are asked for")
            if expected is not None and length != expected:
                raise ModelError(f"it has {length} bytes, not {expected}")
            self.files[path] = status.st_size
            self._read += length
            if self._read > min(MOST_BYTES, MOST_SHARING * sum(self.files.values())):
                raise ModelError(f"the model's tensors ask for more than {MOST_BYTES} bytes, or for the same bytes too often")
            file.seek(offset)
            return file.read(length)


def _number(entries: Mapping[str, str], key: str) -> int | None:
    """Return the number of an entry, None without one; raise `ModelError` for other text."""
    value = entries.get(key)
    if value is not None and not _NUMBER.fullmatch(value):
        raise ModelError(f"its {key} {value[:80]!r} is not a number")
    return None if value is None else int(value)
