"""The plain decoder refuses a stream that breaks a rule of the sheet, with the rule's category."""

from pathlib import Path

import pytest
from helpers.broken_streams import BROKEN, BROKEN_IDS, topology
from hypothesis import given
from hypothesis import strategies as some
from plain_decoder import PlainError, decode

from nnc_conformance.reference.syntax.rules import RULES


@pytest.mark.parametrize(("rule", "stream"), BROKEN, ids=BROKEN_IDS)
def test_a_broken_rule_is_refused_with_its_category(rule: str, stream: bytes) -> None:
    with pytest.raises(PlainError) as refusal:
        decode(stream)
    assert refusal.value.category == RULES[rule].category, refusal.value


def test_every_rule_is_broken_once() -> None:
    assert {rule for rule, _ in BROKEN} == {rule for rule, row in RULES.items() if row.edition == 2022} - {
        "alignment-zero",
        "map-entries",
        "limits",
    }, "two are of switches, one not of the stream"


def test_data_strings_that_do_not_end_or_go_on() -> None:
    for data, category in ((b"graph", "truncated"), (b"graph\0more", "size")):
        with pytest.raises(PlainError, match=category):
            decode(topology(0, 0, data), {"data_string": "st"})


SAMPLES = sorted((Path(__file__).parents[1] / "data" / "agreed-samples").glob("*.nnr"), key=lambda path: path.stat().st_size)[:60]


def unit_ends(stream: bytes) -> set[int]:
    """The places where a unit ends."""
    ends, at = set(), 0
    while at < len(stream):
        wide = stream[at] >> 7
        at += int.from_bytes(stream[at : at + 4 if wide else at + 2], "big") % (1 << (31 if wide else 15))
        ends.add(at)
    return ends


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_cut_stream_is_refused_but_at_the_end_of_a_unit(sample: Path) -> None:
    stream = sample.read_bytes()
    ends = unit_ends(stream)
    for cut in range(1, len(stream)):
        if cut in ends:
            decode(stream[:cut])
        else:
            with pytest.raises(PlainError, match="truncated"):
                decode(stream[:cut])


@given(some.sampled_from(SAMPLES), some.lists(some.tuples(some.integers(0, 1 << 16), some.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_stream_decodes_or_is_refused(sample: Path, damage: list[tuple[int, int]]) -> None:
    stream = bytearray(sample.read_bytes())
    for place, byte in damage:
        stream[place % len(stream)] = byte
    try:
        decode(bytes(stream))
    except PlainError as refusal:
        assert refusal.message
