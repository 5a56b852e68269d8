"""Streams that break a rule of a data unit's payload (clauses 6, 9 and 10)."""

from collections.abc import Callable, Iterator
from typing import Any

from nnc_conformance.generator.composition import Coded, bits32, book, header, ndu, opening
from nnc_conformance.generator.editing import cut, extended, flipped, header_of, payload_of
from nnc_conformance.generator.facts import met_in
from nnc_conformance.generator.negative import broken, codeword
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.blocks import block_header
from nnc_conformance.generator.recipes.scans import scanned
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import BI, NNR_PT_FLOAT, NNR_PT_INT, NNR_PT_RAW_FLOAT
from nnc_conformance.reference.syntax.walker import Values

_CODEWORD = "cabac_codeword"
_RAW = "raw_float32_parameter"
_SEVEN = [3, -1, 0, 2, -5, 1, 4]
_LAST_PREFIX = 11 + (1 << 31) - 1
"""The smallest magnitude, at the default unary length, with 31 prefix bins of 1."""


def with_codeword(data: bytes, dimensions: tuple[int, ...] = (2, 3), unary_length: int = 10) -> list[Values]:
    """Build an INT tensor whose codeword is replaced by ``data``.

    Args:
        data: The codeword, which may be broken.
        dimensions: Dimensions of the tensor.
        unary_length: cabac_unary_length of the header.
    """
    count = 1
    for size in dimensions:
        count *= size
    head = header(NNR_PT_INT, "w", dimensions, unary_length=unary_length)
    return [*opening(), payload_of(ndu(head, Coded([0] * count)), cabac_codeword=data)]


def too_large(name: str, quants: list[int], unary_length: int = 10) -> Recipe:
    """Build the recipe of a tensor whose last index exceeds int32.

    Args:
        name: End of the vector's id.
        quants: The indexes.
        unary_length: cabac_unary_length of the header.
    """
    return broken(
        "prefix",
        name,
        title=f"An index of {quants[-1]} at unary length {unary_length}",
        catches="A decoder whose magnitude wraps, or whose prefix runs on.",
        element="abs_remainder",
        units=with_codeword(codeword(quants, unary_length), (len(quants),), unary_length),
    )


def too_large_float(name: str, quants: list[int], *, dq_flag: bool = False) -> Recipe:
    """Build the recipe of a FLOAT in which one index, or its double, exceeds int32.

    Args:
        name: End of the vector's id.
        quants: The indexes, before any doubling.
        dq_flag: Whether there is dependent quantization, so that they are doubled.
    """
    unit = ndu(header(NNR_PT_FLOAT, "w", (len(quants),), dq_flag=dq_flag), Coded([0] * len(quants)))
    return broken(
        "prefix",
        name,
        title=f"A FLOAT with dependent quantization, the indexes {quants}" if dq_flag else f"A FLOAT with the indexes {quants}",
        catches="A decoder that keeps indexes in 64 bits or as numbers, to which any magnitude is a value.",
        element="abs_remainder",
        units=[*opening(), payload_of(unit, cabac_codeword=codeword(quants, qp_delta_bits=6, dq_flag=dq_flag))],
    )


def without_end(quants: list[int]) -> bytes:
    """Encode one tensor with an offset just below those that end the codeword.

    The offset is 2 less than the encoder's, so the terminate bin reads as 0, not 1. The stop bit
    stays.
    """
    data = codeword(quants)
    last_bit = int.from_bytes(data) & -int.from_bytes(data)
    return (int.from_bytes(data) - 2 * last_bit).to_bytes(len(data))


def block_rows(*, dq_flag: bool = False) -> Callable[[Numbers], list[Values]]:
    """Return a function that builds a tensor of three block rows."""
    return lambda numbers: [*opening(), scanned(1, (20, 9), numbers, dq_flag=dq_flag)]


def entries(name: str, *, title: str, catches: str, element: str, change: Callable[[Any], Any], dq_flag: bool = False) -> Recipe:
    """Build the recipe of a tensor with block rows and one wrong entry point element.

    Args:
        name: The end of the vector's id.
        title: The vector's title.
        catches: The faults that it catches.
        element: The element of the entry point list to change.
        change: Takes the right value and returns the wrong one.
        dq_flag: Whether dependent quantization is used.
    """

    def units(numbers: Numbers) -> list[Values]:
        before, unit = [], block_rows(dq_flag=dq_flag)(numbers)
        *before, data = unit
        return [*before, header_of(data, **{element: change(data["nnr_unit_header"][element])})]

    return broken(
        "entry-points",
        name,
        title=title,
        catches=catches,
        element=element,
        units=units,
    )


