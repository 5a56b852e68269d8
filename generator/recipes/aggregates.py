"""NNR_AGG; its structure is inferred (clause 6)."""

from itertools import pairwise
from typing import Any

from nnc_conformance.generator.composition import SIXTEENTHS, opening
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe, write
from nnc_conformance.generator.recipes.units import all_units, small
from nnc_conformance.reference.composer import aggregate_unit, layer_parameter_set, model_parameter_set, start_unit
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_AGG = ("6 nnr_aggregate_unit_header",)
_UNIFICATION = {"unification": {"upm_count_thresholds": 0, "entry": []}}


def with_entry_points(before: list[Values], units: list[Values], **common: Any) -> list[Values]:
    """Build an aggregate whose header has an entry point for each of its units.

    Return the units before it and the aggregate.

    Args:
        before: The units before it, which decide what the inner units mean.
        units: The units in it.
        **common: Arguments of `aggregate_unit`.
    """
    ends = [len(write(before + units[:count])) for count in range(len(units) + 1)]
    sizes = [end - start for start, end in pairwise(ends)]
    return [*before, aggregate_unit(units, sizes, **common)]


def parameter_sets_inside(_: Numbers) -> list[Values]:
    """Build an aggregate of everything but the NNR_STR."""
    return [start_unit(), aggregate_unit(all_units()[1:])]


def unification(_: Numbers) -> list[Values]:
    """Build an aggregate under a parameter set with unification."""
    before = [start_unit(), model_parameter_set(SIXTEENTHS, maps=_UNIFICATION)]
    return [*before, aggregate_unit([small("a"), small("b")], unification=True, quant_bitdepth=31)]


def unification_by_lps(_: Numbers) -> list[Values]:
    """Build an aggregate under an LPS that turns the MPS's unification off."""
    before = [start_unit(), model_parameter_set(SIXTEENTHS, maps=_UNIFICATION), layer_parameter_set(Quantization(1, -8))]
    return [*before, aggregate_unit([small("a"), small("b")], quant_bitdepth=8)]


def aggregate(name: str, *, title: str, tests: str, catches: str, units: list[Values]) -> Recipe:
    """Build a recipe of level inferred for a stream with aggregate units (NNR_AGG).

    Args:
        name: The end of the vector's id.
        title: The vector's title.
        tests: What it tests.
        catches: The faults that it catches.
        units: The stream's units, finished.
    """
    return Recipe(
        id=f"agg-{name}",
        title=title,
        tests=tests,
        catches=catches,
        clauses=_AGG,
        units=lambda _: units,
        level=Level.INFERRED,
    )


RECIPES = (
    aggregate(
        "two-units",
        title="The smallest aggregate",
        tests="Two data units in an aggregate, one after it.",
        catches="A decoder that skips aggregates, or loses its place after one.",
        units=[*opening(), aggregate_unit([small("a"), small("b")]), small("c")],
    ),
    aggregate(
        "entry-points",
        title="An aggregate with entry points",
        tests="Type and byte offset of each unit, from the payload's first byte.",
        catches="A decoder that counts entry points from the unit's first byte.",
        units=with_entry_points(opening(), [small("a"), small("b", nnr_unit_size_flag=1), small("c")]),
    ),
    aggregate(
        "entry-points-31-bit",
        title="An aggregate with a 31-bit size",
        tests="The long size moves the payload by two bytes.",
        catches="A decoder that counts from a fixed place.",
        units=with_entry_points(opening(), [small("a"), small("b")], nnr_unit_size_flag=1),
    ),
    aggregate(
        "many-units",
        title="An aggregate of 300 units",
        tests="num_of_nnr_units_minus2 beyond a byte.",
        catches="A decoder that reads the count in eight bits.",
        units=[*opening(), aggregate_unit([small(f"w{n}") for n in range(300)])],
    ),
    Recipe(
        id="agg-parameter-sets",
        title="Parameter sets in an aggregate",
        tests="What an aggregate's units set holds within it and after it.",
        catches="A decoder that gives an aggregate a state of its own.",
        clauses=_AGG,
        units=parameter_sets_inside,
        level=Level.INFERRED,
    ),
    Recipe(
        id="agg-unification",
        title="ctu_scan_order where unification is on",
        tests="The parameter set in force adds a bit for each unit of the aggregate.",
        catches="A decoder that never reads ctu_scan_order.",
        clauses=_AGG,
        units=unification,
        level=Level.INFERRED,
    ),
    Recipe(
        id="agg-unification-off-by-lps",
        title="No ctu_scan_order after an LPS without unification",
        tests="The LPS in force decides.",
        catches="A decoder that looks at the MPS only.",
        clauses=_AGG,
        units=unification_by_lps,
        level=Level.INFERRED,
    ),
)
