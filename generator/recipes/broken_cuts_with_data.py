"""Units that end within an element, in streams that hold a tensor (clause 6).

A decoder that leaves out the cut unit, or takes what it lacks for zeros, gives the tensor. They
succeed the vectors of `broken_cuts`, whose streams hold none.
"""

from nnc_conformance.generator.composition import opening
from nnc_conformance.generator.editing import StreamEdit, cut_within
from nnc_conformance.generator.negative import broken
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe, write
from nnc_conformance.generator.recipes.broken_cuts import CUTS, MAP_CUTS, START_CUTS, Cut
from nnc_conformance.generator.recipes.partial_data import split
from nnc_conformance.generator.recipes.topology import indexed
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.syntax.walker import Values

_FIRST = small("first")
_FOLLOWING = {"str": [opening()[1], small()]}
"""Units after a cut unit; a tensor where none are listed."""
_SET_OF_ONE = [*opening(), split(opening(), small(), [])[-1]]
_NAMES = [f"n{number}" for number in range(600)]
_OWN_UNITS = {"partial": _SET_OF_ONE, "indexed": indexed(_NAMES, [599])}
"""Units in place of those of `CUTS`, which a tensor cannot come before, or must come before by
index.
"""


def before(cut: Cut) -> list[Recipe]:
    """Build recipes of a last unit that ends within an element, after a tensor.

    There is one recipe for each element of ``cut``.
    """
    own = _OWN_UNITS.get(cut.name, cut.units)
    first = indexed(_NAMES, [1])[-1] if cut.name == "indexed" else _FIRST

    def units(numbers: Numbers) -> list[Values]:
        *others, last = own(numbers) if callable(own) else own
        return [*others, first, last]

    return [
        broken(
            cut.rule,
            f"{cut.name}-{element.replace('_', '-').lower()}-after-data",
            title=f"The last unit ends within {element}, after a tensor",
            catches="A decoder that gives what it has when the data of the last unit ends.",
            element=element,
            units=units,
            edit=cut_within(element),
            level=cut.level,
        )
        for element in cut.elements
    ]


def followed(cut: Cut) -> list[Recipe]:
    """Build recipes of a unit that ends within an element, before a tensor.

    There is one recipe for each element of ``cut``.
    """
    assert not callable(cut.units)
    whole = write([*cut.units, *_FOLLOWING.get(cut.name, [small()])])

    def edit_of(element: str) -> StreamEdit:
        return lambda stream: cut_within(element)(stream) + whole[len(stream) :]

    return [
        broken(
            cut.rule,
            f"{cut.name}-{element.replace('_', '-').lower()}-before-data",
            title=f"A unit ends within {element}, before a tensor",
            catches="A decoder that takes what a unit lacks for zeros, and goes on after it.",
            element=element,
            units=cut.units,
            edit=edit_of(element),
            level=cut.level,
        )
        for element in cut.elements
    ]


RECIPES = (
    *(recipe for cut in CUTS for recipe in before(cut)),
    *(recipe for cut in (*START_CUTS, *MAP_CUTS) for recipe in followed(cut)),
)