def interval_errors(stream: bytes) -> Iterator[bytes]:
    """Yield the stream with one bit of a block row flipped to break rule interval.

    IvlOffset is then not below 256 where the block row forces the range to 256.
    """
    start = 8 * (met_in(stream).units[-1].payload_pieces[0][1] >> 3)
    for bit in range(start, 8 * len(stream)):
        changed = flipped(bit)(stream)
        error = met_in(changed, lenient=True).error
        if error is not None and (error.rule, error.place.element) == ("interval", "IvlCurrRange"):
            yield changed


def first_interval_error(stream: bytes) -> bytes:
    """Return the first of `interval_errors`."""
    return next(interval_errors(stream))


def last_interval_error(stream: bytes) -> bytes:
    """Return the last of `interval_errors`: most of the codeword is unchanged, and so is its end."""
    *_, last = interval_errors(stream)
    return last


def converted(name: str, payload_type: int, data_format: int, tensor: Any, *, title: str) -> Recipe:
    """Build the recipe of a value that its decompressed data format cannot hold.

    Args:
        name: The end of the vector's id.
        payload_type: Payload type of the tensor.
        data_format: nnr_decompressed_data_format.
        tensor: Its indexes (`Coded`), or its numbers for a RAW_FLOAT.
        title: The vector's title.
    """
    count = tensor.size if not isinstance(tensor, Coded) else len(tensor.quants)
    head = header(payload_type, "w", (count,), Quantization(0, 0), data_format=data_format)
    return broken(
        "format-range",
        name,
        title=title,
        catches="A decoder that wraps, or saturates.",
        element="nnr_decompressed_data_format",
        units=[*opening(Quantization(0, 0)), ndu(head, tensor)],
    )


def outside(name: str, *, title: str, quants: list[int]) -> Recipe:
    """Build the recipe of an index outside a codebook of five values.

    Args:
        name: The end of the vector's id.
        title: The vector's title.
        quants: The indexes, one of which is below -2 or above 2.
    """
    head = header(NNR_PT_FLOAT, "w", (len(quants),), codebook=book(2, -9, -4, 0, 3, 11))
    return broken(
        "codebook-index",
        name,
        title=title,
        catches="A decoder that reads beyond the codebook, or wraps round.",
        element="codebook_size",
        units=[*opening(), ndu(head, Coded(quants))],
    )


def padded(numbers: Numbers) -> list[Values]:
    """Build a good stream whose last codeword byte ends with padding.

    At least its last two bits are behind the stop bit and 0, so that edits can set them. Raises
    `LookupError` if no tensor of 6 to 39 indexes has such a codeword.
    """
    for count in range(6, 40):
        units = [*opening(), ndu(header(NNR_PT_INT, "w", (count,)), Coded(numbers.quants("w", count, 200)))]
        if units[-1]["nnr_unit_payload"][_CODEWORD][-1] & 3 == 0:
            return units
    raise LookupError("every codeword fills its last byte")


_BLOCK = [*opening(), ndu(block_header(BI, (3, 3)), {"w": Coded([1, -1, 2, 0, 0, 9, -30, 1, 1]), "bias": Coded([700, -2, 1])})]
_LONG = [*opening(), ndu(header(NNR_PT_INT, "w", (60,)), Coded([n % 7 - 3 for n in range(60)]))]
_RAW_UNITS = [*opening(), ndu(header(NNR_PT_RAW_FLOAT, "w", (3,)), bits32(0x3F800000, 0x40000000, 0xC0400000))]

