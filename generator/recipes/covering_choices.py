"""Every pair and triple of tool choices, from the covering arrays, as small data units."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.composition import Coded, book, header, ndu
from nnc_conformance.generator.coverage.arrays import STRENGTHS, later_rows, rows
from nnc_conformance.generator.coverage.choices import (
    BLOCK,
    CONSTRAINTS,
    DEFAULT_UNARY,
    DEFLATE,
    FACTORS,
    FORMAT_NAMES,
    INDEX,
    INDEXES,
    INT,
    NONE,
    PARAMETER_TYPES,
    RAW_FLOAT,
    STRINGS,
    YES,
    Choice,
)
from nnc_conformance.generator.coverage.goals import GoalStanding
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.blocks import block_ids
from nnc_conformance.generator.recipes.disputed_topologies import TOPOLOGIES
from nnc_conformance.generator.recipes.inferred import container
from nnc_conformance.generator.recipes.topology import reference_list
from nnc_conformance.generator.stored_blocks import deflate_stored
from nnc_conformance.reference.composer import HeaderForm, layer_parameter_set, model_parameter_set, start_unit, topology_unit
from nnc_conformance.reference.payload import coded_parts
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import (
    DC,
    DEFAULT_UNARY_LENGTH,
    PAYLOAD_TYPE_NAMES,
    Codebook,
    DataUnitHeader,
    DimensionMapping,
)
from nnc_conformance.reference.syntax.structures.topology import DEFLATE as DEFLATED
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_BMSK, RAW
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

ROWS_TOGETHER = 8
"""Largest number of data units in a stream: few enough to see which one fails."""
CODEBOOK = book(6, -20, -9, -5, -3, -2, -1, 0, 1, 2, 4, 7, 11, 30)
CODEBOOK_OF_H = book(7, -40, -33, -17, -12, -8, -7, -6, 3, 5, 6, 9, 14, 15, 22, 31)
"""The codebook of H where it has one of its own."""
QUANTS = (0, 1, -1, 2, -3, 3)
"""Coded indexes that stay in the codebook when doubled."""
NARROW_QUANTS = (0, -1, -1, 0, -1)
"""Coded indexes whose values fit two bits, doubled or not."""
NARROW_FORMATS = ("INT2", "INT3", "INT4")
SWITCHES = ("data_string", "int_dq_flag", "data_format")
"""Disputed points that choices can touch; a vector distinguishes the first one that its rows touch.
"""
LEVELS = {
    (2, GoalStanding.CERTIFIED): Level.CORE,
    (3, GoalStanding.CERTIFIED): Level.FULL,
    (2, GoalStanding.DISPUTED): Level.DISPUTED,
    (3, GoalStanding.DISPUTED): Level.DISPUTED,
    (2, GoalStanding.INFERRED): Level.INFERRED,
    (3, GoalStanding.INFERRED): Level.INFERRED,
}
CLAUSES = ("6 nnr_compressed_data_unit_header", "9", "10 quant_tensor")


def switch_of(choice: Choice) -> str | None:
    """Return the disputed point that a choice of tools depends on; None if on none.

    If there are several, it is the first of `SWITCHES`.
    """
    broken = {
        constraint.reason
        for constraint in CONSTRAINTS
        if constraint.standing is GoalStanding.DISPUTED and not constraint.holds(*(choice[factor] for factor in constraint.factors))
    }
    return next((switch for switch in SWITCHES if switch in broken), None)


def is_indexed(choice: Choice) -> bool:
    """Return whether ids travel as indexes."""
    return choice["id form"] in (INDEX, INDEXES)


def unary_length(choice: Choice) -> int:
    """Return a cabac_unary_length that belongs to the choice's class, such as ``2..9``."""
    if choice["unary length"] == DEFAULT_UNARY:
        return DEFAULT_UNARY_LENGTH
    low, _, high = choice["unary length"].partition("..")
    return (int(low) + int(high or low)) // 2 if high != "255" else 40


def quantization_of(choice: Choice) -> Quantization | None:
    """Return a step of 1/32 in the choice's density; None for a choice without qp.

    With it all values fit the narrowest format.
    """
    if choice["qp_density"] == NONE:
        return None
    density = int(choice["qp_density"])
    return Quantization(density, -5 << density)


