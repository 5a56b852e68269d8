"""Opens zip archives from untrusted sources.

What they unpack to is judged before any of it is unpacked.
"""

import io
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nnc_conformance.reference.errors import ModelError

MOST_MEMBERS: Final = 1 << 20
MOST_BYTES: Final = 1 << 34
"""Bytes that an archive may unpack to, unless its reader allows fewer."""
FREE_BYTES: Final = 1 << 28
"""Bytes that an archive may unpack to whatever its own size."""
MOST_RATIO: Final = 100
"""Times its own size that an archive may unpack to beyond `FREE_BYTES`; deflate reaches 1032."""
ZIP_START: Final = b"PK\x03\x04"
"""First bytes of an archive that has members."""
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, struct.error, ValueError, OSError, EOFError, RuntimeError, NotImplementedError)


@contextmanager
def opened_zip(data: bytes, what: str, *, max_bytes: int = MOST_BYTES) -> Iterator[zipfile.ZipFile]:
    """Open an archive whose members unpack to a bounded size.

    Turn errors of reading it into `ModelError`.

    Members may be stored or deflated. Refused are members that overlap, two of the same name, more
    than `MOST_MEMBERS`, and more unpacked bytes than ``max_bytes``, or than `MOST_RATIO` times the
    size of the archive (`FREE_BYTES` in any case).

    Args:
        data: The archive.
        what: Its name in errors, such as "the .npz".
        max_bytes: The most bytes that all members may unpack to.
    """
    try:
        if data.startswith(ZIP_START) and not zipfile.is_zipfile(io.BytesIO(data)):
            raise ModelError(f"{what} cannot be read: it is cut off: its {len(data)} bytes lack the directory at the end of an archive")
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check(archive.infolist(), len(data), what, max_bytes)
            yield archive
    except _DAMAGE as error:
        raise ModelError(f"{what} cannot be read: {error}") from None


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Read a member, and unpack no more than the size that its header states.

    `ZipFile.read` unpacks more if the archive lies.
    """
    with archive.open(member) as file:
        return file.read(member.file_size)


def _check(members: list[zipfile.ZipInfo], size: int, what: str, max_bytes: int) -> None:
    """Raise `ModelError` if the members of a zip file are too many or too large.

    Members that overlap, have equal names or use a rare compression are refused too.

    Args:
        members: The members as the directory lists them.
        size: Size of the file in bytes.
        what: The file in words, for messages.
        max_bytes: Largest sum of unpacked sizes.
    """
    unpacked = sum(member.file_size for member in members)
    if len(members) > MOST_MEMBERS or unpacked > max_bytes:
        raise ModelError(f"{what} has more than {MOST_MEMBERS} members or {max_bytes} bytes")
    if unpacked > max(FREE_BYTES, MOST_RATIO * size):
        raise ModelError(f"{what} has {size} bytes and unpacks to {unpacked}: if you trust it, unpack it and save it uncompressed")
    if sum(member.compress_size for member in members) > size:
        raise ModelError(f"{what} has members that overlap")
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
        raise ModelError(f"{what} cannot be read: only stored and deflated members are")
    name, count = Counter(member.filename for member in members).most_common(1)[0] if members else ("", 0)
    if count > 1:
        raise ModelError(f"{what} has {name!r} twice")
