"""scan_order and entry points (clauses 6 and 10)."""

from math import prod

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_SCAN = ("6 nnr_compressed_data_unit_header", "10 quant_tensor")


def scanned(scan_order: int, dimensions: tuple[int, ...], numbers: Numbers, *, dq_flag: bool = False, persistence: int = 170) -> Values:
    """Build a tensor of random indexes in block scan.

    It is an INT, or a FLOAT with dq_flag.

    Args:
        scan_order: 1 to 4: blocks of 8, 16, 32 or 64 rows and columns.
        dimensions: Dimensions of the tensor, which also name it.
        numbers: The recipe's random numbers.
        dq_flag: Whether dependent quantization is used.
        persistence: Of 256: how likely a magnitude grows by one more.
    """
    name = "x".join(map(str, dimensions))
    kind = NNR_PT_FLOAT if dq_flag else NNR_PT_INT
    head = header(kind, name, dimensions, scan_order=scan_order, dq_flag=dq_flag)
    return ndu(head, Coded(numbers.quants(name, prod(dimensions), persistence)))


def border_dimensions(side: int) -> tuple[tuple[int, ...], ...]:
    """Return matrix sizes one below, at and one above a block."""
    return tuple((rows, columns) for rows in (side - 1, side) for columns in (side - 1, side, side + 1))


def row_dimensions(side: int) -> tuple[tuple[int, ...], ...]:
    """Return matrix sizes of two and three block rows, whole and cut."""
    return (side + 1, 2), (2 * side, side + 1), (2 * side + 1, side)


def borders(scan_order: int) -> Recipe:
    """Build the recipe of matrices about as large as a block, with one block row.

    Args:
        scan_order: 1 to 4.
    """
    side = 4 << scan_order
    return Recipe(
        id=f"scan-{scan_order}-borders",
        title=f"Blocks of {side}, one block row",
        tests="Matrices just below, at and above the size of a block: borders are cut, no entry point, no forced range.",
        catches="A decoder that pads blocks, walks them column by column, or forces the range where there is one block row.",
        clauses=_SCAN,
        units=lambda numbers: opening() + [scanned(scan_order, dimensions, numbers) for dimensions in border_dimensions(side)],
    )


def block_rows_recipe(scan_order: int, *, dq_flag: bool, level: Level = Level.CORE) -> Recipe:
    """Build the recipe of matrices with several block rows, and so with entry points.

    Args:
        scan_order: 1 to 4.
        dq_flag: Whether dependent quantization is used.
        level: The vector's level.
    """
    side = 4 << scan_order
    return Recipe(
        id=f"scan-{scan_order}-block-rows{'-dq' if dq_flag else ''}",
        title=f"Blocks of {side}, several block rows{', dependent quantization' if dq_flag else ''}",
        tests="At each block row contexts start again, the range is 256 and the trellis goes on; an entry point says where.",
        catches="A decoder that never re-initialises, misses the forced range of the first row, or starts the trellis again.",
        clauses=_SCAN,
        level=level,
        units=lambda numbers: (
            opening() + [scanned(scan_order, dimensions, numbers, dq_flag=dq_flag) for dimensions in row_dimensions(side)]
        ),
    )


def higher_ranks(numbers: Numbers) -> list[Values]:
    """Build tensors of three to five dimensions.

    Rows are dimension 0, columns the product of all others.
    """
    shapes = (9, 3, 3), (17, 2, 2, 2), (2, 3, 5, 2, 1), (10, 1, 1, 3)
    return opening() + [scanned(1, dimensions, numbers) for dimensions in shapes]


def five_dimensions(numbers: Numbers) -> list[Values]:
    """Build tensors of five dimensions, with two or three block rows in each scan order."""
    shapes = (1, (17, 2, 1, 3, 2)), (2, (18, 1, 3, 2, 1)), (3, (33, 1, 2, 1, 2)), (4, (65, 2, 1, 1, 2))
    return opening() + [scanned(scan_order, dimensions, numbers, dq_flag=scan_order % 2 == 0) for scan_order, dimensions in shapes]


def many_rows(numbers: Numbers) -> list[Values]:
    """Build forty block rows of two columns, whose lengths grow and shrink."""
    quants = [quant * (place // 16 % 7) for place, quant in enumerate(numbers.quants("w", 640, 200).tolist())]
    return [*opening(), ndu(header(NNR_PT_INT, "w", (320, 2), scan_order=1), Coded(quants))]


def long_rows(numbers: Numbers) -> list[Values]:
    """Build block rows of more than 2048 bits, beyond bit_offset_delta1's first code length."""
    return [*opening(), scanned(1, (17, 120), numbers, persistence=240)]


RECIPES = (
    *map(borders, (1, 2, 3, 4)),
    *(block_rows_recipe(scan_order, dq_flag=False, level=Level.FULL) for scan_order in (1, 2)),
    *(block_rows_recipe(scan_order, dq_flag=False) for scan_order in (3, 4)),
    block_rows_recipe(1, dq_flag=True),
    *(block_rows_recipe(scan_order, dq_flag=True, level=Level.FULL) for scan_order in (2, 3, 4)),
    Recipe(
        id="scan-1-higher-ranks",
        title="Block scans of three to five dimensions",
        tests="Dimension 0 gives the rows, the product of the others the columns.",
        catches="A decoder that scans the last two dimensions.",
        clauses=_SCAN,
        units=higher_ranks,
    ),
    Recipe(
        id="scan-five-dimensions",
        title="Block scans of five dimensions, several block rows",
        tests="Rows of every scan order are dimension 0 of five; entry points and trellis follow its blocks.",
        catches="A decoder that takes block rows from another dimension, or has room for four.",
        clauses=_SCAN,
        level=Level.FULL,
        units=five_dimensions,
    ),
    Recipe(
        id="scan-1-many-block-rows",
        title="Forty block rows",
        tests="Entry points of many rows whose lengths rise and fall: bit_offset_delta2 of both signs.",
        catches="A decoder that adds bit_offset_delta2 to the position in place of the length.",
        clauses=_SCAN,
        level=Level.FULL,
        units=many_rows,
    ),
    Recipe(
        id="scan-1-long-block-rows",
        title="Block rows longer than 2048 bits",
        tests="bit_offset_delta1 of more than one code length, large bit_offset_delta2.",
        catches="A decoder that reads offsets in a fixed length.",
        clauses=_SCAN,
        level=Level.FULL,
        units=long_rows,
    ),
    Recipe(
        id="scan-1-zeros",
        title="A block scan of zeros",
        tests="Block rows of a few bits: entry points closer together than the decoder's window.",
        catches="A decoder that takes the entry point's offset from the payload's bits.",
        clauses=_SCAN,
        level=Level.FULL,
        units=lambda _: [*opening(), ndu(header(NNR_PT_INT, "w", (40, 3), scan_order=1), Coded([0] * 120))],
    ),
    Recipe(
        id="scan-1-one-row",
        title="A block scan of one row",
        tests="A 1 x N matrix in blocks is scanned like scan 0.",
        catches="A decoder that expects whole blocks.",
        clauses=_SCAN,
        units=lambda numbers: [*opening(), scanned(1, (1, 30), numbers), scanned(4, (1, 3), numbers)],
    ),
    Recipe(
        id="scan-1-one-column",
        title="A block scan of one column, one block row",
        tests="An N x 1 matrix of one block row has no entry point.",
        catches="A decoder that counts block rows by elements.",
        clauses=_SCAN,
        units=lambda numbers: [*opening(), scanned(1, (8, 1), numbers), scanned(4, (64, 1, 1), numbers)],
    ),
)
