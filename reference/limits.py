"""Bounds on what one decode may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DecodeLimits:
    """Bounds on one decode; going past one raises a `StreamError` of category ``limit``.

    Args:
        elements: Elements of one tensor.
        dimensions: Dimensions of one tensor; NumPy holds at most 64.
        total_bytes: Bytes of all decoded tensors and inflated topologies.
        units: Units in the stream, those in aggregates included.
        depth: Depth of nested aggregates.
        inflate_ratio: Inflated bytes per deflated byte past the first ``inflate_floor`` bytes;
            deflate can reach 1032.
        inflate_floor: Bytes to which any topology may inflate.
        seconds: Wall time in seconds, checked between tensors.
        session_streams: Streams of a session.
        session_bytes: Bytes of all streams of a session that one command reads.
    """

    elements: int = 1 << 31
    dimensions: int = 64
    total_bytes: int = 1 << 34
    units: int = 1 << 20
    depth: int = 4
    inflate_ratio: int = 512
    inflate_floor: int = 1 << 20
    seconds: float = 3600.0
    session_streams: int = 1 << 16
    session_bytes: int = 1 << 36
