"""partial_data_counter: sets of one unit, and sets whose payloads are joined, which is inferred
(clause 6).
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.editing import header_of
from nnc_conformance.generator.facts import met_in
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe, write
from nnc_conformance.generator.recipes.blocks import block_header, block_stream
from nnc_conformance.generator.recipes.topology import reference_list, singles
from nnc_conformance.generator.recipes.units import all_units, small
from nnc_conformance.reference.composer import aggregate_unit, split_unit
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import BI, LS, NNR_PT_FLOAT, NNR_PT_RAW_FLOAT
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_HEADER = ("6 nnr_unit_header",)


def payload_bytes(units: list[Values]) -> bytes:
    """Return the payload bytes of the last unit."""
    stream = write(units)
    last = met_in(stream).units[-1]
    return stream[last.payload_pieces[0][1] >> 3 : last.offset + last.size]


def split(before: list[Values], whole: Values, pieces: list[int]) -> list[Values]:
    """Split a unit into partial data, cut after these numbers of payload bytes."""
    return [*before, *split_unit(whole, payload_bytes([*before, whole]), pieces)]


def sets_of_one(units: list[Values]) -> list[Values]:
    """Make every unit a set of its own."""
    return [split(units[:number], unit, [])[-1] for number, unit in enumerate(units)]


def float_units(numbers: Numbers, cuts: int) -> list[Values]:
    """Build a FLOAT in many pieces of one byte, then one that is whole."""
    whole = ndu(header(NNR_PT_FLOAT, "w", (30, 20)), Coded(numbers.quants("w", 600, 200)))
    return [*split(opening(), whole, list(range(1, cuts + 1))), small("after")]


def raw_units(numbers: Numbers) -> list[Values]:
    """Build a RAW_FLOAT cut within its numbers."""
    whole = ndu(header(NNR_PT_RAW_FLOAT, "w", (3, 4)), numbers.words("w", 12).view(np.float32))
    return [*split(opening(), whole, [1, 7, 30]), small("after")]


def empty_pieces(numbers: Numbers) -> list[Values]:
    """Build a set with some empty pieces."""
    whole = ndu(header(NNR_PT_FLOAT, "w", (40,)), Coded(numbers.quants("w", 40, 200)))
    return [*split(opening(), whole, [0, 5, 5, 9]), small("after")]


def block_units(numbers: Numbers) -> list[Values]:
    """Build a BLOCK in three pieces."""
    *before, whole = block_stream(block_header(LS | BI, (6, 8), dq_flag=True), numbers)
    return [*split(before, whole, [4, 11]), small("after")]


def list_units(_: Numbers) -> list[Values]:
    """Build a reference list in two pieces."""
    names = ["first", "second", "third"]
    return [*split(opening(indexed_references=True), reference_list(names), [7]), *singles(names, [1, 2])]


def large_pieces(numbers: Numbers) -> list[Values]:
    """Build a RAW_FLOAT in one short and two long pieces with differing flags."""
    whole = ndu(header(NNR_PT_RAW_FLOAT, "w", (17_000,)), numbers.words("w", 17_000).view(np.float32), nnr_unit_size_flag=1)
    *before, first, second, third = split(opening(), whole, [1000, 34_500])
    short = {name: value for name, value in first.items() if name != "nnr_unit_size_flag"}
    return [*before, short, header_of(second, independently_decodable_flag=1), third, small("after")]


def in_aggregate(numbers: Numbers) -> list[Values]:
    """Build an aggregate of sets: of one unit each, and a FLOAT in three pieces."""
    before = all_units()
    whole = ndu(header(NNR_PT_FLOAT, "w", (30, 20), Quantization(1, -9)), Coded(numbers.quants("w", 600, 200)))
    first, *ones = sets_of_one(before)
    return [first, aggregate_unit([*ones, *split(before, whole, [3, 90])[len(before) :]]), small("after")]


def joined(name: str, *, title: str, tests: str, catches: str, units: Callable[[Numbers], list[Values]]) -> Recipe:
    """Build a recipe of level inferred for a stream with partial data.

    Args:
        name: The end of the vector's id.
        title: The vector's title.
        tests: What it tests.
        catches: The faults that it catches.
        units: Makes all units of the stream, already split into pieces.
    """
    return Recipe(
        id=f"partial-{name}",
        title=title,
        tests=tests,
        catches=catches,
        clauses=_HEADER,
        units=units,
        level=Level.INFERRED,
    )


RECIPES = (
    Recipe(
        id="partial-set-of-one",
        title="partial_data_counter 0",
        tests="A set of one unit is that unit: the counter may be there with nothing to count.",
        catches="A decoder that misses the eight bits of the counter, or waits for more.",
        clauses=_HEADER,
        units=lambda _: [*split(opening(), small("a"), []), small("b")],
    ),
    Recipe(
        id="partial-set-of-one-all-types",
        title="partial_data_counter 0 on every unit",
        tests="Every unit type may have the counter, before its own header.",
        catches="A decoder that looks for the counter in data units only, or takes a name for unaligned after it.",
        clauses=_HEADER,
        units=lambda _: sets_of_one(all_units()),
    ),
    joined(
        "float",
        title="A FLOAT in four units",
        tests="The payload bytes of a set are one codeword.",
        catches="A decoder that decodes each unit by itself.",
        units=partial(float_units, cuts=3),
    ),
    joined(
        "float-256",
        title="A FLOAT in 256 units",
        tests="Counters from 255 to 0.",
        catches="A decoder that keeps the counter signed.",
        units=partial(float_units, cuts=255),
    ),
    joined(
        "raw",
        title="A RAW_FLOAT cut within numbers",
        tests="Pieces need not end with a number.",
        catches="A decoder that copies piece by piece.",
        units=raw_units,
    ),
    joined(
        "empty-pieces",
        title="Pieces without bytes",
        tests="A unit of a set may be empty.",
        catches="A decoder that refuses an empty payload.",
        units=empty_pieces,
    ),
    joined(
        "block",
        title="A BLOCK in three units",
        tests="A BLOCK is joined like any data unit.",
        catches="A decoder that looks for a tensor in each unit.",
        units=block_units,
    ),
    joined(
        "large-pieces",
        title="A RAW_FLOAT in pieces of more than 32767 bytes",
        tests="Pieces have sizes of 31 bits and of 15, and independently_decodable_flag of both values.",
        catches="A decoder that expects the pieces of a set to look alike, or joins them in a buffer for small ones.",
        units=large_pieces,
    ),
    joined(
        "in-aggregate",
        title="Sets of partial data in an aggregate",
        tests="Parameter sets, a list and tensors of an aggregate have counters; one of its tensors is sent in three pieces.",
        catches="A decoder that counts each piece for a unit of the stream, or joins no units of an aggregate.",
        units=in_aggregate,
    ),
    joined(
        "reflist",
        title="A reference list in two units",
        tests="Other units are joined too.",
        catches="A decoder that joins data units only.",
        units=list_units,
    ),
)
