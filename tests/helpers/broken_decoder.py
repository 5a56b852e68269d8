"""A command decoder with one wrong table entry: `broken_decoder.py TABLE PLACE STREAM OUTPUT`.

Exit codes as the protocol asks.
"""

import sys
from pathlib import Path

from nnc_conformance.reference.decoder import decode_with
from nnc_conformance.reference.entropy import tables
from nnc_conformance.reference.entropy.kernel_tables import make_tables
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.storage.tensors import write_tensors

WRONG = {
    "lps_range": lambda place: {"lps_range": [v + (i == place) for i, v in enumerate(tables.LPS_RANGE_TABLE)]},
    "state_trans": lambda place: {"state_trans": [row[::-1] if i == place else row for i, row in enumerate(tables.STATE_TRANS_TAB)]},
}


def main(table: str, place: str, stream: str, output: str) -> int:
    try:
        decoded = decode_with(Path(stream).read_bytes(), DecoderOptions(tables=make_tables(**WRONG[table](int(place)))))
    except NNCError:
        return 65
    write_tensors(Path(output), decoded.parameters)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
