"""Units: sizes in both forms, flags, empty parts, many units (clause 6)."""

from dataclasses import replace
from typing import Any

import numpy as np

from nnc_conformance.generator.composition import Coded, bits32, header, ndu, opening
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe, write
from nnc_conformance.reference.composer import ids_list, layer_parameter_set, model_parameter_set, start_unit, topology_unit
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_INT, NNR_PT_RAW_FLOAT
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_REFLIST, RAW
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_UNIT = ("6 nnr_unit",)
_HEADER = ("6 nnr_unit_header",)
_LONGEST_HEADER = 40
"""More bytes than the size and header of a unit made by `raw_of_size`."""

SMALL = Coded([3, -1, 0, 2, -5, 1])


def small(name: str = "w", **common: Any) -> Values:
    """Build a small NNR_PT_INT."""
    return ndu(header(NNR_PT_INT, name, (2, 3)), SMALL, **common)


def raw_of_size(size: int, numbers: Numbers, **common: Any) -> Values:
    """Build an NNR_NDU of raw floats of exactly ``size`` bytes.

    The numbers take most of the bytes; the tensor's name is as long as fills the rest.

    Args:
        size: Bytes of the unit, header included; large enough for the longest header.
        numbers: Draws the numbers.
        common: Elements of the unit header, by name.
    """
    count = (size - _LONGEST_HEADER) // 4
    values = numbers.words("values", count).view(np.float32)
    shortest = ndu(header(NNR_PT_RAW_FLOAT, "n", (count,)), values, **common)
    left = size - (len(write([*opening(), shortest])) - len(write(opening())))
    return ndu(header(NNR_PT_RAW_FLOAT, "n" * (1 + left), (count,)), values, **common)


def all_units(**common: Any) -> list[Values]:
    """Build one unit of each type that contains no inferred structure."""
    names = topology_unit(NNR_TPL_REFLIST, RAW, {"topology_elements_ids_list": ids_list(["a", "b"])}, **common)
    layer = layer_parameter_set(Quantization(1, -9), **common)
    number = ndu(header(NNR_PT_FLOAT, "b", (2, 3), Quantization(1, -9)), SMALL, **common)
    return [start_unit(**common), model_parameter_set(Quantization(0, -4), **common), names, small("a", **common), layer, number]


def alternating(_: Numbers) -> list[Values]:
    """Build units whose size fields alternate between both lengths."""
    units = all_units()
    return [unit | ({"nnr_unit_size_flag": 1} if number % 2 else {}) for number, unit in enumerate(units)]


def many(numbers: Numbers) -> list[Values]:
    """Build a hundred data units."""
    tensors = [numbers.quants(f"w{n}", n + 1, 180) for n in range(100)]
    return opening() + [ndu(header(NNR_PT_INT, f"w{n}", (n + 1,)), Coded(quants)) for n, quants in enumerate(tensors)]


def mixed_payloads(_: Numbers) -> list[Values]:
    """Build all payload types but a BLOCK, with a raw one in the middle."""
    return [
        *opening(),
        ndu(header(NNR_PT_FLOAT, "first", (2, 3)), SMALL),
        ndu(header(NNR_PT_RAW_FLOAT, "raw", (2,)), bits32(0x3F800000, 0xC0490FDB)),
        ndu(header(NNR_PT_INT, "int", (6,)), SMALL),
        ndu(replace(header(NNR_PT_FLOAT, "last", (3, 2)), dq_flag=True), SMALL),
    ]


RECIPES = (
    Recipe(
        id="unit-start-only",
        title="A stream of one NNR_STR",
        tests="A stream that holds nothing but its start unit decodes to no parameters.",
        catches="A decoder that wants at least one parameter set or data unit.",
        clauses=_UNIT,
        units=lambda _: [start_unit()],
    ),
    Recipe(
        id="unit-parameter-sets-only",
        title="Parameter sets and no data",
        tests="A stream without data units decodes to no parameters.",
        catches="A decoder that reads on after the last unit.",
        clauses=_UNIT,
        units=lambda _: [*opening(), layer_parameter_set(Quantization(3, -20))],
    ),
    Recipe(
        id="unit-size-15-bit-32767",
        title="The largest unit of a 15-bit size",
        tests="A unit of 32767 bytes has its size in 15 bits, all ones.",
        catches="A decoder that takes the top bit of the size for a sign, or compares with 32767 the wrong way.",
        clauses=_UNIT,
        units=lambda numbers: [*opening(), raw_of_size(32767, numbers), small()],
    ),
    Recipe(
        id="unit-size-31-bit-32766",
        title="A 31-bit size where 15 bits would do",
        tests="A unit of 32766 bytes may use the long size field.",
        catches="A decoder that chooses the form of the size field by the size.",
        clauses=_UNIT,
        units=lambda numbers: [*opening(), raw_of_size(32766, numbers, nnr_unit_size_flag=1), small()],
    ),
    Recipe(
        id="unit-size-31-bit-32768",
        title="The smallest unit that needs a 31-bit size",
        tests="A unit of 32768 bytes has its size in 31 bits.",
        catches="A decoder that reads only 15 bits of the size.",
        clauses=_UNIT,
        units=lambda numbers: [*opening(), raw_of_size(32768, numbers, nnr_unit_size_flag=1), small()],
    ),
    Recipe(
        id="unit-size-31-bit-65536",
        title="A size with its low 16 bits zero",
        tests="A unit of 65536 bytes needs more than 16 bits of size.",
        catches="A decoder that keeps the size in 16 bits.",
        clauses=_UNIT,
        units=lambda numbers: [
            *opening(),
            raw_of_size(65536, numbers, nnr_unit_size_flag=1),
            small(),
        ],
    ),
    Recipe(
        id="unit-size-31-bit-small",
        title="Long size fields on small units",
        tests="Every unit may use the 31-bit size, however small it is.",
        catches="A decoder that shifts the header by two bytes only where the size needs it, or misses the alignment of a name after it.",
        clauses=_UNIT,
        units=lambda _: all_units(nnr_unit_size_flag=1),
    ),
    Recipe(
        id="unit-size-alternating",
        title="Size fields of both lengths in turn",
        tests="The form of the size field is chosen for each unit.",
        catches="A decoder that keeps the form of the first unit for the whole stream.",
        clauses=_UNIT,
        units=alternating,
    ),
    Recipe(
        id="unit-independently-decodable",
        title="independently_decodable_flag on every unit",
        tests="independently_decodable_flag 1 changes nothing in the decoding of a whole stream.",
        catches="A decoder that reads a further element after the flag, or drops state at it.",
        clauses=_HEADER,
        units=lambda _: all_units(independently_decodable_flag=1),
    ),
    Recipe(
        id="unit-many",
        title="A hundred data units",
        tests="Units follow each other without gaps, each with contexts of its own.",
        catches="A decoder that carries contexts or bits over from one unit to the next.",
        clauses=_UNIT,
        level=Level.FULL,
        units=many,
    ),
    Recipe(
        id="unit-mixed-payload-types",
        title="Data units of different payload types",
        tests="A data unit follows one of another payload type, a raw one included.",
        catches="A decoder that takes all that follows a RAW_FLOAT for its data.",
        clauses=_UNIT,
        units=mixed_payloads,
    ),
)
