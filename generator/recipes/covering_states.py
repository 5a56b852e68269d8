"""Block rows under signalled parameter sets, and what a decoder must not carry over between block
rows, parts and units (clause 10).
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from math import gcd, prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.composition import Coded, book, header, ndu, opening
from nnc_conformance.generator.coverage.events import UNARY_CLASSES
from nnc_conformance.generator.coverage.states import PARTS
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.blocks import block_header
from nnc_conformance.generator.recipes.topology import reference_list
from nnc_conformance.reference.composer import HeaderForm, layer_parameter_set, quantization_unit, topology_unit
from nnc_conformance.reference.entropy.coding import HIGHEST_SCAN_ORDER
from nnc_conformance.reference.entropy.contexts import context_layout
from nnc_conformance.reference.entropy.kernel_tables import SETS
from nnc_conformance.reference.payload import coded_parts
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import (
    BI,
    BN,
    DC,
    LS,
    NNR_PT_FLOAT,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    DataUnitHeader,
)
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_UNREC, RAW
from nnc_conformance.reference.syntax.walker import Values

_STATE = ("6 nnr_compressed_data_unit_header", "10 quant_tensor")
SPARE_ROWS: Final = 6
"""Rows of the last block row, fewer than a block has."""
COLUMNS: Final = 2
"""Columns of most tensors; with one, the scan would be disputed."""
STEPS: Final = tuple(step for step in range(40) if gcd(step, 40) == 1)
"""Steps through the 40 combinations of one scan order and part that take in each of them."""
LENGTHS: Final = tuple(high if high in (1, 10, 256) else low + 29 * (low > 2) for low, high in UNARY_CLASSES)
"""A cabac_unary_length of each class."""
ALONE, WEIGHT, G, H = PARTS
SLUGS: Final = {ALONE: "alone", WEIGHT: "weight", G: "g", H: "h"}
PERSISTENCE: Final = 150
"""Persistence of indexes that are small, about half of them zero."""
_BOOK: Final = book(4, -40, -19, -11, -4, 0, 3, 14, 15, 31)
_BOOK_OF_H: Final = book(2, -7, -5, 1, 2, 9, 44)
EACH_SET: Final = (16, 30)
"""Rows and columns that bring most contexts several bins in each of two block rows."""


def sets_of(head: DataUnitHeader, first: int) -> npt.NDArray[np.int64]:
    """Return parameter sets 1 to 8 in turn, beginning with ``first``: int64 (contexts,)."""
    layout = context_layout(head.dq_flag, head.unary_length)
    return 1 + (first + np.arange(layout.flag)) % (SETS - 1)


def quants_of(numbers: Numbers, label: str, count: int, row_size: int, unary_length: int) -> npt.NDArray[np.int64]:
    """Draw small indexes, with two large ones in each block row.

    These have different signs and exceed ``unary_length``; one is early, one late.

    Args:
        numbers: The recipe's random numbers.
        label: Selects the random numbers.
        count: Number of indexes.
        row_size: Indexes of a block row.
        unary_length: cabac_unary_length.
    """
    quants = numbers.quants(label, count, PERSISTENCE)
    from_end = numbers.integers(f"{label}/place", -(-count // row_size), 1, 3).tolist()
    for number, start in enumerate(range(0, count, row_size)):
        sign = 1 - 2 * (number & 1)
        quants[min(start + 1, count - 1)] = sign * (unary_length + 2)
        quants[max(min(start + row_size, count) - from_end[number], 0)] = -sign * (unary_length + 5)
    return quants


def head_of(part: str, name: str, rows: int, **tools: Any) -> DataUnitHeader:
    """Build the header of a data unit in which one tensor has several block rows.

    Args:
        part: Which tensor that is: alone, the weight of a BLOCK, or G or H of a decomposed one.
        name: Id of the tensor; in a BLOCK it begins the ids.
        rows: Rows of the tensor.
        **tools: Further fields of the header.
    """
    if part == ALONE:
        return header(NNR_PT_FLOAT, name, (rows, COLUMNS), **tools)
    if part == WEIGHT:
        head = block_header(BI, (rows, COLUMNS), **tools)
    elif part == G:
        head = block_header(DC | BI, (rows, COLUMNS), decomposition_rank=2, g_number_of_rows=rows, **tools)
    else:
        head = block_header(DC, (2, COLUMNS), decomposition_rank=rows, g_number_of_rows=2, **tools)
    return replace(head, ids=tuple(f"{name}.{id}" for id in head.ids))


def several_rows(part: str, scan_order: int, numbers: Numbers) -> Iterator[Values]:
    """Yield data units with each combination of sets, block rows, dq_flag and unary length.

    In each unit the tensor ``part`` has several block rows. Each scan order and part has another
    order of the combinations. The other tensors of a unit signal parameter sets in every second
    unit.

    Args:
        part: Which tensor is meant, as for `head_of`.
        scan_order: 1 to 4.
        numbers: The recipe's random numbers.
    """
    side = 4 << scan_order
    choices = list(product((True, False), (1, 2), LENGTHS, (False, True)))
    step = STEPS[(scan_order - 1) * len(PARTS) + PARTS.index(part)]
    for number in range(len(choices)):
        signalled, whole_blocks, unary_length, dq_flag = choices[number * step % len(choices)]
        head = head_of(
            part, f"t{number}", whole_blocks * side + SPARE_ROWS, scan_order=scan_order, dq_flag=dq_flag, unary_length=unary_length
        )
        parts = coded_parts(head)
        tested = parts[-2] if part == G else parts[-1]
        tensors = {}
        for place, own in enumerate(parts):
            row_size = side * prod(own.dimensions[1:]) if own.is_weight else side
            quants = quants_of(numbers, own.id, prod(own.dimensions), row_size, unary_length)
            has_sets = signalled if own is tested else number % 2 == 0
            tensors[own.id] = Coded(quants, place - 3, sets_of(head, number + place) if has_sets else "default")
        yield ndu(head, tensors)


def rows_recipe(scan_order: int, part: str) -> Recipe:
    """Build the recipe of tensors with several block rows in one scan order.

    Args:
        scan_order: 1 to 4.
        part: Which tensor of a unit has them, as for `head_of`.
    """
    return Recipe(
        id=f"block-rows-scan-{scan_order}-{SLUGS[part]}",
        title=f"Several block rows of scan {scan_order}: {part}",
        tests=(
            "Two and three block rows, with parameter sets 1 to 8 in turn and with set 0, with and without dq_flag, at five unary lengths: "
            "each block row begins with the contexts in the initial states of their signalled sets."
        ),
        catches="A decoder that resets contexts to set 0 at a block row, keeps them, or forgets their rates of adaptation.",
        clauses=_STATE,
        units=lambda numbers: [*opening(), *several_rows(part, scan_order, numbers)],
    )


def each_set(numbers: Numbers) -> list[Values]:
    """Build tensors of two block rows, one for each parameter set of all contexts.

    There are as many again with dependent quantization.
    """
    units = opening()
    for dq_flag, chosen in product((False, True), range(SETS)):
        rows, columns = EACH_SET
        head = header(NNR_PT_FLOAT, f"dq{int(dq_flag)}set{chosen}", (rows, columns), scan_order=1, dq_flag=dq_flag, unary_length=2)
        quants = numbers.quants(head.ids[0], rows * columns, 180)
        units.append(ndu(head, Coded(quants, 0, np.full(context_layout(dq_flag, 2).flag, chosen))))
    return units


def codebooks_and_vectors(numbers: Numbers) -> list[Values]:
    """Build BLOCKs of all vectors with codebooks, without and with dq_flag."""
    units = opening()
    sizes = (9, 5)
    for dq_flag, decomposed in product((False, True), repeat=2):
        types = LS | BN | BI | (DC if decomposed else 0)
        factors = {"decomposition_rank": 9, "g_number_of_rows": 9} if decomposed else {}
        head = block_header(types, sizes, dq_flag=dq_flag, scan_order=1, codebook=_BOOK, **factors)
        name = f"dq{int(dq_flag)}dc{int(decomposed)}"
        head = replace(head, ids=tuple(f"{name}.{id}" for id in head.ids), codebook_dc=_BOOK_OF_H if decomposed else None)
        parts = {part.id: numbers.integers(part.id, prod(part.dimensions), -1, 1) for part in coded_parts(head)}
        units.append(ndu(head, {id: Coded(quants, place - 3) for place, (id, quants) in enumerate(parts.items())}))
    return units


def quantized(name: str, quantization: Quantization, names: list[str] | None) -> list[Values]:
    """Build a data unit for each kind of tensor that has a qp.

    These are plain, with a codebook, with dependent quantization, in block scan, and two BLOCKs.

    Args:
        name: It begins the ids of all tensors.
        quantization: The qp in force.
        names: The reference list, if ids are coded as indexes into it; else None.
    """
    form = HeaderForm(reference_list=names)
    quants = Coded([0, 1, -1, 2, -2, 1], 1)
    block = replace(block_header(BI, (3, 2)), quantization=quantization)
    decomposed = replace(block_header(DC, (3, 2), decomposition_rank=1, g_number_of_rows=3), quantization=quantization)
    return [
        ndu(header(NNR_PT_FLOAT, f"{name}.plain", (6,), quantization), quants, form=form),
        ndu(header(NNR_PT_FLOAT, f"{name}.codebook", (6,), quantization, codebook=_BOOK), quants, form=form),
        ndu(header(NNR_PT_FLOAT, f"{name}.dq", (6,), quantization, dq_flag=True), quants, form=form),
        ndu(header(NNR_PT_FLOAT, f"{name}.scan", (9, 2), quantization, scan_order=1), Coded([1, -2] * 9, 3), form=form),
        ndu(
            replace(block, ids=(f"{name}.weight", f"{name}.bias")),
            {f"{name}.weight": quants, f"{name}.bias": Coded([5, 0, -7], -2)},
            form=form,
        ),
        ndu(
            replace(decomposed, ids=(f"{name}.G", f"{name}.H")),
            {f"{name}.G": Coded([1, -2, 3], -1), f"{name}.H": Coded([4, -5], 2)},
            form=form,
        ),
    ]


def layers(*, indexed: bool) -> list[Values]:
    """Build tensors under an MPS, then under an LPS, with other units in between.

    Args:
        indexed: Whether ids are coded as indexes into a reference list.
    """
    mps, lps = Quantization(2, -9), Quantization(5, -77)
    parts = ("plain", "codebook", "dq", "scan", "weight", "bias", "G", "H")
    groups = ("mps", "lps", "later")
    names = [f"{group}.{part}" for group in groups for part in parts] + ["int", "raw"] if indexed else None
    form = HeaderForm(reference_list=names)
    return [
        *opening(mps, indexed_references=indexed),
        *([reference_list(names)] if names else []),
        *quantized("mps", mps, names),
        layer_parameter_set(lps),
        *quantized("lps", lps, names),
        topology_unit(NNR_TPL_UNREC, RAW, {"topology_data": b"topology\0"}),
        quantization_unit(NNR_TPL_UNREC, RAW, b"data\0"),
        ndu(header(NNR_PT_INT, "int", (3,), None), Coded([4, 0, -4]), form=form),
        ndu(header(NNR_PT_RAW_FLOAT, "raw", (2,), None), np.array([0.5, -2.0], np.float32), form=form),
        *quantized("later", lps, names),
    ]


def layers_recipe(name: str, *, indexed: bool) -> Recipe:
    """Build the recipe of an LPS that replaces the MPS's qp for all later tensors.

    Args:
        name: The end of the vector's id: how ids are coded.
        indexed: Whether they are indexes into a reference list.
    """
    return Recipe(
        id=f"lps-in-force-{name}",
        title=f"An LPS in place of the MPS's qp, ids as {name}",
        tests="An LPS holds for each quantized payload up to the next, whatever units stand between; the MPS's holds before it.",
        catches="A decoder that drops an LPS or a reference list at another unit, or has no LPS for a BLOCK or an index.",
        clauses=("6 nnr_layer_parameter_set", "9"),
        units=lambda _: layers(indexed=indexed),
    )


RECIPES = (
    layers_recipe("strings", indexed=False),
    layers_recipe("indexes", indexed=True),
    Recipe(
        id="block-codebooks-and-vectors",
        title="BLOCKs of all vectors with codebooks",
        tests="A codebook applies to the weight, or those of G and H to each of them; the vectors have none.",
        catches="A decoder that looks up a vector in a codebook, or forgets H's codebook with another tool.",
        clauses=("6 codebook", "6 nnr_compressed_data_unit_header", "10 quant_tensor"),
        units=codebooks_and_vectors,
    ),
    *(rows_recipe(scan_order, part) for scan_order, part in product(range(1, HIGHEST_SCAN_ORDER + 1), PARTS)),
    Recipe(
        id="block-rows-each-set",
        title="Each parameter set in two block rows",
        tests="All contexts of a tensor have one of the nine parameter sets, and adapt with its rates in the second block row too.",
        catches="A decoder that resets the states of a set at a block row and adapts with the rates of another.",
        clauses=_STATE,
        units=each_set,
    ),
)
