"""Units that end too early, where the first bytes of the next unit are just what they lack (clauses
6 and 10).

The next unit begins with its size: 0x00 if it is short, 0x80 if its size has 31 bits, 0x01 if it
has 256 to 511 bytes, 0x0080 if it has 128. A decoder that reads on past a unit's end finds nothing
wrong.
"""

from collections.abc import Callable

import numpy as np

from nnc_conformance.generator.composition import Coded, bits32, header, ndu, opening
from nnc_conformance.generator.editing import last_unit, with_last_size
from nnc_conformance.generator.negative import broken
from nnc_conformance.generator.recipe import Recipe, write
from nnc_conformance.generator.recipes.blocks import block_header
from nnc_conformance.generator.recipes.topology import reference_list
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.composer import layer_parameter_set, quantization_unit, start_unit, topology_unit
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import BI, DC, LS, NNR_PT_FLOAT, NNR_PT_INT, NNR_PT_RAW_FLOAT
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_UNREC, RAW
from nnc_conformance.reference.syntax.walker import Values

_QP_00 = Quantization(0, -256)
"""A qp whose last eight bits are 0."""
_QP_128_BYTES = 128
_SHORT = small("after")
_LONG = small("after", nnr_unit_size_flag=1)
_SEARCHED = 4096
"""Tensors that `ending` tries."""


def raw_of(size: int) -> Values:
    """Build a RAW_FLOAT data unit of exactly ``size`` bytes.

    Its name is as long as needed, since numbers take four bytes each. Raises `LookupError` if none
    has this size.
    """
    for length in range(1, 5):
        for count in range(1, size):
            unit = ndu(header(NNR_PT_RAW_FLOAT, "n" * length, (count,)), np.zeros(count, np.float32))
            if (found := len(write([*opening(), unit])) - len(write(opening()))) >= size:
                break
        if found == size:
            return unit
    raise LookupError(f"no RAW_FLOAT has {size} bytes")


def ending(byte: int, unit_of: Callable[[int], Values]) -> Values:
    """Return the first of the units of 0, 1, ...

    whose codeword ends with a byte.

    Raises `LookupError` if none does.

    Args:
        byte: The byte.
        unit_of: Makes the unit of a number.
    """
    for number in range(_SEARCHED):
        unit = unit_of(number)
        if unit["nnr_unit_payload"]["cabac_codeword"][-1] == byte:
            return unit
    raise LookupError(f"no codeword ends with {byte:#04x}")


