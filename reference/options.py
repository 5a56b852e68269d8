"""Options of a decoder, and the progress callback."""

from collections.abc import Callable
from dataclasses import dataclass, field

from nnc_conformance.reference.entropy.kernel_tables import DEFAULT, Tables
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.updates.base_model import BaseModel

ProgressCallback = Callable[[int, int], None]
"""Progress callback: (done, total)."""


def no_progress(done: int, total: int) -> None:
    """Ignore progress."""


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
