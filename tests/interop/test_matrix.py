"""Sixty streams of the matrix through one process of the peer: none is left unexplained, and most
decode alike everywhere.
"""

import pytest
from helpers.peer_driver import Peer
from interop.cases import Case
from interop.disputes import Probe, choices_seen, measured, probes
from interop.judging import Outcome, judged
from interop.parts import Part, matrix

STREAMS = 60
CASES = matrix(STREAMS)
WITHOUT_DOUBT = ("their tensors", "their blocks", "our tensors, encoded", "our blocks, encoded")
SEEN = {
    "map_entries": "count-minus-1",
    "unification_class_loop": "upm_class_bitmask",
    "int_dq_flag": "ignored",
    "column_block_scan": "as-scan-0",
    "data_format": "ignored",
    "plain_product": "binary32",
    "codebook_product": "binary64",
    "data_string": "st",
    "alignment_bits": "any",
    "dimensions_count_0": "one-element",
    "zero_product": "nan",
}
"""The readings of the open codec in the specification sheet; its last row names none."""


def test_there_are_sixty() -> None:
    assert STREAMS <= len(CASES) < STREAMS + 10


@pytest.mark.parametrize(
    ("part", "case"), CASES, ids=[f"{part.name.replace(', ', ' ').replace(' ', '-')}-{case.number}" for part, case in CASES]
)
def test_a_stream_of_the_matrix(part: Part, case: Case, peer: Peer) -> None:
    row = judged(part.name, case, peer)
    assert row.outcome is not Outcome.UNEXPLAINED, row
    if part.name in WITHOUT_DOUBT:
        assert row.outcome is Outcome.AGREE, row


@pytest.mark.parametrize("probe", probes(), ids=lambda probe: probe.switch)
def test_the_peer_chooses_as_the_sheet_says(probe: Probe, peer: Peer) -> None:
    assert choices_seen(measured(probe, peer), probe.switch) == (SEEN[probe.switch],)


def test_one_process_did_it_all(peer: Peer) -> None:
    assert peer.starts == 1
