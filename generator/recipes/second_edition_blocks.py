"""BLOCK units of whole models in the second edition: what a download of a model needs (clauses 6
and 10).
"""

from collections.abc import Iterator
from math import prod
from typing import Any, Final

import numpy as np

from nnc_conformance.generator.composition import Coded
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import SessionRecipe
from nnc_conformance.generator.recipes.blocks import block_ids
from nnc_conformance.generator.recipes.second_edition_codebooks import codebook
from nnc_conformance.generator.updates import InTurn, stream, unit
from nnc_conformance.reference.entropy.contexts import context_layout
from nnc_conformance.reference.entropy.kernel_tables import SETS
from nnc_conformance.reference.syntax.structures.data_unit import BI, BN, DC, DEFAULT_UNARY_LENGTH, LS, NNR_PT_BLOCK, Codebook

CLAUSES: Final = ("6 nnr_compressed_data_unit_header", "10 quant_tensor", "10 shift_parameter_ids")
_WEIGHT: Final = (6, 2, 3, 3)
_LENGTH_WITH_BOOK: Final = 3
"""cabac_unary_length with which the readings agree on the sets of a codebook up to magnitude 7."""
_RANK: Final = 3


def block(
    numbers: Numbers,
    parameter_types: int,
    dimensions: tuple[int, ...] = _WEIGHT,
    *,
    prefix: str = "",
    sets: bool = False,
    limits: tuple[int, int] | None = None,
    dq: bool = False,
    unary_length: int = DEFAULT_UNARY_LENGTH,
) -> InTurn:
    """Make a BLOCK of random parts, each with a qp_delta of its own.

    Args:
        numbers: The recipe's random numbers.
        parameter_types: Flags of the parts: DC, LS, BN and BI.
        dimensions: Dimensions of the weight.
        prefix: Begins the names of the parts.
        sets: Whether neighbouring contexts have different parameter sets, other ones in each part.
        limits: Largest magnitudes of a negative and a positive index of the weight; None without a codebook.
        dq: dq_flag.
        unary_length: cabac_unary_length.
    """
    rows, columns = dimensions[0], prod(dimensions[1:])
    weights = {"w_G": (rows, _RANK), "w_H": (_RANK, columns)} if parameter_types & DC else {"w": (rows, columns)}
    book: Codebook | None = None if limits is None else codebook(*limits)
    names = block_ids(parameter_types)
    tensors = {}
    for number, name in enumerate(names):
        quants = numbers.quants(f"{prefix}{name}", prod(weights.get(name, (rows,))), 190)
        if limits is not None and name in weights:
            quants = np.clip(quants, -limits[0], limits[1])
        chosen = (np.arange(context_layout(dq, unary_length).flag) * 4 + number) % SETS
        tensors[prefix + name] = Coded(quants, number - 3, chosen if sets else "default")
    decomposed: dict[str, Any] = {"decomposition_rank": _RANK, "g_number_of_rows": rows} if parameter_types & DC else {}
    return unit(
        NNR_PT_BLOCK, tuple(prefix + name for name in names), dimensions, tensors, parameter_types=parameter_types, codebook=book,
        codebook_dc=book if parameter_types & DC else None, dq_flag=dq, unary_length=unary_length, **decomposed,
    )  # fmt: skip


def model(numbers: Numbers) -> list[InTurn]:
    """Make the blocks of a small network: convolutions and matrices, each coded another way."""
    return [
        block(numbers, LS | BN, (8, 1, 3, 3), prefix="stem/", sets=True),
        block(numbers, LS | BN | BI, (4, 8, 1, 1), prefix="narrow/", sets=True, dq=True),
        block(numbers, LS | BN, (12, 4), prefix="wide/", limits=(7, 7), unary_length=_LENGTH_WITH_BOOK),
        block(numbers, LS | BN, (1, 12), prefix="row/", dq=True),
        block(numbers, LS | BN, (5, 1), prefix="column/", limits=(4, 7), unary_length=_LENGTH_WITH_BOOK, sets=True),
        block(numbers, LS | BI, (5, 12), prefix="head/", unary_length=1),
    ]


def _recipe(name: str, title: str, tests: str, catches: str, **how: Any) -> SessionRecipe:
    return SessionRecipe(
        id=f"block-2024-{name}",
        title=title,
        tests=tests,
        catches=catches,
        clauses=CLAUSES,
        steps=lambda numbers: [stream(block(numbers, **how))],
    )


def _recipes() -> Iterator[SessionRecipe]:
    """Yield recipes of blocks with LS and BN, and of a six-block model."""
    both = LS | BN
    yield _recipe(
        "ls-bn",
        "A BLOCK with LS and BN in the second edition",
        "LS, the four vectors of BN and then the weight stand in one codeword; the weight alone has row_skip_enabled_flag.",
        "A decoder that reads row_skip_enabled_flag for vectors, or once for a block.",
        parameter_types=both,
    )
    yield _recipe(
        "ls-bn-sets",
        "A BLOCK with LS and BN whose parts signal parameter sets",
        "shift_idx_minus_1_present_flag is 1 for most contexts of each part, with other sets in each.",
        "A decoder that keeps the sets of one part for the next.",
        parameter_types=both,
        sets=True,
    )
    yield _recipe(
        "ls-bn-dq",
        "A BLOCK with LS and BN by dependent quantization",
        "The trellis begins anew in each part, and so do the significance contexts of its eight states with their sets.",
        "A decoder that uses dependent quantization for the weight alone, or lets the trellis run on.",
        parameter_types=both,
        sets=True,
        dq=True,
    )
    yield _recipe(
        "ls-bn-codebook",
        "A BLOCK with LS and BN and a codebook",
        "The codebook limits the indexes and the sets of the weight; LS and BN have none and take all bins.",
        "A decoder that limits the indexes or the sets of LS and BN by the weight's codebook.",
        parameter_types=both,
        sets=True,
        limits=(4, 7),
        unary_length=_LENGTH_WITH_BOOK,
    )
    yield _recipe(
        "ls-bn-codebook-left",
        "A BLOCK with LS and BN and a codebook that starts with index 0",
        "The weight has no signs, nor sets for them; LS and BN have both.",
        "A decoder that leaves out the signs of all parts.",
        parameter_types=both,
        sets=True,
        limits=(0, 7),
        unary_length=_LENGTH_WITH_BOOK,
    )
    yield _recipe(
        "ls-bn-bi",
        "A BLOCK with LS, BN and BI in the second edition",
        "The coded order is LS, BI, BN and the weight, whatever that of the ids; each part has its own qp_delta.",
        "A decoder that takes BN before BI, or the batch norm's four in another order.",
        parameter_types=both | BI,
        sets=True,
        dq=True,
    )
    yield _recipe(
        "dc-ls-bn",
        "A decomposed BLOCK with LS and BN in the second edition",
        "G and H each have row_skip_enabled_flag, a qp_delta and sets of their own.",
        "A decoder that reads one row_skip_enabled_flag for G and H.",
        parameter_types=both | DC,
        sets=True,
    )
    yield SessionRecipe(
        id="block-2024-model",
        title="A model of six blocks in the second edition",
        tests="Convolutions, matrices, a row and a column, by uniform and dependent quantization and codebooks, with LS, BN and BI.",
        catches="A decoder that keeps sets, a codebook or dq_flag from one block to the next, or reads flags of a single row or column.",
        clauses=CLAUSES,
        steps=lambda numbers: [stream(*model(numbers))],
    )


RECIPES = tuple(_recipes())
