"""The interoperability matrix without the peer: its selection, its judgement held against
stand-ins, and the documents of its last run.
"""

import csv
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import plain_decoder
import pytest
from helpers.peer_driver import PeerError
from interop import pages
from interop.cases import COMPOSER, ENCODER, PEER, Case
from interop.codec import Tensors, difference
from interop.judging import Outcome, Row, judged
from interop.materials import lost, parameters
from interop.pages import Versions, interop_page, stream_list
from interop.parts import MATRIX
from interop.selection import combined, select

from nnc_conformance.reference.interpretation import Interpretation

DOCS = Path(__file__).parents[2] / "docs"

CASE = Case(
    number=7,
    maker=COMPOSER,
    payload="INT",
    parts=(),
    codebook="none",
    dq=True,
    scan_order=0,
    unary_length=10,
    qp_density=2,
    qp=-8,
    qp_delta=0,
    shape=(5, 3),
    content="small",
    parameter_sets="default",
    rdo=False,
    carriage="alone",
)
FLOAT = replace(CASE, payload="FLOAT", dq=False)


class StandIn:
    """A codec that decodes as the plain decoder does under some switches, or refuses with some
    words.
    """

    def __init__(self, switches: dict[str, str] | None = None, words: str = "", spoiled: bool = False) -> None:
        self.switches, self.words, self.spoiled = switches, words, spoiled

    def encode(self, parameters: Mapping[str, np.ndarray], **options: Any) -> bytes:
        raise PeerError(self.words)

    def decode(self, stream: bytes) -> Tensors:
        if self.words:
            raise PeerError(self.words)
        try:
            tensors = plain_decoder.decode(stream, self.switches).parameters
        except plain_decoder.PlainError as error:
            raise PeerError(str(error)) from error
        return {name: values + 1 for name, values in tensors.items()} if self.spoiled else tensors


def verdict(case: Case, peer: StandIn) -> tuple[Outcome, str]:
    row = judged("a part", case, peer)
    return row.outcome, row.reason


def test_a_codec_that_decodes_alike_agrees() -> None:
    assert verdict(CASE, StandIn()) == (Outcome.AGREE, "")
    assert verdict(replace(FLOAT, maker=ENCODER), StandIn()) == (Outcome.AGREE, "")


@pytest.mark.parametrize(
    ("changes", "switches"),
    [
        ({}, {"int_dq_flag": "ignored"}),
        ({"dq": False, "carriage": "data format"}, {"data_format": "ignored"}),
        ({"carriage": "data format"}, {"int_dq_flag": "ignored", "data_format": "ignored"}),
        ({"carriage": "pruning map"}, {"map_entries": "count-minus-1", "int_dq_flag": "ignored"}),
        ({"dq": False, "shape": (20, 1), "scan_order": 1}, {"column_block_scan": "as-scan-0"}),
        ({"dq": False, "carriage": "dirty alignment"}, {"alignment_bits": "checked"}),
    ],
)
def test_other_choices_are_named(changes: dict[str, Any], switches: dict[str, str]) -> None:
    named = ", ".join(f"{name}={choice}" for name, choice in switches.items())
    wanted = (Outcome.UNEXPLAINED, "") if "alignment_bits" in switches else (Outcome.DISPUTED, named)
    assert verdict(replace(CASE, **changes), StandIn(switches)) == wanted


def test_other_values_are_not_explained_away() -> None:
    assert verdict(CASE, StandIn(spoiled=True)) == (Outcome.UNEXPLAINED, "")
    assert verdict(FLOAT, StandIn(spoiled=True)) == (Outcome.UNEXPLAINED, "")


def test_a_refusal_is_a_limit_only_where_the_case_meets_it() -> None:
    words = "NotImplementedError: Decoding of NNR_AGG Units not yet implemented!"
    assert verdict(replace(FLOAT, carriage="in an aggregate"), StandIn(words=words))[0] is Outcome.PEER_CANNOT
    assert verdict(FLOAT, StandIn(words=words)) == (Outcome.UNEXPLAINED, "")
    assert verdict(replace(FLOAT, carriage="in an aggregate"), StandIn(words="no answer to decode in 20 s")) == (Outcome.UNEXPLAINED, "")


