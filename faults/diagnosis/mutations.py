"""Streams changed by their syntax.

Another element, unit, tool, dimension or index is put in, and now and then another bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from nnc_conformance.faults.diagnosis.pieces import Data, Piece, pieces_of, values_of_piece, written
from nnc_conformance.faults.diagnosis.reductions import reductions
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.reference.entropy.coding import INT32_MAX, INT32_MIN
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.descriptors import value_range
from nnc_conformance.reference.syntax.mutator import Mutator
from nnc_conformance.reference.syntax.structures.unit import nnr_unit
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.topology.shapes import topology_shapes

BOUNDS: Final = (0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 1 << 12, 1 << 16)
"""Values at which codes change their length; in addition to the least and greatest value of a
descriptor.
"""
MOST_REDUCTIONS: Final = 200


@dataclass
class Draws:
    """A sequence of random integers, the same for the same seed and label."""

    numbers: Numbers
    drawn: int = 0

    def below(self, count: int) -> int:
        """Draw a number from 0 to ``count`` - 1; ``count`` is at least 1."""
        self.drawn += 1
        return int(self.numbers.integers(str(self.drawn), 1, 0, count - 1)[0])

    def of(self, choices: Sequence[Any]) -> Any:
        """Draw one of ``choices``, each with equal probability."""
        return choices[self.below(len(choices))]


def mutated(stream: bytes, other: bytes, draws: Draws) -> bytes:
    """Change one thing in ``stream``, or take parts of ``other`` into it.

    Return the same bytes if the result cannot be written.
    """
    if not stream:
        return other
    pieces = pieces_of(stream)
    if pieces is None:
        return _bits(stream, draws)
    made: bytes | None
    match draws.below(7):
        case 0:
            return _bits(stream, draws)
        case 1:
            made = _units(pieces, pieces_of(other) or (), draws)
        case 2:
            made = _indexes(pieces, draws)
        case 3:
            made = _tools(pieces, draws)
        case _:
            made = _element(pieces, draws)
    return stream if made is None else made


def _bits(stream: bytes, draws: Draws) -> bytes:
    """Flip one to three bits of a stream at random places."""
    made = bytearray(stream)
    for _ in range(1 + draws.below(3)):
        place = draws.below(8 * len(stream))
        made[place >> 3] ^= 128 >> (place & 7)
    return bytes(made)


def _element(pieces: tuple[Piece, ...], draws: Draws) -> bytes | None:
    """Return a stream with another value of one element; None if it cannot be written."""
    try:
        units = [values_of_piece(piece) for piece in pieces]
        whole = _written(units, -1, draws)
        return bytes(_written(units, draws.below(max(1, whole.met)), draws).bits.buffer)
    except (NNCError, ValueError, TypeError, KeyError, IndexError, ArithmeticError):
        return None


def _written(units: list[Values], target: int, draws: Draws) -> Mutator:
    """Write units again with one element changed, and return the writer.

    Args:
        units: The values of each unit.
        target: Number of the element to change, in written order.
        draws: Random numbers, which choose the new value.
    """
    mutator = Mutator(
        {"nnr_unit": units}, interpretation=Interpretation(), target=target, change=lambda _, kind, value: _other(kind, value, draws)
    )
    context = StreamContext(open_topology=topology_shapes)
    for index in range(len(units)):
        nnr_unit(mutator, context, index)
    return mutator


def _other(descriptor: str, value: Any, draws: Draws) -> Any:
    """Draw another value of an element: a bound of its descriptor, a close one, or any."""
    if isinstance(value, bytes):
        cut = value[: draws.below(len(value) + 1)]
        return draws.of((cut, value + b"\0", value + value[:8], b""))
    if isinstance(value, str):
        return draws.of(("", value + "x", value[:-1], "é", value * 3))
    if isinstance(value, np.ndarray):
        return 1 - value
    if descriptor.startswith("flt"):
        return np.float32(draws.of((0.0, -0.0, 1.0, -1.0, np.inf, np.nan, 1e-45)))
    bounds = value_range(descriptor)
    near = [value + 1, value - 1, -value, 2 * value, value // 2, *BOUNDS]
    if bounds:
        near = [*bounds, bounds[0] + draws.below(min(bounds[1] - bounds[0], 1 << 31) + 1), *near]
        near = [one for one in near if bounds[0] <= one <= bounds[1]]
    return draws.of(near)


def _indexes(pieces: tuple[Piece, ...], draws: Draws) -> bytes | None:
    """Change up to four quantization indexes of one tensor; return the stream.

    Return None if the stream codes no indexes, or cannot be written with the new ones.
    """
    places = [number for number, piece in enumerate(pieces) if isinstance(piece, Data) and not isinstance(piece.tensors, np.ndarray)]
    if not places:
        return None
    number = draws.of(places)
    piece = pieces[number]
    assert isinstance(piece, Data) and not isinstance(piece.tensors, np.ndarray)
    name = draws.of(list(piece.tensors))
    indexes = piece.tensors[name].indexes.copy()
    flat = indexes.reshape(-1)
    for _ in range(1 + draws.below(4)) if flat.size else ():
        place, magnitude = draws.below(flat.size), draws.of((0, 1, 2, 9, 10, 11, 12, 13, 100, 1 << 10, 1 << 20))
        other = draws.of((magnitude, -magnitude, -int(flat[place]), int(flat[place]) + 1))
        flat[place] = min(max(other, INT32_MIN), INT32_MAX)
    changed = {**piece.tensors, name: replace(piece.tensors[name], indexes=indexes)}
    return written((*pieces[:number], replace(piece, tensors=changed), *pieces[number + 1 :]))


def _tools(pieces: tuple[Piece, ...], draws: Draws) -> bytes | None:
    """Return a stream with another tool of a data unit, or with any reduction.

    Tools here are scan, dq_flag, unary length and dimensions. The result is None if the stream
    cannot be written.
    """
    places = [number for number, piece in enumerate(pieces) if isinstance(piece, Data)]
    if not places or draws.below(3) == 0:
        smaller = [reduced for reduced, _ in zip(reductions(pieces), range(MOST_REDUCTIONS), strict=False)]
        return written(draws.of(smaller)) if smaller else None
    number = draws.of(places)
    piece = pieces[number]
    assert isinstance(piece, Data)
    header = piece.header
    changed = draws.of(
        (
            replace(header, scan_order=draws.below(5)),
            replace(header, dq_flag=not header.dq_flag),
            replace(header, unary_length=1 + draws.of((0, 1, 4, 9, 10, 100, 255))),
            replace(header, dimensions=header.dimensions[::-1]),
            replace(header, dimensions=(*header.dimensions, 1)),
        )
    )
    form = replace(piece.form, unary_length_present=changed.unary_length != header.unary_length or piece.form.unary_length_present)
    made = replace(piece, header=changed, form=form)
    if not isinstance(made.tensors, np.ndarray):
        made = replace(made, tensors={name: replace(one, parameter_sets="default") for name, one in made.tensors.items()})
    return written((*pieces[:number], made, *pieces[number + 1 :]))


def _units(pieces: tuple[Piece, ...], others: tuple[Piece, ...], draws: Draws) -> bytes | None:
    """Return a stream with a unit left out, repeated, moved, or taken from another one.

    It may break rules, and is None if it cannot be written.

    Args:
        pieces: The stream.
        others: The other stream.
        draws: Random numbers.
    """
    number, place = draws.below(len(pieces)), draws.below(len(pieces) + 1)
    without = (*pieces[:number], *pieces[number + 1 :])
    made = [without, (*pieces[:place], pieces[number], *pieces[place:]), (*without[:place], pieces[number], *without[place:])]
    if len(others) > 1:
        made.append((*pieces[:place], others[1 + draws.below(len(others) - 1)], *pieces[place:]))
    return written(draws.of(made), enforce=False)
