"""One stream of the interoperability matrix: what it is to exercise."""

from dataclasses import dataclass
from math import prod
from typing import Final

Shape = tuple[int, ...]

PEER, ENCODER, COMPOSER = "peer", "encoder", "composer"
"""Who makes a stream: the peer; our encoder; our composer, with indexes, parameter sets and headers
given outright.
"""
LARGEST: Final = 1 << 24


@dataclass(frozen=True)
class Case:
    """One stream of the matrix.

    ``parts``: what an NNR_PT_BLOCK holds in addition to its weight, or in its place (DC);
    ``codebook``: the method of the encoder that designs it (the peer's mode 1 or 2, ours kmeans or
    integer), ``given`` from the composer; ``qp_delta``: of vectors for the encoders, of every
    tensor for the composer, ``least`` and ``greatest`` being the ends of its range; ``content``:
    what indexes are to be met (see `materials`); ``carriage``: the structures around the tensor
    (see `composing`).
    """

    number: int
    maker: str
    payload: str
    parts: tuple[str, ...]
    codebook: str
    dq: bool
    scan_order: int
    unary_length: int
    qp_density: int
    qp: int
    qp_delta: int | str
    shape: Shape
    content: str
    parameter_sets: str
    rdo: bool
    carriage: str

    @property
    def delta(self) -> int:
        """qp_delta as a number."""
        if isinstance(self.qp_delta, int):
            return self.qp_delta
        bound = 1 << (5 + self.qp_density)
        return {"least": -bound, "greatest": bound - 1}[self.qp_delta]

    @property
    def rows(self) -> int:
        """Rows of the weight's matrix."""
        return self.shape[0]

    @property
    def columns(self) -> int:
        """Columns of the weight's matrix."""
        return prod(self.shape[1:])

    @property
    def block_rows(self) -> int:
        """Block rows under the scan order; 1 for scan 0."""
        return -(-self.rows // (4 << self.scan_order)) if self.scan_order else 1
