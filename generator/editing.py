"""Changes to units and written streams that the writer itself would never make."""

from collections.abc import Callable
from typing import Any, Final

from nnc_conformance.generator.composition import opening
from nnc_conformance.generator.facts import met_in
from nnc_conformance.generator.recipe import write
from nnc_conformance.reference.syntax.walker import Element, Values

StreamEdit = Callable[[bytes], bytes]
"""A function from a stream's bytes to changed bytes."""

_LONG_SIZE: Final = 0x80
"""The bit of a unit's first byte that announces a 31-bit nnr_unit_size."""


def header_of(unit: Values, **changes: Any) -> Values:
    """Return a unit with changed values in its header."""
    return {**unit, "nnr_unit_header": unit["nnr_unit_header"] | changes}


def payload_of(unit: Values, **changes: Any) -> Values:
    """Return a unit with changed values in its payload."""
    return {**unit, "nnr_unit_payload": unit["nnr_unit_payload"] | changes}


def unit_bytes(unit: Values) -> bytes:
    """Return the bytes of a unit written after an `opening`."""
    return write([*opening(), unit])[len(write(opening())) :]


def with_bits(stream: bytes, first: int, count: int, value: int) -> bytes:
    """Return a stream with ``count`` bits replaced, starting at bit ``first`` from 0.

    The bits are those of ``value``, which must be below 2^``count``, the most significant first.
    """
    shift = 8 * len(stream) - first - count
    whole = int.from_bytes(stream)
    whole &= ~(((1 << count) - 1) << shift)
    return (whole | value << shift).to_bytes(len(stream))


def elements_named(stream: bytes, name: str) -> list[Element]:
    """Find every element of this name in a good stream, in order.

    Raise LookupError if there is none.
    """
    elements = [element for element in met_in(stream).elements if element.name == name]
    if not elements:
        raise LookupError(f"the stream has no {name}")
    return elements


def last_unit(stream: bytes) -> int:
    """Return the first byte of a good stream's last unit."""
    return met_in(stream).units[-1].offset


def with_last_size(stream: bytes, start: int, size: int) -> bytes:
    """Return a stream with ``size``, in bytes, as nnr_unit_size of the unit at byte ``start``.

    The field keeps its length of 15 or 31 bits.
    """
    wide = bool(stream[start] & _LONG_SIZE)
    return with_bits(stream, 8 * start + 1, 31 if wide else 15, size)


def cut(size: int) -> StreamEdit:
    """Return an edit that shortens the last unit and corrects its nnr_unit_size.

    Args:
        size: The unit's new size in bytes; if negative, the number of bytes to remove.
    """

    def edit(stream: bytes) -> bytes:
        start = last_unit(stream)
        kept = stream[: start + size] if size > 0 else stream[:size]
        return with_last_size(kept, start, len(kept) - start)

    return edit


def cut_within(element: str, number: int = 0) -> StreamEdit:
    """Return an edit that ends the last unit within or just before an element.

    Everything before the element stays whole.

    Args:
        element: The element's name.
        number: Which of the last unit's elements of that name, counted from 0.
    """

    def edit(stream: bytes) -> bytes:
        start = last_unit(stream)
        cut_at = [place for place in elements_named(stream, element) if place.bit >= 8 * start][number]
        return cut(((cut_at.end_bit - 1) >> 3) - start)(stream)

    return edit


def extended(data: bytes) -> StreamEdit:
    """Return an edit that appends bytes to the last unit and corrects its size.

    Args:
        data: The bytes.
    """

    def edit(stream: bytes) -> bytes:
        start = last_unit(stream)
        return with_last_size(stream + data, start, len(stream) + len(data) - start)

    return edit


def with_unit_before_last(unit: Values) -> StreamEdit:
    """Return an edit that inserts a unit before the last one."""
    data = unit_bytes(unit)
    return lambda stream: stream[: last_unit(stream)] + data + stream[last_unit(stream) :]


def set_to(element: str, value: int, number: int = 0) -> StreamEdit:
    """Return an edit that gives an element another value of the same length.

    Args:
        element: The element's name.
        value: The bits to write.
        number: Which of the stream's elements of that name, counted from 0.
    """

    def edit(stream: bytes) -> bytes:
        place = elements_named(stream, element)[number]
        return with_bits(stream, place.bit, place.end_bit - place.bit, value)

    return edit


def flipped(bit: int) -> StreamEdit:
    """Return an edit that flips one bit of a stream.

    Args:
        bit: Number of the bit, from the end if negative; taken modulo the stream's bits.
    """

    def edit(stream: bytes) -> bytes:
        """Return the stream with the bit flipped."""
        at = bit % (8 * len(stream))
        changed = bytearray(stream)
        changed[at >> 3] ^= 0x80 >> (at & 7)
        return bytes(changed)

    return edit


def dirty_alignment(stream: bytes) -> bytes:
    """Set the last bit of each byte_alignment() that is longer than one bit."""
    for element in elements_named(stream, "byte_alignment"):
        if element.end_bit - element.bit > 1:
            stream = with_bits(stream, element.end_bit - 1, 1, 1)
    return stream


def exp_golomb(value: int, k: int) -> str:
    """Return the bits of a value as ue(k), in a string of 0 and 1."""
    suffix = k
    while value >= 1 << suffix:
        value -= 1 << suffix
        suffix += 1
    return "0" * (suffix - k) + "1" + (f"{value:0{suffix}b}" if suffix else "")


def recoded(element: str, bits: str, number: int = 0) -> StreamEdit:
    """Return an edit that codes an element of the last unit in another length.

    Everything up to the next byte_alignment() moves; what follows it stays whole.

    Args:
        element: The element's name.
        bits: Its new bits.
        number: Which of the last unit's elements of that name, counted from 0.
    """

    def edit(stream: bytes) -> bytes:
        """Return the stream with other bits for the element, and the unit's size corrected."""
        start = last_unit(stream)
        place = [found for found in elements_named(stream, element) if found.bit >= 8 * start][number]
        alignment = next(found for found in elements_named(stream, "byte_alignment") if found.bit >= place.end_bit)
        text = "".join(f"{byte:08b}" for byte in stream[start : (alignment.end_bit + 7) >> 3])
        moved = text[: place.bit - 8 * start] + bits + text[place.end_bit - 8 * start : alignment.bit - 8 * start] + "1"
        moved += "0" * (-len(moved) % 8)
        unit = int(moved, 2).to_bytes(len(moved) // 8) + stream[alignment.end_bit >> 3 :]
        return with_last_size(stream[:start] + unit, start, len(unit))

    return edit
