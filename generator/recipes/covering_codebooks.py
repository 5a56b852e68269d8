"""Codebooks whose elements stand on both sides of each code length (clause 6)."""

from collections.abc import Callable, Sequence

import numpy as np

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.coverage.catalogue import wanted_values
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.composer import HeaderForm
from nnc_conformance.reference.entropy.coding import INT32_MAX, INT32_MIN
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, Codebook
from nnc_conformance.reference.syntax.walker import Values

_CODEBOOK = ("6 codebook",)
ORDERS_TOGETHER = 4


def coded(name: str, values: Sequence[int], zero_offset: int, egk: int) -> Values:
    """Build a tensor of one 0 with a codebook: it decodes to the codebook's middle value."""
    head = header(NNR_PT_FLOAT, name, (1,), codebook=Codebook(np.array(values, dtype=np.int64).astype(np.int32), zero_offset))
    return ndu(head, Coded([0]), form=HeaderForm(codebook_egk=egk))


def packed(deltas: Sequence[int]) -> list[list[int]]:
    """Divide codebook deltas into groups, largest first, each for one codebook.

    The values of a codebook rise by delta + 1 each, and must stay within int32.
    """
    groups: list[list[int]] = []
    for delta in sorted(deltas, reverse=True):
        for group in groups:
            if sum(group) + len(group) + delta + 1 <= INT32_MAX - INT32_MIN:
                group.append(delta)
                break
        else:
            groups.append([delta])
    return groups


def delta_units(egk: int) -> list[Values]:
    """Build data units whose codebooks have deltas of each code length on both sides.

    Args:
        egk: codebook_egk, the order of the code.
    """
    units = []
    for number, group in enumerate(packed(wanted_values("codebook_delta_left", f"ue({egk})"))):
        steps = np.cumsum([delta + 1 for delta in group])
        units.append(coded(f"left-{egk}-{number}", [*(INT32_MAX - steps)[::-1].tolist(), INT32_MAX], len(group), egk))
    for number, group in enumerate(packed(wanted_values("codebook_delta_right", f"ue({egk})"))):
        steps = np.cumsum([delta + 1 for delta in group])
        units.append(coded(f"right-{egk}-{number}", [INT32_MIN, *(INT32_MIN + steps).tolist()], 0, egk))
    return units


def deltas(first: int) -> Recipe:
    """Build the recipe of codebook deltas for `ORDERS_TOGETHER` values of codebook_egk.

    Args:
        first: The first of these values.
    """
    last = first + ORDERS_TOGETHER - 1
    return Recipe(
        id=f"codebook-deltas-egk-{first}-to-{last}",
        title=f"codebook_egk {first} to {last}: deltas of each code length",
        tests="Deltas stand first and last in each code length, up to the whole of int32.",
        catches="A decoder that reads a delta in too few bits, or whose values overflow on the way.",
        clauses=_CODEBOOK,
        units=lambda _: opening() + [unit for egk in range(first, last + 1) for unit in delta_units(egk)],
    )


def sizes() -> list[Values]:
    """Build codebooks of each wanted size."""
    return [coded(f"size{size}", range(size), size >> 1, 0) for size in wanted_values("codebook_size", "ue(2)")]


def centres() -> list[Values]:
    """Build codebooks with a codebook_centre_offset of each code length.

    Each is no larger than its offset needs.
    """
    units = []
    for offset in wanted_values("codebook_centre_offset", "ie(2)"):
        size = 2 * offset + 1 if offset >= 0 else -2 * offset
        units.append(coded(f"centre{offset}", range(size), (size >> 1) + offset, 0))
    return units


def zero_values() -> list[Values]:
    """Build codebooks of one value, one for each wanted value."""
    return [coded(f"zero{value}", [value], 0, 0) for value in wanted_values("codebook_zero_value", "ie(7)")]


def many_codebooks(name: str, *, title: str, tests: str, units: Callable[[], list[Values]]) -> Recipe:
    """Build the recipe of a stream with small codebooks, a data unit for each.

    Args:
        name: The end of the vector's id.
        title: The vector's title.
        tests: What it tests.
        units: Makes the data units.
    """
    return Recipe(
        id=f"codebook-{name}",
        title=title,
        tests=tests,
        catches="A decoder that reads the element in too few bits, or with its sign turned.",
        clauses=_CODEBOOK,
        units=lambda _: opening() + units(),
    )


RECIPES = (
    *map(deltas, range(0, 16, ORDERS_TOGETHER)),
    many_codebooks(
        "size-code-lengths",
        title="codebook_size of each code length",
        tests="Sizes stand first and last in each code length.",
        units=sizes,
    ),
    many_codebooks(
        "centre-code-lengths",
        title="codebook_centre_offset of each code length",
        tests="CbZeroOffset lies off the middle by as much as each code length tells, to both sides.",
        units=centres,
    ),
    many_codebooks(
        "zero-value-code-lengths",
        title="codebook_zero_value of each code length",
        tests="The value of index 0 is of each code length and sign, up to the ends of int32.",
        units=zero_values,
    ),
)
