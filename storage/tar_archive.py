"""Archives in which each content has exactly one form.

They are POSIX ustar, stored, with regular files only and names ascending after the first two.

Reading takes nothing but that form, so every link, device, path that leads out, extension header,
changed field and byte of padding is found. Nothing is compressed, so nothing can unpack to more
than the file's own size.
"""

import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from nnc_conformance.reference.errors import NNCError

BLOCK: Final = tarfile.BLOCKSIZE
END: Final = bytes(2 * BLOCK)
MAX_MEMBERS: Final = 1 << 18
LEADING: Final = 2
"""Members that come first, whatever their names, because they are read first."""
_WORD: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_NAME: Final = re.compile(rf"{_WORD}(/{_WORD})*")
_SIZE_FIELD: Final = slice(124, 136)
_KINDS: Final = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"5": "a folder",
    b"6": "a pipe",
    b"x": "an extension header",
    b"g": "an extension header",
    b"L": "an extension header",
    b"K": "an extension header",
    b"S": "a sparse file",
}


class ArchiveError(NNCError):
    """An archive is not in the one form that is accepted."""


@dataclass(frozen=True)
class Member:
    """A file in an archive: name, offset of its first byte, size in bytes."""

    name: str
    offset: int
    size: int


def header(name: str, size: int) -> bytes:
    """Return the header of a file.

    Raise `ArchiveError` for a name that is not a plain relative path in ASCII.
    """
    if not _NAME.fullmatch(name):
        raise ArchiveError(f"the name {name!r} is not a plain relative path of letters, digits and . _ -")
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    try:
        return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")
    except ValueError as error:
        raise ArchiveError(f"{name!r}: {error}") from None


def archive_pieces(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield the archive of ``files`` piece by piece, in the given order."""
    for name, data in files:
        yield header(name, len(data))
        yield data
        yield bytes(-len(data) % BLOCK)
    yield END


def members(file: BinaryIO) -> Iterator[Member]:
    """Yield the members of the archive in ``file``, reading only headers and padding.

    Raise `ArchiveError`.
    """
    total = file.seek(0, os.SEEK_END)
    position, last = 0, ""
    for number in range(MAX_MEMBERS + 1):
        file.seek(position)
        block = file.read(BLOCK)
        if len(block) == BLOCK and not any(block):
            break
        member = _member(block, position)
        if number > LEADING and member.name <= last:
            raise ArchiveError(f"{member.name!r} comes after {last!r}; names must be sorted and unique")
        end = member.offset + member.size
        position = end + -end % BLOCK
        if number == MAX_MEMBERS or position + len(END) > total:
            raise ArchiveError(f"{member.name!r} claims {member.size} bytes, more than the archive has left")
        file.seek(end)
        if any(file.read(position - end)):
            raise ArchiveError(f"the padding after {member.name!r} is not empty")
        last = member.name
        yield member
    file.seek(position)
    if file.read(len(END) + 1) != END:
        raise ArchiveError("the archive does not end with its two empty blocks")


def _member(block: bytes, position: int) -> Member:
    """Parse a file header of a tar archive into name, place and size.

    Raises `ArchiveError` unless it is the very header that we would write for the file.

    Args:
        block: The 512 bytes of the header.
        position: Its place in the archive, in bytes.
    """
    if len(block) != BLOCK or block[257:262] != b"ustar":
        kind = (
            "compressed data, but packages are uncompressed"
            if block[:2] in (b"\x1f\x8b", b"BZ", b"PK", b"\xfd7")
            else "something that is not a file header"
        )
        raise ArchiveError(f"at byte {position}: {kind}")
    prefix, last = (part.split(b"\0", 1)[0].decode("ascii", "replace") for part in (block[345:500], block[:100]))
    name = f"{prefix}/{last}" if prefix else last
    if (typeflag := block[156:157]) in _KINDS:
        raise ArchiveError(f"{name!r} is {_KINDS[typeflag]}, not a regular file")
    text = block[_SIZE_FIELD].rstrip(b"\0")
    if not re.fullmatch(rb"[0-7]{11}", text):
        raise ArchiveError(f"{name!r} has an unreadable size")
    size = int(text, 8)
    if header(name, size) != block:
        raise ArchiveError(f"the header of {name!r} is not canonical: mode, owner, time or another field was changed")
    return Member(name, position + BLOCK, size)


def read_member(file: BinaryIO, member: Member) -> bytes:
    """Read a member; raise `ArchiveError` if the archive has become shorter."""
    file.seek(member.offset)
    data = file.read(member.size)
    if len(data) != member.size:
        raise ArchiveError(f"{member.name!r} is truncated")
    return data
