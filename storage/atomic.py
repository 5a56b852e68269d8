"""Files that appear whole or not at all."""

import fcntl
import hashlib
import os
from pathlib import Path
from typing import Final

_LONGEST: Final = 200
"""Bytes of a name that leave room for more, where 255 are the most."""


def write_bytes(path: Path, data: bytes) -> None:
    """Writes ``data`` beside ``path``, syncs it and renames it over ``path``; raises `OSError` that names it, leaving it as it was.

    The file beside it is ``.NAME.new``, or named by a hash where that would be too long. What a killed writer left there is taken over by
    the next one; two at once write in turn.
    """
    stem = os.fsencode(path.name)
    name = path.name if len(stem) <= _LONGEST else hashlib.sha256(stem).hexdigest()
    temporary = path.parent / f".{name}.new"
    try:
        with os.fdopen(_opened_alone(temporary), "wb") as file:
            try:
                file.truncate()
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


def _opened_alone(temporary: Path) -> int:
    """A descriptor of the file, made if need be and locked; one that its last writer renamed meanwhile is not taken."""
    while True:
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(handle), temporary.lstat()):
                return handle
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of ``text`` in UTF-8."""
    write_bytes(path, text.encode())
