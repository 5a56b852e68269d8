"""The reference decoder with one entry of its table of LPS ranges wrong by one: a decoder that no certificate may be given to."""

import numpy as np

from nnc_conformance.reference import decode as right
from nnc_conformance.reference.entropy.kernel_tables import make_tables
from nnc_conformance.reference.entropy.tables import LPS_RANGE_TABLE

PLACE = 17
WRONG = make_tables(lps_range=[value + (place == PLACE) for place, value in enumerate(LPS_RANGE_TABLE)])


def decode(stream: bytes) -> dict[str, np.ndarray]:
    """Returns the parameters by name."""
    return right(stream, tables=WRONG).parameters
