"""Contents of an NNR_TPL or NNR_QNT, and inflating them."""

import zlib
from dataclasses import dataclass, field
from typing import Final

from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.syntax.context import PayloadError

CARRIAGE_ENTRY: Final = "nnr"
"""Key of the metadata entry in models whose tensors hold data units (Annex E)."""
CARRIAGE_KEYS: Final = frozenset({"edition", "parameter_sets", "coded"})
"""Keys of that entry."""


@dataclass(frozen=True)
class Topology:
    """The content of an NNR_TPL or NNR_QNT.

    Args:
        storage_format: topology_storage_format (Annexes A to D).
        data: Inflated data.
    """

    storage_format: int
    data: bytes


@dataclass
class LoadingNotes:
    """What does not come back as it is in a file of tensors; readers add to it.

    Args:
        left_out: Reasons by the names of what is not loaded.
        converted: What else than values changes, such as the byte order, by the names of tensors.
    """

    left_out: dict[str, str] = field(default_factory=dict)
    converted: dict[str, str] = field(default_factory=dict)


def without_terminator(data: bytes) -> bytes:
    """Remove the last byte of topology data if it is the only zero byte.

    Such a byte may only terminate a string (the disputed point ``data_string``).
    """
    return data[:-1] if data.find(b"\0") == len(data) - 1 else data


def inflate(data: bytes, limits: DecodeLimits) -> bytes:
    """Inflate RFC 1950 data.

    Raises:
        PayloadError: Rule ``deflate``, for damaged, incomplete or too large data.
    """
    most = min(limits.total_bytes, max(limits.inflate_floor, limits.inflate_ratio * len(data)))
    machine = zlib.decompressobj()
    try:
        inflated = machine.decompress(data, most)
    except zlib.error as error:
        raise PayloadError("deflate", f"not inflatable: {error}") from None
    if not machine.eof:
        fault = f"inflates to more than {most} bytes" if len(inflated) >= most else "the deflated data is cut"
        raise PayloadError("deflate", fault)
    if machine.unused_data:
        raise PayloadError("deflate", f"{len(machine.unused_data)} bytes after the deflated data")
    return inflated