RECIPES = (
    outside(
        "above",
        title="An index one above the codebook",
        quants=[0, 1, 3],
    ),
    outside(
        "below",
        title="An index one below the codebook",
        quants=[0, -1, -3],
    ),
    outside(
        "far",
        title="An index of 2 ** 31 - 1 into a codebook of five",
        quants=[(1 << 31) - 1],
    ),
    too_large("2-31", [1, 1 << 31]),
    too_large("minus-2-31-and-1", [0, -(1 << 31) - 1]),
    too_large("31-prefix-bins", [5, _LAST_PREFIX]),
    too_large("31-prefix-bins-unary-1", [2 + (1 << 31) - 1], 1),
    too_large("all-ones", [_LAST_PREFIX + (1 << 31) - 1]),
    too_large_float("float-2-31", [1, 1 << 31, -2]),
    too_large_float("float-minus-2-31-and-1", [-(1 << 31) - 1, 3]),
    too_large_float("float-31-prefix-bins", [0, -_LAST_PREFIX - 7]),
    too_large_float("float-dq-2-31", [1 << 30, 1], dq_flag=True),
    too_large_float("float-dq-minus-2-31-and-2", [2, -(1 << 30) - 1, 0], dq_flag=True),
    broken(
        "interval",
        "start",
        title="A codeword that starts with sixteen ones",
        catches="A decoder that takes an offset above its range.",
        element="IvlOffset",
        units=with_codeword(b"\xff\xff" + bytes(6)),
    ),
    broken(
        "interval",
        "510",
        title="An offset of 510, as large as the range",
        catches="A decoder that compares off by one.",
        element="IvlOffset",
        units=with_codeword(b"\xff\x00" + bytes(6)),
    ),
    broken(
        "interval",
        "block-row",
        title="An offset above 255 at a block row",
        catches="A decoder that forces the range unchecked.",
        element="IvlCurrRange",
        units=block_rows(),
        edit=first_interval_error,
    ),
    broken(
        "interval",
        "late-block-row",
        title="An offset above 255 at a block row, in a codeword that ends where it should",
        catches="A decoder that forces the range unchecked, and sees nothing wrong later.",
        element="IvlCurrRange",
        units=block_rows(),
        edit=last_interval_error,
    ),
    broken(
        "terminate",
        "more-indexes",
        title="A codeword with one index more than the tensor",
        catches="A decoder that does not read the terminate bin.",
        element="end_of_codeword",
        units=with_codeword(codeword(_SEVEN)),
    ),
    broken(
        "terminate",
        "many-more",
        title="A codeword with many indexes more than the tensor",
        catches="A decoder that does not read the terminate bin.",
        element="end_of_codeword",
        units=with_codeword(codeword(_SEVEN * 20)),
    ),
    broken(
        "terminate",
        "one-below",
        title="An offset one below those that end the codeword",
        catches="A decoder that takes three values of the interval for the terminate bin, not two.",
        element="end_of_codeword",
        units=with_codeword(without_end(_SEVEN[:6])),
    ),
    broken(
        "cabac-end",
        "empty",
        title="A codeword of no bytes",
        catches="A decoder that initialises from the next unit.",
        element="IvlOffset",
        units=with_codeword(b""),
    ),
    broken(
        "cabac-end",
        "one-byte",
        title="A codeword of one byte",
        catches="A decoder that reads two bytes at once.",
        element="IvlOffset",
        units=with_codeword(b"\x20"),
    ),
    *(
        broken(
            "cabac-end",
            f"cut-{count}",
            title=f"A codeword cut by {count} bytes",
            catches="A decoder that reads zeros, or the next unit, after the end.",
            element=_CODEWORD,
            units=_LONG,
            edit=cut(-count),
        )
        for count in (1, 2, 10)
    ),
    broken(
        "cabac-end",
        "fewer-indexes",
        title="A codeword with fewer indexes than the tensor",
        catches="A decoder that reads zeros after the end.",
        element=_CODEWORD,
        units=with_codeword(codeword([1, -1]), (500,)),
    ),
    broken(
        "cabac-end",
        "block",
        title="A BLOCK cut within its weight",
        catches="A decoder that gives out the parts it has.",
        element=_CODEWORD,
        units=_BLOCK,
        edit=cut(-4),
    ),
    broken(
        "cabac-end",
        "millions",
        title="A hundred million indexes in a few bytes",
        catches="A decoder that allocates before it decodes.",
        element=_CODEWORD,
        units=[*opening(), header_of(small(), count_tensor_dimensions=2, tensor_dimensions=[10000, 10000])],
    ),
    broken(
        "stop-bits",
        "last-bit",
        title="A 1 after the stop bit",
        catches="A decoder that does not look at the stop bits.",
        element="end_of_codeword",
        units=padded,
        edit=flipped(-1),
    ),
    broken(
        "stop-bits",
        "second-last-bit",
        title="A 1 two bits before the codeword's end",
        catches="A decoder that looks at the last bit only.",
        element="end_of_codeword",
        units=padded,
        edit=flipped(-2),
    ),
    broken(
        "payload-end",
        "codeword-zero",
        title="A zero byte after a codeword",
        catches="A decoder that allows for padding.",
        element=_CODEWORD,
        units=None,
        edit=extended(b"\x00"),
    ),
    broken(
        "payload-end",
        "codeword-bytes",
        title="Bytes after a codeword",
        catches="A decoder that allows for padding.",
        element=_CODEWORD,
        units=None,
        edit=extended(b"\x80\x01\xff"),
    ),
    broken(
        "payload-end",
        "raw",
        title="Four bytes after a RAW_FLOAT",
        catches="A decoder that takes the number of elements from the size.",
        element=_RAW,
        units=_RAW_UNITS,
        edit=extended(bytes(4)),
    ),
    broken(
        "payload-end",
        "raw-one-byte",
        title="One byte after a RAW_FLOAT",
        catches="A decoder that divides the size by four.",
        element=_RAW,
        units=_RAW_UNITS,
        edit=extended(b"\x00"),
    ),
    entries(
        "offset",
        title="A wrong cabac_offset_list",
        catches="A decoder that enters block rows by a wrong offset, and notices nothing.",
        element="cabac_offset_list",
        change=lambda values: [values[0] ^ 1, *values[1:]],
    ),
    entries(
        "state",
        title="A wrong dq_state_list",
        catches="A decoder that enters block rows in a wrong state.",
        element="dq_state_list",
        change=lambda values: [values[0], values[1] ^ 1],
        dq_flag=True,
    ),
    entries(
        "first-length",
        title="A wrong bit_offset_delta1",
        catches="A decoder that enters block rows at a wrong bit.",
        element="bit_offset_delta1",
        change=lambda value: value + 1,
    ),
    entries(
        "second-length",
        title="A wrong bit_offset_delta2",
        catches="A decoder that enters block rows at a wrong bit.",
        element="bit_offset_delta2",
        change=lambda values: [values[0] - 1],
    ),
    entries(
        "beyond",
        title="A block row that starts beyond the payload",
        catches="A decoder that reads there.",
        element="bit_offset_delta1",
        change=lambda _: 1 << 40,
    ),
    entries(
        "negative",
        title="A block row that starts before the payload",
        catches="A decoder that reads there.",
        element="bit_offset_delta2",
        change=lambda _: [-(1 << 40)],
    ),
    broken(
        "raw-size",
        "one-byte",
        title="A RAW_FLOAT that lacks a byte",
        catches="A decoder that rounds the number of elements.",
        element=_RAW,
        units=_RAW_UNITS,
        edit=cut(-1),
    ),
    broken(
        "raw-size",
        "one-element",
        title="A RAW_FLOAT that lacks an element",
        catches="A decoder that gives out what it has.",
        element=_RAW,
        units=_RAW_UNITS,
        edit=cut(-4),
    ),
    broken(
        "raw-size",
        "empty",
        title="A RAW_FLOAT without bytes",
        catches="A decoder that gives out zeros.",
        element=_RAW,
        units=_RAW_UNITS,
        edit=cut(-12),
    ),
    converted(
        "int2-above",
        NNR_PT_INT,
        2,
        Coded([0, 2]),
        title="2 as INT2",
    ),
    converted(
        "int2-below",
        NNR_PT_INT,
        2,
        Coded([0, -3]),
        title="-3 as INT2",
    ),
    converted(
        "int3-above",
        NNR_PT_INT,
        3,
        Coded([4]),
        title="4 as INT3",
    ),
    converted(
        "int4-below",
        NNR_PT_FLOAT,
        4,
        Coded([-9]),
        title="-9 as INT4",
    ),
    converted(
        "int8-above",
        NNR_PT_INT,
        5,
        Coded([127, 128]),
        title="128 as INT8",
    ),
    converted(
        "int8-below",
        NNR_PT_FLOAT,
        5,
        Coded([-128, -129]),
        title="-129 as INT8",
    ),
    converted(
        "int16-above",
        NNR_PT_INT,
        6,
        Coded([1 << 15]),
        title="32768 as INT16",
    ),
    converted(
        "int32-above",
        NNR_PT_RAW_FLOAT,
        0,
        bits32(0x4F000000),
        title="2147483648 as INT32",
    ),
    converted(
        "int64-above",
        NNR_PT_RAW_FLOAT,
        7,
        bits32(0x5F000000),
        title="9223372036854775808 as INT64",
    ),
    converted(
        "int8-nan",
        NNR_PT_RAW_FLOAT,
        5,
        bits32(0x7FC00000),
        title="NaN as INT8",
    ),
    converted(
        "int32-infinity",
        NNR_PT_RAW_FLOAT,
        0,
        bits32(0xFF800000),
        title="Infinity as INT32",
    ),
    converted(
        "float16-above",
        NNR_PT_FLOAT,
        8,
        Coded([65519, 65520]),
        title="65520 as FLOAT16",
    ),
    converted(
        "float16-int",
        NNR_PT_INT,
        8,
        Coded([-65520]),
        title="-65520 as FLOAT16",
    ),
)
