"""The table of limits in docs/decoder-protocol.md, held against every good vector that counts."""

import re
from collections import defaultdict
from math import prod
from pathlib import Path

import pytest
from helpers.vectors_of import SUITE

from nnc_conformance.reference.driver import Driver, Watcher
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.syntax.structures.data_unit import DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import Unit
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.vector import Level

PAGE = (Path(__file__).parents[2] / "docs" / "decoder-protocol.md").read_text()
ROWS = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \| [^|]+? \|$", PAGE.partition("## Limits of streams")[2].partition("\n## ")[0], re.M))
OWN = dict(re.findall(r"^\| ([^|]+?) \| [^|]+? \| ([^|]+?) \|$", PAGE.partition("## Limits of streams")[2].partition("\n## ")[0], re.M))


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
            self.see(id=max(len(name.encode()) for name in header.ids))


@pytest.fixture(scope="module")
def needed() -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for stored in SUITE.vectors:
        if stored.vector.level not in (Level.CORE, Level.FULL):
            continue
        streams, base = stored.streams(), None if stored.vector.edition == 2022 else BaseModel()
        for stream in streams:
            most = Most()
            driver = Driver(stream, most, DecoderOptions(base=base), values=len(streams) > 1)
            driver.run()
            base = driver.model if len(streams) > 1 else base
            most.see(stream=len(stream))
            found |= {name: max(found[name], value) for name, value in most.met.items()}
        output = max(step.expected.size for step in stored.vector.steps if step.expected is not None)
        found["output"] = max(found["output"], output)
    return found


def test_the_page_says_what_the_vectors_need(needed: dict[str, int]) -> None:
    said = {
        "stream": "bytes of a stream",
        "unit": "bytes of a unit",
        "units": "units of a stream",
        "dimensions": "dimensions of a tensor",
        "elements": "elements of a tensor",
        "id": "bytes of an id",
        "ids": "ids of a unit",
        "output": "bytes of all output of a stream",
    }
    assert {name: ROWS[row].replace(",", "") for name, row in said.items()} == {name: str(needed[name]) for name in said}
    assert ROWS["depth of aggregates"].startswith(f"{needed['depth']};")


def test_the_page_says_what_the_reference_refuses() -> None:
    limits = DecodeLimits()
    assert OWN["units of a stream"] == f"{limits.units:,}"
    assert OWN["depth of aggregates"] == str(limits.depth)
    assert OWN["dimensions of a tensor"].split()[0] == str(limits.dimensions)
    assert (OWN["elements of a tensor"], OWN["bytes of all output of a stream"]) == ("2^31", "2^34")
    assert (limits.elements, limits.total_bytes, limits.inflate_floor) == (2**31, 2**34, 2**20)
    assert OWN["inflated bytes for each deflated byte"].startswith(f"{limits.inflate_ratio} ")
