"""Wrong block scans and entry points, as the vectors about them state it."""

from typing import Final

from nnc_conformance.faults.mutants.fault import UNCHECKED_ENTRY_POINTS, Edit, NamedFault

_DIMENSIONS: Final = "-(-dimensions[0] // (4 << scan_order))"

FAULTS: Final = (
    NamedFault(
        "first-block-row-not-narrowed",
        "The interval is narrowed to 256 at the entry points, not at the start of the first block row.",
        ("IvlCurrRange",),
        (UNCHECKED_ENTRY_POINTS, Edit("entropy.plain", "quant_tensor", "if area.rows > height:", "if first > 0:")),
        vectors=("scan-1-block-rows",),
    ),
    NamedFault(
        "one-block-row-narrowed",
        "The interval is narrowed to 256 in every block scan, also where there is one block row.",
        ("IvlCurrRange",),
        (Edit("entropy.plain", "quant_tensor", "if area.rows > height:", "if area.side > 0:"),),
        vectors=("scan-1-borders", "scan-1-one-row", "scan-1-one-column"),
    ),
    NamedFault(
        "cut-blocks-column-by-column",
        "A block that is cut in both directions is walked column by column.",
        ("scan_order",),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                "            for place in range(row * area.columns + left, row * area.columns + right):",
                "            for place in range(row * area.columns + left, row * area.columns + right):\n"
                "                if 1 < right - left < width and 1 < area.rows < width:\n"
                "                    number = row * (right - left) + place - row * area.columns - left\n"
                "                    place = number % area.rows * area.columns + left + number // area.rows",
            ),
        ),
        vectors=("scan-1-borders",),
    ),
    NamedFault(
        "last-two-dimensions-scanned",
        "Blocks are laid over the last two dimensions, one matrix after the other.",
        ("scan_order", "tensor_dimensions"),
        (
            Edit(
                "payload",
                "coding_of",
                "columns = prod(part.dimensions[1:])",
                "columns = prod(part.dimensions[-1:]) if scanned else prod(part.dimensions[1:])",
            ),
            Edit(
                "payload",
                "coding_of",
                "    integer = ",
                "    scanned = part.is_weight and header.scan_order > 0 and len(part.dimensions) > 2\n    integer = ",
            ),
            Edit(
                "payload",
                "coding_of",
                "rows = part.dimensions[0] if part.dimensions else 1",
                "rows = prod(part.dimensions[:-1]) if scanned else part.dimensions[0] if part.dimensions else 1",
            ),
        ),
        vectors=("scan-1-higher-ranks",),
    ),
    NamedFault(
        "first-row-in-12-bits",
        "bit_offset_delta1 is read in 12 bits, the length of its shortest code.",
        ("bit_offset_delta1",),
        (
            Edit(
                "syntax.structures.data_unit",
                "entry_point_list",
                'w.ue("bit_offset_delta1", 11)',
                'w.u("bit_offset_delta1", 12) - (1 << 11)',
            ),
        ),
        vectors=("scan-1-long-block-rows",),
    ),
    NamedFault(
        "column-of-blocks-of-1",
        "Blocks are made no wider than the matrix: a column is taken for as many block rows as it has indexes.",
        ("scan_order",),
        (Edit("syntax.structures.data_unit", "block_rows", _DIMENSIONS, "dimensions[0] if max(dimensions[1:]) == 1 else " + _DIMENSIONS),),
        vectors=("scan-1-one-column",),
    ),
    NamedFault(
        "row-taken-for-a-column",
        "A matrix of one row is taken for a column: each further block of it has an entry point.",
        ("scan_order",),
        (
            Edit(
                "syntax.structures.data_unit",
                "block_rows",
                _DIMENSIONS,
                "-(-(prod(dimensions) if dimensions[0] == 1 else dimensions[0]) // (4 << scan_order))",
            ),
        ),
        vectors=("scan-1-one-row",),
    ),
    NamedFault(
        "offset-from-the-payload",
        "At an entry point IvlOffset is read anew from the payload, 9 bits up to the one that is read next.",
        ("cabac_offset_list",),
        (
            UNCHECKED_ENTRY_POINTS,
            Edit(
                "entropy.plain",
                "quant_tensor",
                "entry_point[2] = r[POSITION]",
                "entry_point[2] = r[POSITION]\n            r[POSITION] -= WINDOW_BITS\n            r[OFFSET] = 0\n"
                "            for _ in range(WINDOW_BITS):\n                shift_bit(coder)",
            ),
        ),
        vectors=("scan-1-block-rows",),
    ),
    NamedFault(
        "rows-of-2-bytes",
        "Entry points less than two bytes apart are refused.",
        ("bit_offset_delta1",),
        (
            Edit(
                "payload",
                "expected_entry_points",
                "positions = [",
                "if lengths and min(lengths) < 16:\n        raise PayloadError('entry-points', 'rows too short')\n    positions = [",
            ),
        ),
        vectors=("scan-1-zeros",),
    ),
    NamedFault(
        "left-over-rows-column-by-column",
        "Blocks of 8 are decoded four rows at a time, and three rows that are left over column by column.",
        ("scan_order",),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                "            for place in range(row * area.columns + left, row * area.columns + right):",
                "            for place in range(row * area.columns + left, row * area.columns + right):\n"
                "                if width == 8 and area.rows == 7 and row >= 4:\n"
                "                    number = (row - 4) * (right - left) + place - row * area.columns - left\n"
                "                    place = (4 + number % 3) * area.columns + left + number // 3",
            ),
        ),
        vectors=("scan-1-borders",),
    ),
    NamedFault(
        "entry-points-counted-in-a-byte",
        "The number of entry points is kept in a byte.",
        ("scan_order", "cabac_offset_list"),
        (Edit("syntax.structures.data_unit", "entry_point_list", "    for j in range(count):", "    for j in range(count & 0xFF):"),),
        vectors=("scan-1-256-block-rows",),
    ),
)
