"""What a caller sets for a decode or an encode: limits, a decoder's options, and the progress
callback.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from nnc_conformance.reference.entropy.kernel_tables import DEFAULT, Tables
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.updates.base_model import BaseModel

ProgressCallback = Callable[[int, int], None]
"""Progress callback: (done, total)."""


def no_progress(done: int, total: int) -> None:
    """Ignore progress."""


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


@dataclass(frozen=True)
class DecoderOptions:
    """How a stream is decoded.

    Args:
        interpretation: One choice for each disputed point.
        lenient: Forgive broken rules of policy ``may``.
        limits: Bounds on the decode.
        kernel: The kernel for codewords, ``fast`` or ``plain``.
        threads: Data units, or block rows with entry points, to decode at the same time.
        tables: Tables of the arithmetic coder; others than the standard's make a mutant.
        base: The model before the stream, whose history is used and kept up; None keeps none.
    """

    interpretation: Interpretation = field(default_factory=Interpretation)
    lenient: bool = False
    limits: DecodeLimits = field(default_factory=DecodeLimits)
    kernel: str = "fast"
    threads: int = 1
    tables: Tables = DEFAULT
    base: BaseModel | None = None
