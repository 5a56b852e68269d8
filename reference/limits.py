"""What a decoder spends on a stream at most, whatever the stream claims."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DecodeLimits:
    """Bounds on one decode; what goes past one is a `StreamError` of category ``limit``.

    ``elements``, ``dimensions``: of one tensor, of which NumPy holds 64 dimensions at most; ``total_bytes``: of all decoded tensors and
    inflated topologies; ``units``: in the stream, those in aggregates included; ``depth``: of aggregates; ``inflate_ratio``: inflated
    over deflated bytes, of which deflate can reach 1032 (past the first ``inflate_floor`` bytes); ``seconds``: wall time, checked
    between tensors.
    """

    elements: int = 1 << 31
    dimensions: int = 64
    total_bytes: int = 1 << 34
    units: int = 1 << 20
    depth: int = 4
    inflate_ratio: int = 512
    inflate_floor: int = 1 << 20
    seconds: float = 3600.0
