"""Value classes of a syntax element.

They are the special values of its descriptor, within its row's limits.

u(n), i(n): zero, one, the least and the greatest value, each sign. ue(k), ie(k): the first and the
last value of each code length. flt(32): the kinds of binary32. st(v): lengths, and bytes a
character. bs(v): lengths. If a row allows few values, each is a class.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.entropy.contexts import MAX_PREFIX
from nnc_conformance.reference.entropy.plain import FORCED_RANGE, INITIAL_RANGE
from nnc_conformance.reference.syntax.elements import ELEMENTS, ElementRow

FEW: Final = 16
"""Number of values up to which each value of an element is a class of its own."""
LARGEST: Final = (1 << 32) - 1
"""Largest value of any class: a decoder may keep an element in 32 bits, signed or unsigned."""
LONG_STRING: Final = 128

FLOAT_CLASSES: Final = ("+0", "-0", "subnormal", "positive", "negative", "+infinity", "-infinity", "quiet NaN", "signalling NaN")
STRING_CLASSES: Final = (
    "empty", "one byte", f"{LONG_STRING} bytes or more", "2 bytes a character", "3 bytes a character", "4 bytes a character"
)  # fmt: skip
BYTES_CLASSES: Final = ("empty", "one byte", "several bytes")


@dataclass(frozen=True)
class Classes:
    """The classes of one element under one descriptor.

    They are all labels in order, and a function from a value to the labels of its classes.
    """

    labels: tuple[str, ...]
    of: Callable[[Any], tuple[str, ...]]


def variants(row: ElementRow) -> tuple[str, ...]:
    """Return the descriptors that a row covers: ``u(15|31)`` is two, ``ue(0..15)`` sixteen.

    The bytes of raw_float32_parameter are flt(32).
    """
    if row.name == "raw_float32_parameter":
        return ("flt(32)",)
    if row.name == "IvlCurrRange":
        return (str(FORCED_RANGE),)
    if row.name == "abs_remainder":
        return tuple(f"uae_v({n})" for n in range(1, MAX_PREFIX + 1))
    kind, _, rest = row.descriptor.partition("(")
    inside = rest.rstrip(")")
    if "|" in inside:
        return tuple(f"{kind}({n})" for n in inside.split("|"))
    if ".." in inside:
        low, high = map(int, inside.split(".."))
        return tuple(f"{kind}({n})" for n in range(low, high + 1))
    return (row.descriptor,)


def allowed(row: ElementRow) -> tuple[int, int]:
    """Return the least and the greatest value that a row's constraint allows.

    If the constraint is not a plain range, this is everything that 32 bits hold.
    """
    if row.name == "IvlOffset":
        return 0, INITIAL_RANGE - 1
    if match := re.match(r"(\d+)\.\.(\d+)$", row.constraint):
        return int(match[1]), int(match[2])
    if match := re.match(r"(\d+)(;|$)", row.constraint):
        return int(match[1]), int(match[1])
    if match := re.match(r"at least (\d+)", row.constraint):
        return int(match[1]), LARGEST
    return -(1 << 31), LARGEST


@cache
def classes_of(element: str, descriptor: str) -> Classes:
    """Return the classes of an element as coded with a descriptor.

    The descriptor is one of its row's variants.
    """
    row = ELEMENTS[element]
    kind, _, rest = descriptor.partition("(")
    if row.name == "IvlCurrRange":
        return _ranges([(FORCED_RANGE, FORCED_RANGE)])
    if descriptor == "ae(v)":
        low, high = allowed(row)
        return _ranges([(value, value) for value in range(max(low, 0), min(high, 1 if high == LARGEST else high) + 1)])
    if element == "byte_alignment":
        return Classes(("one bit 1, then zeros",), _alignment_classes(int(rest.rstrip(")"))))
    match kind:
        case "flt":
            return Classes(FLOAT_CLASSES, lambda value: tuple(float_classes(np.asarray(value, dtype=np.float32).reshape(1))))
        case "st":
            return Classes(STRING_CLASSES, string_classes)
        case "bs":
            return Classes(BYTES_CLASSES, bytes_classes)
        case "uae_v":
            return _ranges([(0, 0), (_greatest(rest), _greatest(rest))])
    if element == "bit_mask_value":
        return Classes(("0", "1"), lambda values: tuple(str(bit) for bit in (0, 1) if bit in values))
    return _ranges(list(_integer_ranges(kind.removesuffix("ae_v"), int(rest.rstrip(")")), *allowed(row))))


def _greatest(rest: str) -> int:
    """Return the greatest value of n bits; ``rest`` is the end of a descriptor, ``n)``."""
    return (1 << int(rest.rstrip(")"))) - 1


def _integer_ranges(kind: str, n: int, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the classes of an integer descriptor as ranges, first and last included.

    For ue and ie they are values at the ends of each code length; for u and i the ends, values
    around 0 and all between.

    Args:
        kind: u, i, ue or ie.
        n: The number in brackets: bits, or order of the code.
        low: Least value that the standard allows.
        high: Greatest value that it allows, `LARGEST` without a bound.
    """
    if kind in ("ue", "ie"):
        for first, last in golomb_lengths(n):
            codes = (first, last) if kind == "ue" else tuple(sorted({first, min(first + 1, last), max(last - 1, first), last}))
            values = codes if kind == "ue" else tuple((code + 1) // 2 if code & 1 else -(code // 2) for code in codes)
            yield from ((value, value) for value in values if low <= value <= min(high, LARGEST if kind == "ue" else (1 << 31) - 1))
        if kind == "ue" and low > 0 and low not in (first for first, _ in golomb_lengths(n)):
            yield low, low
        return
    least, greatest = (0, (1 << n) - 1) if kind == "u" else (-(1 << (n - 1)), (1 << (n - 1)) - 1)
    least, greatest = max(least, low), min(greatest, high) if high != LARGEST else greatest
    if greatest - least < FEW:
        yield from ((value, value) for value in range(least, greatest + 1))
        return
    marks = sorted({least, *(value for value in (-1, 0, 1) if least < value < greatest), greatest})
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        yield mark, mark
        if after is not None and after - mark > 1:
            yield mark + 1, after - 1


def golomb_lengths(k: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last code of each code length of ue(k).

    Only codes that 32 bits hold are given.
    """
    first = 0
    while first + (1 << k) - 1 <= LARGEST:
        yield first, first + (1 << k) - 1
        first += 1 << k
        k += 1


def _ranges(ranges: list[tuple[int, int]]) -> Classes:
    """Make the value classes of ranges, such as ``0``, ``1`` and ``2..254``.

    A value outside all ranges is in no class.

    Args:
        ranges: Least and greatest value of each.
    """
    labels = {bounds: str(bounds[0]) if bounds[0] == bounds[1] else f"{bounds[0]}..{bounds[1]}" for bounds in ranges}
    single = {low: (label,) for (low, high), label in labels.items() if low == high}
    wide = [(low, high, (label,)) for (low, high), label in labels.items() if low < high]

    def of(value: int) -> tuple[str, ...]:
        return single.get(value) or next((label for low, high, label in wide if low <= value <= high), ())

    return Classes(tuple(dict.fromkeys(labels.values())), of)


def _alignment_classes(n: int) -> Callable[[Any], tuple[str, ...]]:
    return lambda value: ("one bit 1, then zeros",) if value == 1 << (n - 1) else ()


def float_classes(values: np.ndarray) -> list[str]:
    """Return the labels of the binary32 kinds that occur among ``values``, float32 of any shape."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    magnitude, negative = bits & 0x7FFFFFFF, bits >> 31 == 1
    normal = (magnitude >= 0x00800000) & (magnitude < 0x7F800000)
    nan = magnitude > 0x7F800000
    quiet = nan & (magnitude & 0x00400000 != 0)
    met = (
        bits == 0, bits == 0x80000000, (magnitude > 0) & (magnitude < 0x00800000), normal & ~negative, normal & negative,
        bits == 0x7F800000, bits == 0xFF800000, quiet, nan & ~quiet,
    )  # fmt: skip
    return [label for label, mask in zip(FLOAT_CLASSES, met, strict=True) if mask.any()]


def string_classes(value: str) -> tuple[str, ...]:
    """Return the labels of the value classes that a string belongs to.

    There are classes by length, and by bytes a character.
    """
    size = len(value.encode())
    sizes = {"empty": size == 0, "one byte": size == 1, f"{LONG_STRING} bytes or more": size >= LONG_STRING}
    lengths = {len(character.encode()) for character in value}
    return (*(label for label, met in sizes.items() if met), *(f"{n} bytes a character" for n in (2, 3, 4) if n in lengths))


def bytes_classes(value: bytes) -> tuple[str, ...]:
    """Return the labels of the value classes that a byte string belongs to.

    The classes depend on its length.
    """
    return (BYTES_CLASSES[min(len(value), 2)],)
