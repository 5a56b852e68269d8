"""Everything that the arithmetic decoder and the binarisation can meet (clause 10)."""

from functools import cache

import numpy as np

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.coverage.catalogue import wanted_values
from nnc_conformance.generator.directed.engine import TABLE_ENTRIES, end_at, meet_entries
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.composer import layer_parameter_set
from nnc_conformance.reference.entropy.coding import INT32_MAX, INT32_MIN, TensorCoding
from nnc_conformance.reference.entropy.contexts import MAX_PREFIX
from nnc_conformance.reference.entropy.kernel_tables import IntArray
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import DEFAULT_UNARY_LENGTH, NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_TENSOR = ("10 quant_tensor",)
_PARAM = ("10 quant_param",)
WIDEST_SET = 1
"""The parameter set whose states reach every column of lps_range_table."""


def one_set(coding: TensorCoding, number: int) -> IntArray:
    """Return the same parameter set for every context."""
    return np.full(coding.layout.flag, number, dtype=np.int64)


@cache
def table_units() -> list[Values]:
    """Build an INT whose bins use every entry of lps_range_table, with both bin values."""
    coding = TensorCoding(1, 1, 0, False, DEFAULT_UNARY_LENGTH, 0)
    sets = one_set(coding, WIDEST_SET)
    quants = meet_entries(coding, sets, set(TABLE_ENTRIES))
    return [*opening(), ndu(header(NNR_PT_INT, "w", (len(quants),)), Coded(quants, 0, sets))]


def end_units() -> list[Values]:
    """Build eight tensors of two indexes, whose codewords end at each bit of a byte."""
    coding = TensorCoding(2, 1, 0, False, DEFAULT_UNARY_LENGTH, 0)
    ends = [next(end_at(coding, one_set(coding, 0), place)) for place in range(8)]
    return opening() + [ndu(header(NNR_PT_INT, f"bit{place}", (2,)), Coded(quants)) for place, quants in enumerate(ends)]


def remainder_units() -> list[Values]:
    """Build tensors with the least and greatest abs_remainder of each length."""
    units = opening()
    for unary_length in (1, DEFAULT_UNARY_LENGTH):
        magnitudes = [
            unary_length + (1 << bits) + remainder for bits in range(MAX_PREFIX) for remainder in dict.fromkeys((0, (1 << bits) - 1))
        ]
        quants = [-magnitude if -magnitude == INT32_MIN else magnitude for magnitude in magnitudes if -magnitude >= INT32_MIN]
        quants = [quant if quant <= INT32_MAX else -quant for quant in quants]
        units.append(ndu(header(NNR_PT_INT, f"length{unary_length}", (len(quants),), unary_length=unary_length), Coded(quants)))
    return units


def qp_delta_units() -> list[Values]:
    """Build tensors with each size of qp_delta, at the ends of its range.

    With 13 bits, some also leave the first 9 bits of the codeword at 0, 1 and 509.
    """
    units = opening()
    for density in range(8):
        quantization = Quantization(density, 0)
        units.append(layer_parameter_set(quantization))
        size = 6 + density
        deltas = [*wanted_values("qp_delta", f"iae_v({size})"), *([20] if density == 7 else [])]
        for delta in deltas:
            units.append(ndu(header(NNR_PT_FLOAT, f"density{density}delta{delta}", (2,), quantization), Coded([1, -3], delta)))
    return units


RECIPES = (
    Recipe(
        id="cabac-range-table",
        title="Every entry of the range table, with both bins",
        tests="A search with the coder's own state finds indexes that use all 256 entries, for the most and for the least probable bin.",
        catches="A decoder with one wrong entry in lps_range_table, or that renormalises by too few bits.",
        clauses=_TENSOR,
        units=lambda _: table_units(),
    ),
    Recipe(
        id="cabac-stop-bit",
        title="Codewords of two indexes that end at each bit of a byte",
        tests="The stop bit stands at each place of its byte.",
        catches="A decoder that reads on after the terminate bin, or wants a full byte.",
        clauses=_TENSOR,
        level=Level.FULL,
        units=lambda _: end_units(),
    ),
    Recipe(
        id="cabac-remainders",
        title="The least and the greatest remainder of each length",
        tests="Up to 30 prefix bins of 1 and 30 bypass bins, all 0 or all 1, to both ends of int32.",
        catches="A decoder whose suffix is one bit short, or whose magnitude overflows.",
        clauses=_PARAM,
        units=lambda _: remainder_units(),
    ),
    Recipe(
        id="cabac-qp-delta",
        title="qp_delta of each size at its ends",
        tests="qp_delta has 6 + qp_density bits, two's complement.",
        catches="A decoder that reads qp_delta in a fixed size, or without its sign.",
        clauses=_TENSOR,
        units=lambda _: qp_delta_units(),
    ),
)
