"""Streams that break one rule each: good ones, changed at one place."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.composition import opening
from nnc_conformance.generator.editing import elements_named, with_bits
from nnc_conformance.generator.facts import met_in
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe, write
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.syntax.elements import clause_of
from nnc_conformance.reference.syntax.rules import RULES, Provenance
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

Edit = Callable[[bytes], bytes]
_LONG_SIZE: Final = 0x80


def broken(
    rule: str,
    name: str,
    *,
    title: str,
    catches: str,
    element: str,
    units: Callable[[Numbers], list[Values]] | list[Values] | None = None,
    edit: Edit | None = None,
    level: Level | None = None,
) -> Recipe:
    """The recipe of a vector that breaks ``rule``; ``element`` is the one at fault, ``units`` None a small good stream to be edited."""
    row = RULES[rule]
    made = (lambda _: [*opening(), small()]) if units is None else units if callable(units) else lambda _: units
    return Recipe(
        id=f"bad-{rule}-{name}",
        title=title,
        tests=f"The stream breaks one rule, and no other: {row.condition.partition(';')[0]}.",
        catches=catches,
        clauses=(clause_of(element),),
        units=made,
        level=level or (Level.INFERRED if row.provenance is Provenance.INFERRED else Level.NEGATIVE),
        edit=edit,
        rule=rule,
    )


def last_unit(stream: bytes) -> int:
    """The first byte of a good stream's last unit."""
    return met_in(stream).units[-1].offset


def with_last_size(stream: bytes, start: int, size: int) -> bytes:
    """The stream with nnr_unit_size of the unit at byte ``start`` changed, in the form that it has."""
    wide = bool(stream[start] & _LONG_SIZE)
    return with_bits(stream, 8 * start + 1, 31 if wide else 15, size)


def cut(size: int) -> Edit:
    """Cuts the last unit to ``size`` bytes (from its end where negative) and says so in its nnr_unit_size."""

    def edit(stream: bytes) -> bytes:
        start = last_unit(stream)
        kept = stream[: start + size] if size > 0 else stream[:size]
        return with_last_size(kept, start, len(kept) - start)

    return edit


def cut_within(element: str, number: int = 0) -> Edit:
    """Cuts the last unit so that it ends in, or just before, the ``number``-th element of a name in it: all before it is whole."""

    def edit(stream: bytes) -> bytes:
        start = last_unit(stream)
        cut_at = [found for found in elements_named(stream, element) if found.bit >= 8 * start][number]
        return cut(((cut_at.end_bit - 1) >> 3) - start)(stream)

    return edit


def extended(data: bytes) -> Edit:
    """Adds bytes to the last unit and to its nnr_unit_size."""

    def edit(stream: bytes) -> bytes:
        start = last_unit(stream)
        return with_last_size(stream + data, start, len(stream) + len(data) - start)

    return edit


def with_unit_before_last(unit: Values) -> Edit:
    """Puts a unit before the last one of a stream that it does not belong to."""
    data = unit_bytes(unit)
    return lambda stream: stream[: last_unit(stream)] + data + stream[last_unit(stream) :]


def unit_bytes(unit: Values) -> bytes:
    """A unit's bytes, as it stands after an opening."""
    return write([*opening(), unit])[len(write(opening())) :]


def set_to(element: str, value: int, number: int = 0) -> Edit:
    """Sets an element to another value of as many bits; ``number`` counts those of the name in the stream."""

    def edit(stream: bytes) -> bytes:
        found = elements_named(stream, element)[number]
        return with_bits(stream, found.bit, found.end_bit - found.bit, value)

    return edit


def flipped(bit: int) -> Edit:
    """Flips one bit, counted from the stream's last when negative."""

    def edit(stream: bytes) -> bytes:
        at = bit % (8 * len(stream))
        changed = bytearray(stream)
        changed[at >> 3] ^= 0x80 >> (at & 7)
        return bytes(changed)

    return edit


def header_of(unit: Values, **changes: Any) -> Values:
    """A unit with values of its header changed."""
    return {**unit, "nnr_unit_header": unit["nnr_unit_header"] | changes}


def payload_of(unit: Values, **changes: Any) -> Values:
    """A unit with values of its payload changed."""
    return {**unit, "nnr_unit_payload": unit["nnr_unit_payload"] | changes}


def codeword(quants: list[int], unary_length: int = 10, *, qp_delta_bits: int = 0) -> bytes:
    """The codeword of one tensor without dependent quantization, whose indexes may be too large for any tensor."""
    from nnc_conformance.reference.entropy import plain
    from nnc_conformance.reference.entropy.contexts import QP_DELTA, context_layout
    from nnc_conformance.reference.entropy.kernel_tables import DEFAULT

    layout = context_layout(False, unary_length)
    registers: npt.NDArray[np.int64] = np.zeros(plain.REGISTERS, np.int64)
    payload = np.zeros(64 + 16 * len(quants), np.uint8)
    coder = plain.new_coder(DEFAULT, layout, registers, payload)
    plain.initialise(coder, plain.ENCODE)
    if qp_delta_bits:
        plain.iae_v(coder, QP_DELTA, qp_delta_bits, 0)
    plain.shift_parameter_ids(coder, layout)
    previous = 0
    for quant in quants:
        plain.quant_param(coder, layout, 0, previous, quant)
        previous = 0 if quant == 0 else 1 if quant < 0 else 2
    plain.code_terminate(coder)
    return payload[: (int(registers[plain.POSITION]) + 7) // 8].tobytes()
