"""Reads input files, up to a size limit.

These are files that users name, and untrusted files in folders from others.
"""

import errno
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO, Final

from nnc_conformance.reference.errors import ModelError

STANDARD_INPUT: Final = Path("/dev/stdin")
"""The path that stands for standard input, whatever the platform."""
MOST_BYTES: Final = 1 << 34
"""Bytes of the largest input, unless its reader sets a lower limit."""
_PIECE: Final = 1 << 20
"""Bytes read at a time from a file of unknown size."""


def read_bytes(path: Path, *, max_bytes: int = MOST_BYTES) -> bytes:
    """Read a file that a user named.

    It may be a link, a FIFO, a device or standard input.

    Raises `ModelError` for more than ``max_bytes``, before reading if the size is known; and
    `OSError`.
    """
    if path == STANDARD_INPUT:
        if sys.__stdin__ is None:
            raise OSError(errno.EBADF, "standard input is closed", os.fspath(path))
        return _up_to(sys.stdin.buffer, max_bytes, path)
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_size > max_bytes:
            raise ModelError(f"{path} has more than {max_bytes} bytes")
        return file.read() if stat.S_ISREG(status.st_mode) else _up_to(file, max_bytes, path)


def _up_to(file: BinaryIO, max_bytes: int, path: Path) -> bytes:
    """Read a file of unknown size to its end, piece by piece.

    Raise `ModelError` at more than ``max_bytes``.
    """
    pieces, size = [], 0
    while piece := file.read(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > max_bytes:
            raise ModelError(f"{path} has more than {max_bytes} bytes")
    return b"".join(pieces)


def read_regular(path: Path, *, max_bytes: int) -> bytes:
    """Read an untrusted regular file, without following links.

    Raises `ModelError` for a link, a FIFO, a device, a missing file, or more than ``max_bytes``.
    """
    try:
        handle = os.open(path, os.O_RDONLY | open_flags("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"))
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelError(f"{path.name} is not a regular file")
            data = file.read(min(status.st_size, max_bytes) + 1)
    except OSError as error:
        raise ModelError(f"{path.name}: {error.strerror or error}") from None
    if len(data) > max_bytes:
        raise ModelError(f"{path.name} has more than {max_bytes} bytes")
    return data


def open_flags(*names: str) -> int:
    """Return flags of `os.open` combined, without those that the platform lacks."""
    return sum(getattr(os, name, 0) for name in names)