def dimensions_of(choice: Choice) -> tuple[int, ...]:
    """Return dimensions of two block rows, or of a small tensor of three dimensions."""
    scan_order = int(choice["scan_order"])
    return ((4 << scan_order) + 1, 2) if scan_order else (3, 1, 2)


def header_of(choice: Choice, name: str, codebook_of_h: Codebook = CODEBOOK) -> DataUnitHeader:
    """Build the data unit header that a row of a covering array requires.

    Args:
        choice: The value of each factor, such as payload type or scan order.
        name: Id of the tensor; with several tensors in the unit, the prefix of their ids.
        codebook_of_h: Codebook of H, if the choice has codebooks and a decomposed weight.
    """
    types = sum(flag for factor, flag in PARAMETER_TYPES.items() if choice[factor] == YES)
    dimensions = dimensions_of(choice)
    kind, several = choice["payload type"], choice["id form"] in (STRINGS, INDEXES)
    ids: tuple[str, ...] = (name,)
    mapping = None
    if kind == BLOCK:
        ids = tuple(f"{name}.{part}" for part in block_ids(types))
    elif several:
        ids, mapping = (f"{name}.a", f"{name}.b"), DimensionMapping(0, (0,), ((), ()))
    codebook = CODEBOOK if choice["codebook"] == YES else None
    return header(
        PAYLOAD_TYPE_NAMES.index(kind),
        ids,
        dimensions,
        quantization_of(choice),
        dq_flag=choice["dq_flag"] == YES,
        codebook=codebook,
        codebook_dc=codebook_of_h if codebook is not None and kind == BLOCK and types & DC else None,
        data_format=None if choice["data format"] == NONE else FORMAT_NAMES.index(choice["data format"]),
        unary_length=unary_length(choice),
        parameter_types=types,
        decomposition_rank=2 if types & DC else 0,
        g_number_of_rows=dimensions[0] if types & DC else 0,
        scan_order=int(choice["scan_order"]),
        mapping=mapping,
    )


def data_unit_of(choice: Choice, name: str, names: Sequence[str], codebook_of_h: Codebook) -> Values:
    """Build the data unit that a row of a covering array requires, with fixed indexes.

    Args:
        choice: The value of each factor.
        name: Id of the tensor; with several tensors in the unit, the prefix of their ids.
        names: All ids of the topology's reference list, for choices that code ids as indexes.
        codebook_of_h: As for `header_of`.
    """
    head = header_of(choice, name, codebook_of_h)
    form = HeaderForm(unary_length_present=choice["unary length"] != DEFAULT_UNARY, reference_list=names if is_indexed(choice) else None)
    common: dict[str, Any] = {"nnr_unit_size_flag": 1} if choice["size flag"] == YES else {}
    narrow = choice["data format"] in NARROW_FORMATS
    if choice["payload type"] == RAW_FLOAT:
        return ndu(head, raw_values(prod(head.dimensions)), form=form, **common)
    integer = choice["payload type"] == INT
    pool = NARROW_QUANTS if narrow and integer else QUANTS
    tensors = {
        part.id: Coded(np.resize(np.roll(pool, number), prod(part.dimensions)), 0 if integer else -number)
        for number, part in enumerate(coded_parts(head))
    }
    return ndu(head, tensors, form=form, **common)


def raw_values(count: int) -> npt.NDArray[np.float32]:
    """Return numbers that fit every decompressed data format."""
    return np.resize(np.array([0.0, 1.0, -2.0, -1.0, -0.0], dtype=np.float32), count)


def topology_units(choice: Choice, names: list[str]) -> Iterator[Values]:
    """Yield the units that carry a choice's topology; none for the topology ``none``.

    A reference list comes first if it is the topology, or if the choice codes ids as indexes.

    Args:
        choice: The value of each factor. Those used are topology, compression, and the form of ids.
        names: The ids for the reference list.
    """
    if is_indexed(choice) or choice["topology"] == "REFLIST":
        yield reference_list(names)
    if choice["topology"] == "PRUN":
        yield container(NNR_TPL_BMSK)
    elif choice["topology"] not in (NONE, "REFLIST"):
        storage, data = TOPOLOGIES[choice["topology"].lower()]
        deflated = choice["compression"] == DEFLATE
        content = deflate_stored(data) if deflated else data
        yield topology_unit(storage, DEFLATED if deflated else RAW, {"topology_data": content})


