"""Skipped rows of matrices: wherever a scan can cut them, and with a trellis (clause 10)."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.composition import Coded
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import SessionRecipe, StepUnits
from nnc_conformance.generator.updates import InTurn, stream, unit
from nnc_conformance.reference.entropy.coding import ScanArea
from nnc_conformance.reference.quantization.scan import in_scan_order
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.storage.vector import Level

TENSOR: Final = ("10 quant_tensor",)
_PLACES: Final = {
    "none": (),
    "first": (0,),
    "last": (5,),
    "between": (2,),
    "three-together": (1, 2, 3),
    "both-ends": (0, 5),
    "all-but-one": (0, 1, 2, 4, 5),
    "all": (0, 1, 2, 3, 4, 5),
}
"""Rows of six to skip."""


def side_of(scan_order: int) -> int:
    """Return the side of a scan's blocks; 0 without blocks."""
    return 4 << scan_order if scan_order else 0


def skipping(quants: npt.NDArray[np.int64], dimensions: tuple[int, ...], skipped: Sequence[int], scan_order: int = 0, **more: Any) -> Coded:
    """Set rows to zeros that are skipped, and bring the indexes into coded order.

    Args:
        quants: The indexes in row-major order.
        dimensions: Dimensions of the tensor.
        skipped: Numbers of the rows to skip.
        scan_order: 0 for row by row, 1 to 4 for blocks.
        **more: Further arguments of `Coded`.
    """
    columns = int(np.prod(dimensions[1:]))
    rows = np.array(quants).reshape(dimensions[0], columns)
    rows[list(skipped)] = 0
    ordered = in_scan_order(rows.reshape(-1), ScanArea(dimensions[0], columns, side_of(scan_order)))
    return Coded(ordered, skipped=tuple(skipped), **more)


def matrix(
    numbers: Numbers, dimensions: tuple[int, ...], skipped: Sequence[int], scan_order: int = 0, *, dq: bool = False, name: str = "w"
) -> InTurn:
    """Make a FLOAT tensor of random indexes, some rows of which are zeros and skipped.

    Args:
        numbers: The recipe's random numbers.
        dimensions: Dimensions of the tensor.
        skipped: Numbers of the skipped rows.
        scan_order: 0 for row by row, 1 to 4 for blocks.
        dq: Whether dependent quantization is used.
        name: Id of the tensor.
    """
    quants = numbers.quants(name, int(np.prod(dimensions)), 120)
    coded = skipping(quants, dimensions, skipped, scan_order)
    return unit(NNR_PT_FLOAT, name, dimensions, coded, dq_flag=dq, scan_order=scan_order)


