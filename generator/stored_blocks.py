"""RFC 1950 data made of stored blocks only: the same bytes from every build of every deflater."""

import zlib
from typing import Final

_LARGEST_BLOCK: Final = 65535
_HEADER: Final = b"\x78\x01"


def deflate_stored(data: bytes, block: int = _LARGEST_BLOCK) -> bytes:
    """Wraps ``data`` in stored blocks of ``block`` bytes at most, one at least."""
    pieces = [data[start : start + block] for start in range(0, len(data), block)] or [b""]
    blocks = [
        bytes([number == len(pieces) - 1]) + len(piece).to_bytes(2, "little") + (0xFFFF ^ len(piece)).to_bytes(2, "little") + piece
        for number, piece in enumerate(pieces)
    ]
    return _HEADER + b"".join(blocks) + zlib.adler32(data).to_bytes(4)