def integers(number: int) -> Values:
    """Build an INT of three indexes."""
    return ndu(header(NNR_PT_INT, "w", (3,)), Coded([number % 16, -(number // 16 % 16), number // 256]))


def dependent(number: int) -> Values:
    """Build a FLOAT of three indexes with dependent quantization."""
    return ndu(header(NNR_PT_FLOAT, "w", (3,), dq_flag=True), Coded([number % 16, -(number // 16 % 16), number // 256]))


def block(number: int) -> Values:
    """Build a BLOCK of a weight and two vectors."""
    head = block_header(LS | BI, (2, 2))
    return ndu(head, {"w": Coded([number % 16, 1, -1, number // 16]), "ls": Coded([1, 2]), "bias": Coded([0, -3])})


def decomposed(number: int) -> Values:
    """Build a decomposed BLOCK."""
    head = block_header(DC, (2, 2), decomposition_rank=1, g_number_of_rows=2)
    return ndu(head, {"w_G": Coded([1, -2]), "w_H": Coded([number % 16, number // 16])})


def lacking(rule: str, name: str, *, title: str, element: str, missing: int, units: list[Values], after: Values | list[Values]) -> Recipe:
    """Build the recipe of a last unit that ends early before bytes that would fit."""
    following = after if isinstance(after, list) else [after]

    def edit(stream: bytes) -> bytes:
        start = last_unit(stream)
        kept = stream[:-missing]
        return with_last_size(kept, start, len(kept) - start) + write([*units, *following])[len(stream) :]

    return broken(
        rule,
        name,
        title=title,
        catches="A decoder that reads on into the next unit: what it finds there fits.",
        element=element,
        units=units,
        edit=edit,
    )


_CODEWORD = "cabac_codeword"
_RAW = "raw_float32_parameter"

RECIPES = (
    lacking(
        "header-in-unit",
        "str-next-fits",
        title="An NNR_STR without its profile, which the next unit's first byte could be",
        element="general_profile_idc",
        missing=1,
        units=[start_unit()],
        after=[opening()[1], small()],
    ),
    lacking(
        "header-in-unit",
        "mps-alignment-next-fits",
        title="An NNR_MPS without its byte_alignment(), which the next unit's first byte could be",
        element="byte_alignment",
        missing=1,
        units=opening(),
        after=_LONG,
    ),
    lacking(
        "header-in-unit",
        "mps-qp-next-fits",
        title="An NNR_MPS without the end of its qp, which the next unit's first byte could be",
        element="mps_quantization_parameter",
        missing=2,
        units=opening(_QP_00),
        after=raw_of(_QP_128_BYTES),
    ),
    lacking(
        "header-in-unit",
        "lps-alignment-next-fits",
        title="An NNR_LPS without its byte_alignment(), which the next unit's first byte could be",
        element="byte_alignment",
        missing=1,
        units=[*opening(), layer_parameter_set(Quantization(2, -9))],
        after=_LONG,
    ),
    lacking(
        "header-in-unit",
        "lps-qp-next-fits",
        title="An NNR_LPS without the end of its qp, which the next unit's first byte could be",
        element="lps_quantization_parameter",
        missing=2,
        units=[*opening(), layer_parameter_set(_QP_00)],
        after=raw_of(_QP_128_BYTES),
    ),
    lacking(
        "header-in-unit",
        "tpl-next-fits",
        title="An NNR_TPL without its compression format, which the next unit's first byte could be",
        element="topology_compression_format",
        missing=1,
        units=[*opening(), topology_unit(NNR_TPL_UNREC, RAW, {"topology_data": b""})],
        after=_SHORT,
    ),
    lacking(
        "header-in-unit",
        "qnt-next-fits",
        title="An NNR_QNT without its compression format, which the next unit's first byte could be",
        element="quantization_compression_format",
        missing=1,
        units=[*opening(), quantization_unit(NNR_TPL_UNREC, RAW, b"")],
        after=_SHORT,
    ),
    lacking(
        "string-end",
        "list-short-next-fits",
        title="A list whose last id is missing, which the next unit's zero byte could be",
        element="topology_elem_id_list",
        missing=1,
        units=[*opening(), reference_list(["a", ""])],
        after=_SHORT,
    ),
    lacking(
        "cabac-end",
        "int-next-fits",
        title="A codeword of an INT without its last byte, which the next unit's first byte could be",
        element=_CODEWORD,
        missing=1,
        units=[*opening(), ending(0x80, integers)],
        after=_LONG,
    ),
    lacking(
        "cabac-end",
        "int-next-of-256-bytes-fits",
        title="A codeword of an INT without its last byte, 0x01, before a unit of 256 bytes",
        element=_CODEWORD,
        missing=1,
        units=[*opening(), ending(0x01, integers)],
        after=raw_of(256),
    ),
    lacking(
        "cabac-end",
        "float-dq-next-fits",
        title="A codeword with dependent quantization without its last byte, which the next unit's first byte could be",
        element=_CODEWORD,
        missing=1,
        units=[*opening(), ending(0x80, dependent)],
        after=_LONG,
    ),
    lacking(
        "cabac-end",
        "block-next-fits",
        title="A BLOCK's codeword without its last byte, which the next unit's first byte could be",
        element=_CODEWORD,
        missing=1,
        units=[*opening(), ending(0x80, block)],
        after=_LONG,
    ),
    lacking(
        "cabac-end",
        "decomposed-next-fits",
        title="A decomposed BLOCK's codeword without its last byte, which the next unit's first byte could be",
        element=_CODEWORD,
        missing=1,
        units=[*opening(), ending(0x80, decomposed)],
        after=_LONG,
    ),
    lacking(
        "raw-size",
        "next-fits",
        title="A RAW_FLOAT without its last byte, which the next unit's first byte could be",
        element=_RAW,
        missing=1,
        units=[*opening(), ndu(header(NNR_PT_RAW_FLOAT, "w", (2,)), bits32(0x3F800000, 0x80000000))],
        after=_LONG,
    ),
    lacking(
        "raw-size",
        "next-number-fits",
        title="A RAW_FLOAT without its last number, which the next unit's first four bytes could be",
        element=_RAW,
        missing=4,
        units=[*opening(), ndu(header(NNR_PT_RAW_FLOAT, "w", (2,)), bits32(0x3F800000, 0x3F800000))],
        after=_LONG,
    ),
)