def cut_rows(side: int, rows: int) -> dict[str, tuple[int, ...]]:
    """Return the rows to skip for each case, by the case's name.

    Names say where the rows lie in a matrix of ``rows`` rows that is cut into blocks of ``side``
    rows: at their starts or ends, all of one block, across the first border, none, or every row.
    """
    places = {
        "block-row-starts": tuple(range(0, rows, side)),
        "block-row-ends": tuple(row for row in range(rows) if row % side == side - 1 or row == rows - 1),
        "block-row": tuple(range(side, min(2 * side, rows))),
        "last-block-row": tuple(range((rows - 1) // side * side, rows)),
        "across": tuple(range(side - 2, side + 3)),
        "none": (),
        "every-row": tuple(range(rows)),
    }
    return {name: tuple(row for row in chosen if row < rows) for name, chosen in places.items()}


def trellis(numbers: Numbers, width: int) -> list[StepUnits]:
    """Make matrices that skip every other row, so that each stateId meets a skipped row.

    Args:
        numbers: The recipe's random numbers.
        width: Columns of a matrix; others have 4 more.
    """
    rows = 96
    units = [
        matrix(numbers, (rows, columns), range(1 + start, rows, 2), dq=True, name=f"w{columns}from{start}")
        for columns in (width, width + 4)
        for start in range(2)
    ]
    return [stream(*units)]


def neighbours(numbers: Numbers) -> list[StepUnits]:
    """Make matrices with a zero, negative or positive index around skipped rows."""
    columns = 3
    units: list[InTurn] = []
    for before in (0, -1, 2):
        for after in (0, -3, 1):
            rows = np.array([[1, -1, before], [0] * columns, [after, 1, 0]])
            name = f"before{before}after{after}"
            units.append(unit(NNR_PT_INT, name, rows.shape, skipping(rows, rows.shape, (1,))))
    return [stream(*units)]


def without_flags() -> list[StepUnits]:
    """Make tensors that have no row_skip_enabled_flag: a vector, an N x 1 and a 1 x N matrix."""
    shapes: dict[str, tuple[int, ...]] = {"vector": (4,), "column": (4, 1), "row": (1, 4), "deep": (1, 2, 2), "thin": (4, 1, 1)}
    return [stream(*(unit(NNR_PT_INT, name, dims, Coded([1, 0, -2, 3])) for name, dims in shapes.items()))]


def _recipes() -> Iterator[SessionRecipe]:
    """Yield the recipes of skipped rows: their places, scans, trellis and neighbours."""
    for dq in (False, True):
        end, how = ("-dq", " with dependent quantization") if dq else ("", "")
        for name, rows in _PLACES.items():
            yield SessionRecipe(
                id=f"row-skip-{name}{end}",
                title=f"Skipped rows: {name.replace('-', ' ')}{how}",
                tests=f"Of six rows {len(rows)} are in row_skip_list, and none of their indexes is coded.",
                catches="A decoder that codes skipped rows, or reads row_skip_list in another context or place.",
                clauses=TENSOR,
                level=Level.FULL if dq and name in ("first", "last", "both-ends") else Level.CORE,
                steps=lambda numbers, rows=rows, dq=dq: [stream(matrix(numbers, (6, 5), rows, dq=dq))],  # type: ignore[misc]
            )
        for scan_order in range(1, 5):
            side = side_of(scan_order)
            for name, rows in cut_rows(side, 2 * side + 3).items():
                small = scan_order < 3
                dims = (2 * side + 3, 2 * side + 4 if small else 6)
                yield SessionRecipe(
                    id=f"row-skip-scan-{scan_order}-{name}{end}",
                    title=f"Skipped rows in blocks of {side}: {name.replace('-', ' ')}{how}",
                    tests="A skipped row is passed over in every block that it crosses, and entry points stay where decoding finds them.",
                    catches="A decoder that skips a row in one block only, or counts block rows without the skipped rows.",
                    clauses=TENSOR,
                    level=Level.CORE,
                    steps=lambda numbers, dims=dims, rows=rows, order=scan_order, dq=dq: [  # type: ignore[misc]
                        stream(matrix(numbers, dims, rows, order, dq=dq))
                    ],
                )
    for width in range(2, 6):
        yield SessionRecipe(
            id=f"row-skip-trellis-width-{width}",
            title=f"The trellis over skipped rows of {width} and {width + 4} columns",
            tests="Every skipped row drives the trellis as many steps of parity 0 as it is wide, from each of the eight states.",
            catches="A decoder that leaves the trellis where it is over a skipped row, or drives it once a row.",
            clauses=TENSOR,
            steps=lambda numbers, width=width: trellis(numbers, width),  # type: ignore[misc]
        )
    yield SessionRecipe(
        id="row-skip-neighbours",
        title="The neighbour of an index after a skipped row",
        tests="The context of the first index after a skipped row follows the last coded index, as if the skipped row were not there.",
        catches="A decoder that takes the neighbour for 0 after a skipped row.",
        clauses=TENSOR,
        steps=neighbours,
    )
    yield SessionRecipe(
        id="row-skip-not-in-vectors",
        title="Tensors without row_skip_enabled_flag",
        tests="A vector and matrices of one row or one column have no row_skip_enabled_flag.",
        catches="A decoder that reads row_skip_enabled_flag in every tensor, or in every tensor of two dimensions.",
        clauses=TENSOR,
        steps=lambda _: without_flags(),
    )
    for name, dims, order in (("two-blocks", (10, 10), 1), ("three-blocks", (9, 18), 1), ("blocks-of-16", (17, 33), 2)):
        yield SessionRecipe(
            id=f"row-skip-stretch-{name}",
            title=f"The trellis over skipped rows of {dims[1]} columns in blocks of {side_of(order)}",
            tests="The trellis steps over a skipped row's part in a block once for each column of the row, or once for each skipped index.",
            catches="Nothing: the point is disputed.",
            clauses=TENSOR,
            level=Level.DISPUTED,
            switch="skipped_stretch",
            steps=lambda numbers, dims=dims, order=order: [  # type: ignore[misc]
                stream(matrix(numbers, dims, (1, 3, 4, 7), order, dq=True))
            ],
        )
    yield SessionRecipe(
        id="row-skip-dimensions",
        title="Rows of a tensor of four dimensions",
        tests="A row holds all elements with the same first place: it is as wide as the product of the other dimensions.",
        catches="A decoder that takes the last dimension for the columns.",
        clauses=TENSOR,
        steps=lambda numbers: [stream(matrix(numbers, (4, 2, 1, 3), (1, 2)))],
    )


RECIPES = tuple(_recipes())
