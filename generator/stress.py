"""The stress grammar: streams drawn at random from a seed, within given capabilities."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from nnc_conformance.generator.building import BuiltVector, build
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe, write
from nnc_conformance.generator.stress_units import MOST_IDS, Dice, Drawing, common, data_unit, quantization
from nnc_conformance.reference.composer import ids_list, layer_parameter_set, model_parameter_set, start_unit, topology_unit
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_BLOCK, NNR_PT_FLOAT, NNR_PT_INT, NNR_PT_RAW_FLOAT
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_REFLIST, RAW
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level, capabilities_of

GRAMMAR: Final = "nnc-stress/1"
"""The version of the grammar: under one name, a seed always gives the same streams."""

PAYLOADS: Final = {"block": NNR_PT_BLOCK, "float": NNR_PT_FLOAT, "int": NNR_PT_INT, "raw-float": NNR_PT_RAW_FLOAT}
"""Payload types by the capability that each requires."""

LARGE: Final = (1 << 20, 3 << 20, 10 << 20)
"""Size limits of the large streams, in bytes."""

_ALL: Final = frozenset(capabilities_of(2022))
_MOST_UNITS: Final = 5
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789._-éλ漢"
_APART: Final = "/"
"""A separator that occurs in no word."""
_LONGEST_ID: Final = 20
_LARGE_ELEMENTS: Final = 1 << 16


class StressError(NNCError):
    """No stream can be drawn within the given capabilities."""


def vectors(seed: int, count: int, capabilities: frozenset[str] = _ALL) -> Iterator[BuiltVector]:
    """Yield ``count`` vectors of level stress that need no other capabilities.

    Raises `StressError` if none of the capabilities allows a payload.
    """
    for number in range(count):
        yield build(stress_recipe(number, capabilities), seed)


def stress_recipe(number: int, capabilities: frozenset[str] = _ALL) -> Recipe:
    """Build the recipe of a stress vector by its number.

    Raise StressError if no payload is allowed.
    """
    if not capabilities & PAYLOADS.keys():
        raise StressError(f"a stream needs one of the capabilities {', '.join(PAYLOADS)}")
    return Recipe(
        id=f"stress-{number:05}",
        title=f"Stream {number} of the stress grammar",
        tests="A stream drawn from the seeded grammar decodes to what was drawn.",
        catches="what no one thought of: a fault in how tools act together",
        clauses=("6", "7.3", "9", "10"),
        units=partial(draw, capabilities=capabilities),
        level=Level.STRESS,
    )


def large_stress_recipe(number: int) -> Recipe:
    """Build the recipe of a stream of almost `LARGE` ``[number]`` bytes."""
    mebibytes = LARGE[number] >> 20
    return Recipe(
        id=f"stress-large-{number:05}",
        title=f"A stream of {mebibytes} MiB of the stress grammar",
        tests="Data units drawn from the seeded grammar, with tensors of up to 65536 elements, follow one another until it is full.",
        catches="what shows in many or in large units only: a buffer too small, a state kept from unit to unit, time out of proportion",
        clauses=("6", "7.3", "9", "10"),
        units=partial(draw_large, size=LARGE[number]),
        level=Level.STRESS,
    )


def draw_large(numbers: Numbers, size: int) -> list[Values]:
    """Draw the units of a stream: as many data units as ``size`` bytes hold."""
    dice = Dice(numbers)
    drawing = Drawing(dice, _ALL, quantization(dice), [f"t{number}" for number in range(size >> 6)], most=_LARGE_ELEMENTS)
    first = [start_unit(**common(dice)), model_parameter_set(drawing.quantization, method_flags=dice.integer(1, 3), **common(dice))]
    units, written = list(first), len(write(first))
    while True:
        unit = data_unit(drawing, PAYLOADS[dice.pick(sorted(PAYLOADS))])
        written += len(write([*first, unit])) - len(write(first))
        if written > size:
            return units
        units.append(unit)


def draw(numbers: Numbers, capabilities: frozenset[str]) -> list[Values]:
    """Draw the units of a stream from the stress grammar.

    Args:
        numbers: The recipe's random numbers.
        capabilities: The capabilities that the stream may need.
    """
    dice = Dice(numbers)
    kinds = [dice.pick(sorted(capabilities & PAYLOADS.keys())) for _ in range(dice.integer(1, _MOST_UNITS))]
    drawing = Drawing(dice, capabilities, quantization(dice), ids(dice, MOST_IDS * len(kinds)))
    if drawing.may("indexed-reference", 4):
        drawing.references = tuple(drawing.ids)
    indexed = drawing.references is not None
    parameter_set = model_parameter_set(
        drawing.quantization, method_flags=dice.integer(1, 3), topology_carriage=indexed, indexed_references=indexed, **common(dice)
    )
    units = [start_unit(**common(dice)), parameter_set]
    if indexed:
        units.append(topology_unit(NNR_TPL_REFLIST, RAW, {"topology_elements_ids_list": ids_list(drawing.ids)}, **common(dice)))
    for kind in kinds:
        if drawing.may("lps", 4):
            drawing.quantization = quantization(dice)
            units.append(layer_parameter_set(drawing.quantization, method_flags=dice.integer(1, 3), **common(dice)))
        units.append(data_unit(drawing, PAYLOADS[kind]))
    return units


def ids(dice: Dice, count: int) -> list[str]:
    """Draw distinct ids of many lengths and characters.

    Each is a random word and its number, with a separator if that id is already taken.
    """
    words = ["".join(_LETTERS[place] for place in dice.integers(dice.integer(0, _LONGEST_ID), 0, len(_LETTERS) - 1)) for _ in range(count)]
    found: list[str] = []
    for number, word in enumerate(words):
        joined = f"{word}{number}"
        found.append(joined if joined not in found else f"{word}{_APART}{number}")
    return found
