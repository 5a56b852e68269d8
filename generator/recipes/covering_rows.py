"""Block scans and entry points: borders, numbers of block rows, row lengths of each code length
(clauses 6 and 10).
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from itertools import product
from math import prod

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.coverage.catalogue import wanted_values
from nnc_conformance.generator.directed.rows import block_rows, columns_for, lengths_with_changes
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.blocks import block_header
from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.syntax.structures.data_unit import DC, DEFAULT_UNARY_LENGTH, NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.reference.syntax.walker import Values

_SCAN = ("6 nnr_compressed_data_unit_header", "10 quant_tensor")
SIDE = 8
SHORTEST_ROW = 100
"""Bits of a row of a few indexes; a search can reach this length exactly."""
PERSISTENCE = 120


def exact(name: str, lengths: list[int]) -> Values:
    """Build an INT whose block rows take exactly these numbers of bits.

    Args:
        name: Id of the tensor.
        lengths: Bits of each block row but the last, whose length is free.
    """
    columns = columns_for(max(lengths), SIDE)
    rows = SIDE * len(lengths) + 1
    coding = TensorCoding(rows, columns, 1, False, DEFAULT_UNARY_LENGTH, 0)
    head = header(NNR_PT_INT, name, (rows, columns), scan_order=1)
    return ndu(head, Coded(block_rows(coding, lengths)))


@cache
def first_lengths() -> list[Values]:
    """Build tensors with a first block row of each wanted length."""
    return opening() + [exact(f"row{length}", [length]) for length in wanted_values("bit_offset_delta1", "ue(11)")]


@cache
def changes() -> list[Values]:
    """Build tensors whose block rows differ in length by each number of bits to cover.

    The differences are bit_offset_delta2. There is one tensor for each length of its code.
    """
    groups: dict[int, list[int]] = {}
    for change in wanted_values("bit_offset_delta2", "ie(7)"):
        groups.setdefault((2 * abs(change) >> 7).bit_length(), []).append(change)
    return opening() + [exact(f"change{group[-1]}", lengths_with_changes(group, SHORTEST_ROW)) for group in groups.values()]


def borders(scan_order: int) -> Iterator[tuple[int, int]]:
    """Yield matrix sizes: less than a block, one, two, and one and a part, in rows and in columns.

    Of large blocks, only sizes with two whole blocks or with two parts.
    """
    side = 4 << scan_order
    for rows, columns in product((2, side, 2 * side, side + 1), repeat=2):
        if scan_order <= 2 or 2 * side in (rows, columns) or rows == columns == side + 1:
            yield rows, columns


def border_units(scan_order: int, numbers: Numbers) -> list[Values]:
    """Build a random matrix of each size of `borders`, coded in blocks.

    Those of one block row are FLOAT with dependent quantization, the others INT.

    Args:
        scan_order: 1 to 4: blocks of 8, 16, 32 or 64 rows and columns.
        numbers: The recipe's random numbers.
    """
    units = opening()
    for rows, columns in borders(scan_order):
        dq_flag = rows <= 4 << scan_order
        name = f"{rows}x{columns}"
        head = header(NNR_PT_FLOAT if dq_flag else NNR_PT_INT, name, (rows, columns), scan_order=scan_order, dq_flag=dq_flag)
        units.append(ndu(head, Coded(numbers.quants(name, rows * columns, PERSISTENCE))))
    return units


def border_recipe(scan_order: int) -> Recipe:
    """Build the recipe of matrices with whole and cut blocks, for one scan order."""
    side = 4 << scan_order
    return Recipe(
        id=f"scan-{scan_order}-whole-and-cut-blocks",
        title=f"Blocks of {side}: whole blocks and parts in both directions",
        tests="Matrices of less than a block, one block, two blocks, and a block and a part, in rows and in columns.",
        catches="A decoder that drops a cut block, counts one too many, or starts a row where none is.",
        clauses=_SCAN,
        units=partial(border_units, scan_order),
    )


def decomposed(numbers: Numbers) -> list[Values]:
    """Build decomposed weights whose G and H have no, one or several entry points."""
    units = opening()
    sizes = (SIDE, SIDE + 1, 2 * SIDE + 1)
    for number, (rows, rank) in enumerate(product(sizes, repeat=2)):
        head = block_header(DC, (rows, 3), decomposition_rank=rank, g_number_of_rows=rows, scan_order=1)
        ids = (f"w{number}_G", f"w{number}_H")
        head = replace(head, ids=ids)
        parts = zip(ids, head.matrices, strict=True)
        units.append(ndu(head, {name: Coded(numbers.quants(name, prod(dimensions), PERSISTENCE)) for name, dimensions in parts}))
    return units


RECIPES = (
    *map(border_recipe, (1, 2, 3, 4)),
    Recipe(
        id="scan-1-first-row-code-lengths",
        title="bit_offset_delta1 of each code length",
        tests="A search makes the first block row exactly as long as the first and the last value of each code length tells.",
        catches="A decoder that reads bit_offset_delta1 in too few bits.",
        clauses=_SCAN,
        units=lambda _: first_lengths(),
    ),
    Recipe(
        id="scan-1-row-change-code-lengths",
        title="bit_offset_delta2 of each code length",
        tests="A search makes block rows longer and shorter by exactly the values at the ends of each code length, of both signs.",
        catches="A decoder that reads bit_offset_delta2 in too few bits, or with its sign turned.",
        clauses=_SCAN,
        units=lambda _: changes(),
    ),
    Recipe(
        id="block-dc-entry-points",
        title="Entry points of G and H",
        tests="One list holds the entry points of G, then those of H; each may have none, one or several.",
        catches="A decoder that starts H's lengths anew, or expects bit_offset_delta1 for both.",
        clauses=_SCAN,
        units=decomposed,
    ),
)
