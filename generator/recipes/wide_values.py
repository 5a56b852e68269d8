"""Counts, indexes and names just beyond eight and sixteen bits, where little else is large (clauses
6 and 10).
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.editing import exp_golomb, recoded
from nnc_conformance.generator.negative import broken
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.codebooks import with_codebook
from nnc_conformance.generator.recipes.ids import named
from nnc_conformance.generator.recipes.large_counts import indexed_block
from nnc_conformance.generator.recipes.scans import scanned
from nnc_conformance.generator.recipes.topology import indexed
from nnc_conformance.reference.composer import layer_parameter_set
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, Codebook
from nnc_conformance.reference.syntax.walker import Values

WRAPS: Final = {"2-8": 1 << 8, "2-16": 1 << 16, "2-32": 1 << 32}
"""What a number kept in 8, 16 or 32 bits loses, by the end of an id."""
WIDE_CODEBOOK: Final = Codebook(np.arange(-32_700, 32_839, dtype=np.int32), 32_700)
"""A codebook of 65,539 values, coded by one bit each."""
PREFIX_LENGTHS: Final = (31, 63, 127, 255, 1023, 4095)
"""Lengths of what two names have in common."""


def alike(length: int) -> tuple[str, str]:
    """Return two names that differ in nothing but the character after ``length`` others."""
    return "layer." * (length // 6) + "n" * (length % 6) + "a", "layer." * (length // 6) + "n" * (length % 6) + "b"


def many_rows(numbers: Numbers) -> list[Values]:
    """Build matrices of 257 and 258 block rows, and so 256 and 257 entry points."""
    return opening() + [scanned(1, (8 * rows, 2), numbers, dq_flag=rows % 2 == 0, persistence=110) for rows in (257, 258)]


def wide_steps() -> list[Values]:
    """Build FLOATs with steps at the ends of binary32 and of integers.

    All densities above 0 are used as far as they reach. Steps and products are exact, so that they
    are the same in any arithmetic that has room for them.
    """
    units = opening()
    for density in range(1, 8):
        most = 1 << (5 + density)
        for exponent in (-149, -148, -140, -127, 30, 31, 32, 33, 62, 63, 64, 126, 127):
            wanted = exponent << density
            quantization = Quantization(density, min(max(wanted, -4096), 4095))
            if not -most <= wanted - quantization.quantization_parameter < most:
                continue
            units.append(layer_parameter_set(quantization))
            for extra in (0, (1 << density) - 1) if exponent > 0 else (0,):
                delta = wanted + extra - quantization.quantization_parameter
                if delta < most:
                    head = header(NNR_PT_FLOAT, f"w{density}.{exponent}.{extra}", (3,), quantization)
                    units.append(ndu(head, Coded([1, 0, -1] if exponent > 0 else [1, -3, 1000], delta)))
    return units


def _broken() -> Iterator[Recipe]:
    """Yield the recipes of streams that break a rule."""
    for name, wrap in WRAPS.items():
        yield broken(
            "index-range",
            f"single-{name}",
            title=f"An index that is {wrap} too large",
            catches="A decoder that keeps an index in fewer bits than it has.",
            element="topology_elem_id_index",
            units=indexed(["a", "b"], [1]),
            edit=recoded("topology_elem_id_index", exp_golomb(wrap + 1, 7)),
        )
        yield broken(
            "index-range",
            f"block-{name}",
            title=f"An index in a BLOCK that is {wrap} too large",
            catches="A decoder that keeps the indexes of a list in fewer bits than they have.",
            element="topology_elem_id_index_list",
            units=indexed_block(),
            edit=recoded("topology_elem_id_index_list", exp_golomb(wrap + 1, 7)),
        )


RECIPES = (
    Recipe(
        id="scan-1-256-block-rows",
        title="More block rows than fit a byte",
        tests="The list of entry points has 256 and 257 entries.",
        catches="A decoder that counts block rows in eight bits, or has room for few entry points.",
        clauses=("6 nnr_compressed_data_unit_header", "10 quant_tensor"),
        units=many_rows,
    ),
    Recipe(
        id="codebook-65539-values",
        title="A codebook of more values than fit 16 bits",
        tests="codebook_size, CbZeroOffset and the indexes at both ends exceed 16 bits with a sign; the size exceeds 16 bits without.",
        catches="A decoder that keeps codebook_size or an index into the codebook in 16 bits, or has room for fewer values.",
        clauses=("6 codebook", "9"),
        units=lambda _: with_codebook(WIDE_CODEBOOK, 0, quants=[0, 32_838, -32_700, 1, -1, 32_768, 32_767, -32_699]),
    ),
    Recipe(
        id="ndu-id-common-prefix",
        title="Long names that differ in their last character",
        tests="Names are compared to their ends, however much they have in common.",
        catches="A decoder that compares names up to a fixed length, and takes the second of two for the first again.",
        clauses=("6 nnr_compressed_data_unit_header",),
        units=lambda _: named(*(name for length in PREFIX_LENGTHS for name in alike(length))),
    ),
    Recipe(
        id="value-steps-wide",
        title="Very small and very large steps, with densities 1 to 7",
        tests="The step is exact from 2 ** -149 to nearly 2 ** 128, whatever its mantissa and power of two are apart.",
        catches="A decoder that computes the step in binary32 by factors, one of which overflows or becomes 0, or as an integer.",
        clauses=("9",),
        units=lambda _: wide_steps(),
    ),
    *_broken(),
)