def test_what_the_peer_does_not_encode_goes_to_the_plain_decoder() -> None:
    column = replace(FLOAT, maker=PEER, shape=(23, 1), scan_order=1)
    row = judged("a part", column, StandIn(words="KeyError: 'cabac_entry_point_list'"))
    assert (row.outcome, row.decoders) == (Outcome.PEER_CANNOT, "reference, plain")
    assert judged("a part", replace(column, shape=(9, 13)), StandIn(words="KeyError: 'other'")).outcome is Outcome.UNEXPLAINED


def test_an_encoder_that_loses_what_it_was_given_is_found() -> None:
    for case in (replace(CASE, dq=False), replace(FLOAT, qp_delta=3), replace(FLOAT, dq=True, content="to 2^24")):
        source = parameters(case)
        assert not lost(case, source)
        assert lost(case, {name: np.where(values == values.max(), values.min() - 1, values) for name, values in source.items()})


def test_difference_is_bit_for_bit() -> None:
    ours = {"w": np.array([0.0, 1.0], np.float32)}
    assert not difference(ours, {"w": np.array([0.0, 1.0], np.float64)})
    assert difference(ours, {"w": np.array([-0.0, 1.0], np.float32)})
    assert difference(ours, {"w": np.array([[0.0, 1.0]], np.float32)})
    assert difference(ours, {"w": np.array([0, 1], np.int32)})
    assert difference(ours, {})


def test_a_selection_has_every_pair_that_can_meet_and_none_that_cannot() -> None:
    factors = {"a": (0, 1, 2), "b": (0, 1, 2, 3), "c": ("x", "y"), "d": (False, True)}
    possible = lambda row: row["a"] != row["b"] and not (row["c"] == "x" and row["d"])  # noqa: E731
    everything = [dict(zip(factors, levels, strict=True)) for levels in product(*factors.values())]
    wanted = {pair for row in everything if possible(row) for pair in combined(row, 2)}
    rows = select(factors, possible, 16, 3)
    assert all(possible(row) for row in rows)
    assert {pair for row in rows for pair in combined(row, 2)} == wanted
    assert len(rows) == 16 < len([row for row in everything if possible(row)])
    assert select(factors, possible, 16, 3) == rows


def test_the_page_counts_rows_and_shows_what_is_unexplained(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = {name: (getattr(FLOAT, name),) for name in MATRIX[0].levels} | {"dq": (False, True)}
    monkeypatch.setattr(pages, "MATRIX", (replace(MATRIX[0], levels=levels),))
    part = MATRIX[0].name
    rows = [
        Row(part, FLOAT, 30, Outcome.AGREE, "", "", "reference, peer, plain"),
        Row(part, replace(FLOAT, number=8), 31, Outcome.PEER_CANNOT, "a limit", "Error: a | b", "reference, plain"),
        Row(part, replace(FLOAT, number=9), 32, Outcome.UNEXPLAINED, "", "w has other values", "reference, plain"),
    ]
    page = interop_page(rows, Versions("codec 1", "0.1", "3.11"))
    assert f"| {part} | the peer's encoder | 3 | 1 | 0 | 1 | 1 | 91 of 104 |" in page
    assert "| FLOAT | 3 | 1 | 0 | 1 | 1 |" in page
    assert "| a limit | 1 | #8 | `Error: a \\| b` |" in page
    assert "| #9 | w has other values |" in page
    listed = list(csv.DictReader(stream_list(rows).splitlines()))
    assert [row["outcome"] for row in listed] == ["agree", "peer cannot", "unexplained"]


def test_the_last_run_left_no_stream_unexplained() -> None:
    with (DOCS / "interop-streams.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(part.count for part in MATRIX) >= 500
    assert {row["outcome"] for row in rows} == {"agree", "disputed", "peer cannot"}
    assert all(row["reason"] for row in rows if row["outcome"] != "agree")
    assert f"streams: {len(rows)}" in (DOCS / "interop.md").read_text()


def test_every_disputed_point_is_told() -> None:
    page = (DOCS / "disputed.md").read_text()
    for switch, choices in Interpretation.switches(2024).items():
        assert f"--interpretation {switch}=" in page
        assert all(f"- `{choice.value}`" in page for choice in choices)
    linked = {line.split("](../")[1].split(")")[0] for line in page.splitlines() if "](../vectors" in line}
    published = {str(path.relative_to(DOCS.parent)) for path in (DOCS.parent / "vectors" / "disputed").glob("*/vector.json")}
    assert linked == published, "nox -s interop writes the page anew"
