"""The reference decoder with one entry of its table of LPS ranges off by one: it must never get a
certificate.
"""

import numpy as np

from nnc_conformance.reference.decoder import decode_with
from nnc_conformance.reference.entropy.kernel_tables import make_tables
from nnc_conformance.reference.entropy.tables import LPS_RANGE_TABLE
from nnc_conformance.reference.options import DecoderOptions

PLACE = 17
WRONG = make_tables(lps_range=[value + (place == PLACE) for place, value in enumerate(LPS_RANGE_TABLE)])


def decode(stream: bytes) -> dict[str, np.ndarray]:
    """Return the parameters by name."""
    return decode_with(stream, DecoderOptions(tables=WRONG)).parameters