def units_of(chosen: Sequence[Choice], codebook_of_h: Codebook = CODEBOOK) -> list[Values]:
    """Build one stream with a data unit for each choice of tools.

    The choices must agree in id form, topology and compression, which a whole stream has. Data
    units without a qp come first, because a qp once set stays in force.

    Args:
        chosen: The value of each factor, such as payload type, for each data unit.
        codebook_of_h: Codebook of H, where a choice has codebooks and a decomposed weight.
    """
    ordered = sorted(chosen, key=lambda choice: FACTORS["qp_density"].index(choice["qp_density"]))
    first = ordered[0]
    named = [(choice, f"t{number}") for number, choice in enumerate(ordered)]
    names = [name for choice, prefix in reversed(named) for name in header_of(choice, prefix).ids]
    units = [start_unit(), model_parameter_set(None, indexed_references=is_indexed(first)), *topology_units(first, [*names, "unused"])]
    in_force = None
    for choice, name in named:
        quantization = quantization_of(choice)
        if quantization != in_force and quantization is not None:
            units.append(layer_parameter_set(quantization))
            in_force = quantization
        units.append(data_unit_of(choice, name, [*names, "unused"], codebook_of_h))
    return units


def _shared(choice: Choice) -> tuple[str, ...]:
    """Return what the choices of one stream have in common."""
    return (switch_of(choice) or "", str(is_indexed(choice)), choice["topology"], choice["compression"])


def streams_of(chosen: Sequence[Choice]) -> Iterator[list[Choice]]:
    """Group choices of tools into streams of at most `ROWS_TOGETHER`, and yield each.

    The choices of a stream agree in what a whole stream has, such as its topology.
    """
    for _, members in groupby(sorted(chosen, key=_shared), key=_shared):
        group: list[Choice] = list(members)
        yield from (group[first : first + ROWS_TOGETHER] for first in range(0, len(group), ROWS_TOGETHER))


def recipes_of(strength: int, standing: GoalStanding) -> Iterator[Recipe]:
    """Yield recipes whose data units together have all pairs, or triples, of tool choices.

    Triples also need decomposed blocks with codebooks, whose recipes come last.

    Args:
        strength: 2 for pairs, 3 for triples.
        standing: Whether the combinations are certified, inferred or disputed.
    """
    name = f"{STRENGTHS[strength]}-{standing.value}"
    for number, chosen in enumerate(streams_of(rows(strength, standing)), start=1):
        yield _recipe(f"{name}-{number:03}", number, chosen, (strength, standing), CODEBOOK)
    later = later_rows(standing) if strength == max(STRENGTHS) else []
    for number, chosen in enumerate(streams_of(later), start=1):
        yield _recipe(f"{name}-dc-codebooks-{number:03}", number, chosen, (strength, standing), CODEBOOK_OF_H)


def _recipe(name: str, number: int, chosen: Sequence[Choice], array: tuple[int, GoalStanding], codebook_of_h: Codebook) -> Recipe:
    """Build the recipe of one stream of tool choices.

    Args:
        name: The end of the vector's id.
        number: Number of the stream, for the title.
        chosen: The choices, a data unit each.
        array: 2 for pairs or 3 for triples, and the standing of the combinations.
        codebook_of_h: As for `units_of`.
    """
    strength, standing = array
    tools = f"{'indexed ids' if is_indexed(chosen[0]) else 'named'}, topology {chosen[0]['topology']}"
    return Recipe(
        id=f"choices-{name}",
        title=f"{STRENGTHS[strength].capitalize()} of tool choices, {standing.value}, stream {number}: {tools}",
        tests=f"Each of its {len(chosen)} data units combines payload type, scan, quantizer, parts, density, format and ids anew.",
        catches="Not a bug by itself: published codecs differ."
        if standing is GoalStanding.DISPUTED
        else "A decoder in which two or three tools, each right alone, go wrong together.",
        clauses=CLAUSES,
        units=lambda _: units_of(chosen, codebook_of_h),
        level=LEVELS[array],
        switch=switch_of(chosen[0]) if standing is GoalStanding.DISPUTED else None,
    )


RECIPES = tuple(recipe for key in LEVELS for recipe in recipes_of(*key))
