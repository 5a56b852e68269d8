"""Contents of an NNR_TPL or NNR_QNT: inflating them, and the tensor dimensions in them.

A topology is parsed only when a data unit lacks dimensions; ONNX is not imported before.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.syntax.context import PayloadError, Shapes
from nnc_conformance.reference.syntax.structures.topology import DEFLATE, NNR_TPL_NNEF, NNR_TPL_ONNX

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


def without_terminator(data: bytes) -> bytes:
    """Return topology data without a zero byte that is its last and its only one.

    Such a byte may be the terminator of a string, which is no part of it: the disputed point
    ``data_string``.
    """
    return data[:-1] if data.find(b"\0") == len(data) - 1 else data


class TopologyShapes(Mapping[str, tuple[int, ...]]):
    """Tensor dimensions by name in a topology, parsed at the first lookup.

    They are empty if the topology cannot be parsed.
    """

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    @cached_property
    def _shapes(self) -> Shapes:
        if self._topology.storage_format == NNR_TPL_ONNX:
            from nnc_conformance.reference.topology.onnx import parameter_shapes
        else:
            from nnc_conformance.reference.topology.nnef import parameter_shapes
        try:
            return parameter_shapes(self._topology.data)
        except ModelError:
            return {}

    def __getitem__(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def shapes_in(storage_format: int, data: bytes) -> Shapes:
    """Return the tensor dimensions in an inflated topology; empty for a format without a parser."""
    return TopologyShapes(Topology(storage_format, data)) if storage_format in (NNR_TPL_ONNX, NNR_TPL_NNEF) else {}


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


def topology_shapes(storage_format: int, compression_format: int, data: bytes) -> Shapes:
    """Return the tensor dimensions in topology_data.

    Raises:
        PayloadError: Rule ``deflate``, if it does not inflate.
    """
    return shapes_in(storage_format, inflate(data, DecodeLimits()) if compression_format == DEFLATE else data)
