"""RFC 1950 data built without a deflater, whose output could change with its version."""

import zlib
from typing import Final

_LARGEST_BLOCK: Final = 65535
_HEADER: Final = b"\x78\x01"
_LONGEST_MATCH: Final = 258
_RUN_OF_ZEROS: Final = 18
"""The symbol for 11 to 138 unused codes."""
_ADLER_MODULUS: Final = 65521


def deflate_stored(data: bytes, block: int = _LARGEST_BLOCK) -> bytes:
    """Return data as RFC 1950 data that are not compressed: in stored blocks.

    Args:
        data: The data.
        block: The most bytes of a block.
    """
    pieces = [data[start : start + block] for start in range(0, len(data), block)] or [b""]
    blocks = [
        bytes([number == len(pieces) - 1]) + len(piece).to_bytes(2, "little") + (0xFFFF ^ len(piece)).to_bytes(2, "little") + piece
        for number, piece in enumerate(pieces)
    ]
    return _HEADER + b"".join(blocks) + zlib.adler32(data).to_bytes(4)


def deflate_bomb(size: int) -> bytes:
    """Build RFC 1950 data that inflates to about ``size`` letters a.

    It spends two bits on each 258 letters, the highest ratio that deflate allows: one block with
    its own code lengths, two bits for a literal or the end, one bit for the longest match and one
    for the nearest distance.
    """
    matches = (size - 1) // _LONGEST_MATCH
    lengths = [(_RUN_OF_ZEROS, 86), (2, 0), (_RUN_OF_ZEROS, 127), (_RUN_OF_ZEROS, 9), (2, 0), (_RUN_OF_ZEROS, 17), (1, 0), (1, 0)]
    codes = {_RUN_OF_ZEROS: "0", 1: "10", 2: "11"}
    of_codes = {_RUN_OF_ZEROS: 1, 1: 2, 2: 2}
    order = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1)
    bits = "1" + _number(2, 2) + _number(29, 5) + _number(0, 5) + _number(len(order) - 4, 4)
    bits += "".join(_number(of_codes.get(symbol, 0), 3) for symbol in order)
    bits += "".join(codes[symbol] + (_number(run, 7) if symbol == _RUN_OF_ZEROS else "") for symbol, run in lengths)
    bits += "10" + "00" * matches + "11"
    bits += "0" * (-len(bits) % 8)
    block = bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
    count = 1 + _LONGEST_MATCH * matches
    low = (1 + count * ord("a")) % _ADLER_MODULUS
    high = (count + ord("a") * count * (count + 1) // 2) % _ADLER_MODULUS
    return _HEADER + block + (high << 16 | low).to_bytes(4)


def _number(value: int, bits: int) -> str:
    """Return a number's bits, least significant first."""
    return f"{value:0{bits}b}"[::-1]
