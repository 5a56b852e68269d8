"""Reduced value sets: what a codebook makes impossible is not coded in profile 1 (clause 10).

How many parameter-set flags a codebook leaves is disputed: the readings agree if the largest
magnitude M exceeds cabac_unary_length U and M - U is no 2^n - 1.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.composition import Coded
from nnc_conformance.generator.recipe import SessionRecipe, StepUnits
from nnc_conformance.generator.updates import InTurn, node, stream, unit, update
from nnc_conformance.reference.syntax.structures.data_unit import DEFAULT_UNARY_LENGTH, LS, NNR_PT_BLOCK, NNR_PT_FLOAT, Codebook
from nnc_conformance.storage.vector import Level

CLAUSES: Final = ("10 quant_param", "6 codebook")
_CENTRES: Final = ("left", "inside", "right")


def codebook(negative: int, positive: int) -> Codebook:
    """Return a codebook for indexes from -negative to positive.

    Its values are their squares, with signs.
    """
    indexes = np.arange(-negative, positive + 1, dtype=np.int64)
    return Codebook((indexes * np.abs(indexes) + indexes).astype(np.int32), negative)


def limits_of(largest: int, centre: str) -> tuple[int, int]:
    """Return the largest magnitudes of negative and positive indexes around index 0."""
    return {"left": (0, largest), "inside": (max(largest // 3, 1), largest), "right": (largest, 0)}[centre]


def telling_magnitudes(limit: int, unary_length: int) -> list[int]:
    """Return magnitudes on both sides of each change in the number of bins.

    Args:
        limit: The greatest magnitude.
        unary_length: cabac_unary_length.
    """
    bounds = {1, 2, unary_length, unary_length + 1, limit - 1, limit}
    for k in range(limit.bit_length()):
        bounds |= {unary_length + (1 << k), unary_length + (1 << k) - 1}
    return sorted(bound for bound in bounds if 1 <= bound <= limit)


def indexes_of(negative: int, positive: int, unary_length: int) -> npt.NDArray[np.int64]:
    """Return indexes at every bound of the binarisation, zeros between them."""
    signed = [-magnitude for magnitude in telling_magnitudes(negative, unary_length)] + telling_magnitudes(positive, unary_length)
    return np.array([value for index in signed for value in (index, 0)] + signed[::-1], np.int64)


def tensor(negative: int, positive: int, unary_length: int, name: str = "w", **more: Any) -> InTurn:
    """Make a FLOAT vector that takes a codebook to its limits."""
    quants = indexes_of(negative, positive, unary_length)
    return unit(NNR_PT_FLOAT, name, (len(quants),), Coded(quants), codebook=codebook(negative, positive), unary_length=unary_length, **more)


def agreed_limits(unary_length: int, bits: range) -> Iterator[tuple[int, int]]:
    """Yield (n, M): magnitudes at both ends of the range with n prefix bins.

    M is the largest magnitude of a codebook. Only those are yielded for which both readings of the
    text, as the module says, give the same number of flags.
    """
    for n in bits:
        yield n, unary_length + (1 << n)
        if n > 1:
            yield n, unary_length + (2 << n) - 2


def one_value() -> list[StepUnits]:
    """Make tensors with a codebook of one value: no index, flag or parameter set is coded."""
    single = Codebook(np.array([-7], np.int32), 0)
    units = [
        unit(NNR_PT_FLOAT, "matrix", (3, 4), Coded([0] * 12), codebook=single),
        unit(NNR_PT_FLOAT, "vector", (5,), Coded([0] * 5, 2), codebook=single),
        unit(NNR_PT_FLOAT, "scanned", (9, 9), Coded([0] * 81), codebook=single, scan_order=1),
    ]
    parts = {"b": Coded([0] * 6), "b.ls": Coded([1, -1, 2])}
    block = unit(NNR_PT_BLOCK, ("b", "b.ls"), (3, 2), parts, codebook=single, parameter_types=LS)
    return [stream(*units, block)]


def one_value_update() -> list[StepUnits]:
    """Make an update with a codebook of one value: neither HDSP flag nor row-skip flag."""
    single = Codebook(np.array([3], np.int32), 0)
    first = unit(NNR_PT_FLOAT, "w", (3, 4), Coded([1, 0, -2, 0] * 3), node(0))
    return [stream(first), update(unit(NNR_PT_FLOAT, "w", (3, 4), Coded([0] * 12), node(1), codebook=single, tca=True))]


def with_tools(negative: int, positive: int) -> list[StepUnits]:
    """Make a matrix with a codebook, and three updates of it.

    They use row skip with TCA, HDSP, and all three.

    Args:
        negative: Number of codebook values below index 0.
        positive: Number of codebook values above index 0.
    """
    limit = max(negative, positive)
    quants = np.resize(indexes_of(negative, positive, 1), 60)
    book = codebook(negative, positive)
    common: dict[str, Any] = {"codebook": book, "unary_length": 1}
    later = np.where(np.arange(60) // 6 == 2, 0, quants[::-1])
    small = np.clip(quants, -min(negative, 1), min(positive, 1))
    assert limit > 1
    return [
        stream(unit(NNR_PT_FLOAT, "w", (10, 6), Coded(quants), node(0), **common)),
        update(unit(NNR_PT_FLOAT, "w", (10, 6), Coded(later, skipped=(2,)), node(1), tca=True, **common)),
        update(unit(NNR_PT_FLOAT, "w", (10, 6), Coded(small, hdsp=True), node(2), **common)),
        update(unit(NNR_PT_FLOAT, "w", (10, 6), Coded(later, hdsp=True, skipped=(2,)), node(3), tca=True, **common)),
    ]


def small_book_update() -> list[StepUnits]:
    """Make a vector with a codebook of four values, and its update with temporal contexts."""
    common: dict[str, Any] = {"codebook": codebook(1, 2)}
    return [
        stream(unit(NNR_PT_FLOAT, "w", (8,), Coded([1, -1, 2, 0, 2, 1, 0, -1]), node(0), **common)),
        update(unit(NNR_PT_FLOAT, "w", (8,), Coded([2, 1, -1, 1, 2, 0, 2, 1]), node(1), tca=True, **common)),
    ]


def _recipes() -> Iterator[SessionRecipe]:
    """Yield the recipes of codebooks: truncated prefixes, parameter sets, tools, one value."""
    yield SessionRecipe(
        id="codebook-2024-one-value",
        title="A codebook of one value",
        tests="All indexes are 0 and none is coded, nor a parameter set; qp_delta still is.",
        catches="A decoder that reads a significance bin, parameter sets or row_skip_enabled_flag where there is one value.",
        clauses=CLAUSES,
        steps=lambda _: one_value(),
    )
    yield SessionRecipe(
        id="codebook-2024-one-value-update",
        title="A codebook of one value in an update",
        tests="Temporal contexts, hist_dep_sig_prob_enabled_flag and row_skip_enabled_flag vanish with the indexes.",
        catches="A decoder that reads hist_dep_sig_prob_enabled_flag in a tensor without coded indexes.",
        clauses=CLAUSES,
        steps=lambda _: one_value_update(),
    )
    for centre in _CENTRES:
        for unary_length, bits, level in ((1, range(1, 9), Level.CORE), (DEFAULT_UNARY_LENGTH, range(1, 9), Level.CORE)):
            yield SessionRecipe(
                id=f"codebook-2024-{centre}-length-{unary_length}",
                title=f"Truncated prefixes: index 0 {centre}, cabac_unary_length {unary_length}",
                tests="Prefix bins stop where the next could not be 1; magnitudes go up to the codebook's ends on each side.",
                catches="A decoder that reads a sign, a greater-than bin or a prefix bin that the codebook rules out.",
                clauses=CLAUSES,
                level=level,
                steps=lambda _, centre=centre, unary_length=unary_length, bits=bits: [  # type: ignore[misc]
                    stream(
                        *(
                            tensor(*limits_of(most, centre), unary_length, f"prefix{n}limit{most}")
                            for n, most in agreed_limits(unary_length, bits)
                        )
                    )
                ],
            )
        yield SessionRecipe(
            id=f"codebook-2024-{centre}-long",
            title=f"Truncated prefixes of a large codebook: index 0 {centre}",
            tests="Prefix bins stop where the next could not be 1, in codebooks of thousands of values.",
            catches="A decoder that keeps the limit of an index in too few bits.",
            clauses=CLAUSES,
            level=Level.FULL,
            steps=lambda _, centre=centre: [  # type: ignore[misc]
                stream(*(tensor(*limits_of(most, centre), 1, f"prefix{n}limit{most}") for n, most in agreed_limits(1, range(10, 13))))
            ],
        )
        yield SessionRecipe(
            id=f"codebook-2024-{centre}-tools",
            title=f"A codebook with every tool: index 0 {centre}",
            tests="Skipped rows, temporal contexts and history dependent significance, each with the bins that the codebook leaves.",
            catches="A decoder that signals parameter sets of temporal contexts that the codebook rules out, or leaves out too many.",
            clauses=CLAUSES,
            steps=lambda _, centre=centre: with_tools(*limits_of(5, centre)),  # type: ignore[misc]
        )
        for size in (2, 3, 4, 8, 16):
            if size == 2 and centre == "inside":
                continue
            negative, positive = ((size - 1) // 2, size - 1 - (size - 1) // 2) if centre == "inside" else limits_of(size - 1, centre)
            both_at_odds = max(negative, positive) > DEFAULT_UNARY_LENGTH
            yield SessionRecipe(
                id=f"codebook-2024-sets-{size}-{centre}",
                title=f"Parameter sets with a codebook of {size} values: index 0 {centre}",
                tests="The parameter sets of greater-than contexts are those of bins that can occur, or two more.",
                catches="Nothing: the point is disputed.",
                clauses=CLAUSES,
                level=Level.DISPUTED,
                switch="codebook_greater_sets",
                steps=lambda _, negative=negative, positive=positive, at_odds=both_at_odds: [  # type: ignore[misc]
                    stream(tensor(negative, positive, 16 if at_odds else DEFAULT_UNARY_LENGTH))
                ],
            )
    yield SessionRecipe(
        id="codebook-2024-sets-4-tca",
        title="Parameter sets of temporal contexts with a codebook of 4 values",
        tests="Greater-than contexts of temporal adaptation have as many parameter sets as bins can occur; the ordinary ones, or two more.",
        catches="Nothing: the point is disputed, and a decoder may refuse the stream.",
        clauses=CLAUSES,
        level=Level.DISPUTED,
        switch="codebook_greater_sets",
        steps=lambda _: small_book_update(),
    )
    for name, negative, positive in (("negative", 3, 12), ("positive", 12, 3)):
        yield SessionRecipe(
            id=f"codebook-2024-few-{name}",
            title=f"A codebook of 16 values, few of them {name}",
            tests="Greater-than bins stop where the codebook has no larger magnitude on this side; the other side goes on to the prefix.",
            catches="A decoder that limits both signs by the larger side.",
            clauses=CLAUSES,
            steps=lambda _, negative=negative, positive=positive: [  # type: ignore[misc]
                stream(tensor(negative, positive, DEFAULT_UNARY_LENGTH))
            ],
        )
    for n in (1, 2, 5):
        most = DEFAULT_UNARY_LENGTH + (1 << n) - 1
        yield SessionRecipe(
            id=f"codebook-2024-prefix-sets-{n}",
            title=f"Parameter sets of prefix bins with a codebook that leaves {n - 1} of them",
            tests="The parameter sets of prefix contexts are those of bins that can occur, or one more.",
            catches="Nothing: the point is disputed.",
            clauses=CLAUSES,
            level=Level.DISPUTED,
            switch="codebook_prefix_sets",
            steps=lambda _, most=most: [stream(tensor(most, most, DEFAULT_UNARY_LENGTH))],  # type: ignore[misc]
        )
    yield SessionRecipe(
        id="codebook-2024-dq",
        title="A codebook together with dependent quantization",
        tests="The codebook limits the index before its doubling, or the two together are refused.",
        catches="Nothing: the point is disputed.",
        clauses=CLAUSES,
        level=Level.DISPUTED,
        switch="codebook_dq",
        steps=lambda _: [
            stream(
                unit(NNR_PT_FLOAT, "w", (8,), Coded([1, 0, -2, 3, 1, -1, 0, 2]), codebook=codebook(14, 14), unary_length=2, dq_flag=True)
            )
        ],
    )


RECIPES = tuple(_recipes())
