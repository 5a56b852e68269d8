"""The table of limits in docs/decoder-protocol.md, held against every good vector that counts."""

import re
from collections import defaultdict
from math import prod
from pathlib import Path

import pytest
from helpers.report_documents import case
from helpers.vectors_of import SUITE

from nnc_conformance.reference.driver import Driver, Watcher
from nnc_conformance.reference.errors import Category
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.syntax.structures.data_unit import DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import Unit
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.stream_limits import BEYOND, LIMITS, OWN_LIMIT, limit_notes

PAGE = (Path(__file__).parents[2] / "docs" / "decoder-protocol.md").read_text()
SECTION = PAGE.partition("## Limits of streams")[2].partition("\n## ")[0]
TABLE = [[cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines() if line.startswith("| ")]
ROWS = {name: needed for name, needed, _, _ in TABLE}
REACHED = {name: set(re.findall("`(.+?)`", vectors)) for name, _, vectors, _ in TABLE if vectors.startswith("`")}
OWN = {name: own for name, _, _, own in TABLE}


class Most(Watcher):
    """The most of everything in a stream."""

    def __init__(self) -> None:
        self.met: dict[str, int] = defaultdict(int)

    def see(self, **values: int) -> None:
        self.met |= {name: max(self.met[name], value) for name, value in values.items()}

    def unit(self, unit: Unit, depth: int) -> None:
        self.met["units"] += 1
        self.see(unit=unit.size, depth=depth)
        header: DataUnitHeader | None = unit.data_unit_header
        if header is not None:
            self.see(dimensions=len(header.dimensions), elements=prod(header.dimensions), ids=len(header.ids))
            book = max((len(book.values) for book in (header.codebook, header.codebook_dc) if book is not None), default=0)
            self.see(codebook=book, entries=len(header.entry_points))
            self.see(id=max(len(name.encode()) for name in header.ids))


SAID = {
    "stream": "bytes of a stream",
    "unit": "bytes of a unit",
    "units": "units of a stream",
    "dimensions": "dimensions of a tensor",
    "elements": "elements of a tensor",
    "id": "bytes of an id",
    "ids": "ids of a unit",
    "codebook": "values of a codebook",
    "entries": "entry points of a unit",
    "session": "streams of a session",
    "output": "bytes of all output of a stream",
}
"""The rows of the page by what is counted here."""


@pytest.fixture(scope="module")
def met() -> dict[str, dict[str, int]]:
    """The most of everything in each vector that counts."""
    found: dict[str, dict[str, int]] = {}
    for stored in SUITE.vectors:
        if stored.vector.level not in (Level.CORE, Level.FULL):
            continue
        own = found[stored.vector.id] = defaultdict(int)
        streams, base = stored.streams(), None if stored.vector.edition == 2022 else BaseModel()
        for stream in streams:
            most = Most()
            driver = Driver(stream, most, DecoderOptions(base=base), values=len(streams) > 1)
            driver.run()
            base = driver.model if len(streams) > 1 else base
            most.see(stream=len(stream))
            own |= {name: max(own[name], value) for name, value in most.met.items()}
        own["session"] = len(streams)
        own["output"] = max(step.expected.size for step in stored.vector.steps if step.expected is not None)
    return found


def test_the_page_says_what_the_vectors_need(met: dict[str, dict[str, int]]) -> None:
    needed = {name: max(own[name] for own in met.values()) for name in (*SAID, "depth")}
    assert {name: ROWS[row].replace(",", "") for name, row in SAID.items()} == {name: str(needed[name]) for name in SAID}
    assert ROWS["depth of aggregates"].startswith(f"{needed['depth']};")


def test_vectors_that_reach_a_limit_say_so(met: dict[str, dict[str, int]]) -> None:
    limits = {limit.name: limit for limit in LIMITS}
    for name, row in SAID.items():
        limit = limits.pop(row)
        reaching = {vector for vector, own in met.items() if own[name] == limit.needed}
        assert limit.needed == max(own[name] for own in met.values())
        assert set(limit.vectors) <= reaching
        assert len(limit.vectors) == len(reaching) or len(limit.vectors) == 3
        assert REACHED[row] <= set(limit.vectors)
        note = f"a conforming decoder must support {limit.needed:,} {row}"
        assert all(note in limit_notes(case(vector)) for vector in limit.vectors)
    assert not limits
    assert limit_notes(case("unit-empty")) == ()


def test_vectors_beyond_limits_say_whose_these_are() -> None:
    negative = [stored.vector for stored in SUITE.vectors if stored.vector.level is Level.NEGATIVE and stored.vector.negative is not None]
    of_limits = [vector for vector in negative if vector.negative is not None and vector.negative.category is Category.LIMIT]
    assert {vector.negative.rule for vector in of_limits if vector.negative is not None} == {"dims-product", "limits"}
    spec = of_limits[0].negative
    assert spec is not None
    shown = case(of_limits[0].id, level=Level.NEGATIVE, rule=spec.rule, policy=spec.policy, category_expected=spec.category)
    assert limit_notes(shown) == (OWN_LIMIT,)
    assert limit_notes(case("huge-unit", level=Level.HUGE)) == (BEYOND,)


def test_the_page_says_what_the_reference_refuses() -> None:
    limits = DecodeLimits()
    assert OWN["units of a stream"] == f"{limits.units:,}"
    assert OWN["depth of aggregates"] == str(limits.depth)
    assert OWN["streams of a session"] == f"{limits.session_streams:,}"
    assert OWN["dimensions of a tensor"].split()[0] == str(limits.dimensions)
    assert (OWN["elements of a tensor"], OWN["bytes of all output of a stream"]) == ("2^31", "2^34")
    assert (limits.elements, limits.total_bytes, limits.inflate_floor) == (2**31, 2**34, 2**20)
    assert OWN["inflated bytes for each deflated byte"].startswith(f"{limits.inflate_ratio} ")
