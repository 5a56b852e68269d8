"""At least one vector for each disputed point, which distinguishes its choices."""

from functools import partial

import numpy as np

from nnc_conformance.generator.composition import SIXTEENTHS, Coded, book, header, ndu, opening
from nnc_conformance.generator.editing import dirty_alignment, header_of
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.units import all_units, small
from nnc_conformance.reference.composer import (
    MAP_COUNTS,
    layer_parameter_set,
    model_parameter_set,
    start_unit,
)
from nnc_conformance.reference.interpretation import (
    ColumnBlockScan,
    DimensionsCount0,
    IntDqFlag,
    Interpretation,
    MapEntries,
    UnificationClassLoop,
)
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_INT, NNR_PT_RAW_FLOAT, Codebook
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

HALF, TENTH = np.float32(0.5), np.float32(0.1)

ENTRIES = {
    "sparsification": {
        "sparsification_threshold": TENTH,
        "non_zero_ratio": HALF,
        "spm_nn_accuracy": TENTH,
        "spm_count_classes": 2,
        "spm_class_bitmask": 3,
        "spm_nn_class_accuracy": [HALF, TENTH],
    },
    "pruning": {
        "pruning_ratio": TENTH,
        "ppm_nn_accuracy": HALF,
        "ppm_count_classes": 2,
        "ppm_class_bitmask": 130,
        "ppm_nn_class_accuracy": [HALF, TENTH],
    },
    "unification": {
        "count_reshaped_tensor_dimension": 3,
        "reshaped_tensor_dimensions": [16, 300],
        "count_super_block_dimension": 2,
        "super_block_dimensions": [8],
        "count_block_dimension": 3,
        "block_dimensions": [4, 2],
        "unification_threshold": TENTH,
        "upm_nn_accuracy": HALF,
        "upm_count_classes": 2,
        "upm_class_bitmask": 2,
        "upm_nn_class_accuracy": [HALF, TENTH],
    },
    "decomposition": {
        "mse_threshold": TENTH,
        "dpm_nn_accuracy": HALF,
        "nn_reduction_ratio": TENTH,
        "dpm_count_classes": 3,
        "dpm_nn_class_accuracy": [HALF, TENTH, HALF],
    },
}
"""An entry of each performance map; the unification map reads the same under both choices of its
class loop.
"""
_CLAUSE = {kind: (f"6 {kind}_performance_map",) for kind in MAP_COUNTS}


def performance_map(kind: str, count: int, entries: int) -> dict[str, Values]:
    """Build a map that counts ``count`` entries and holds ``entries``."""
    return {kind: {MAP_COUNTS[kind]: count, "entry": [ENTRIES[kind]] * entries}}


def map_entries(kind: str, spare: int) -> Recipe:
    """Build the recipe of a performance map of two entries, by one reading.

    Args:
        kind: The kind of map, such as ``pruning``.
        spare: By how much the count exceeds the number of entries: 0 or 1.
    """
    minus_1 = bool(spare)
    return Recipe(
        id=f"map-{kind}-count{'-minus-1' if minus_1 else ''}",
        title=f"The {kind} map, its count one more than its entries" if minus_1 else f"The {kind} map, its count that of its entries",
        tests="How many entries a performance map has for its count; the other choice loses its place.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=_CLAUSE[kind],
        units=lambda _: [start_unit(), model_parameter_set(SIXTEENTHS, maps=performance_map(kind, 2 + spare, 2)), small()],
        level=Level.DISPUTED,
        switch="map_entries",
        interpretation=Interpretation(map_entries=MapEntries.COUNT_MINUS_1 if minus_1 else MapEntries.COUNT),
    )


def no_entries(kind: str) -> Recipe:
    """Build the recipe of a performance map whose count is 0.

    Args:
        kind: The kind of map, such as ``pruning``.
    """
    return Recipe(
        id=f"map-{kind}-count-0",
        title=f"The {kind} map with a count of 0",
        tests="Whether a performance map may count no entry: read as one entry fewer than the count, it has no meaning.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=_CLAUSE[kind],
        units=lambda _: [start_unit(), model_parameter_set(SIXTEENTHS, maps=performance_map(kind, 0, 0)), small()],
        level=Level.DISPUTED,
        switch="map_entries",
    )


def lps_maps(_: Numbers) -> list[Values]:
    """Build an LPS with three maps."""
    maps = {kind: values for kind in ("sparsification", "pruning", "unification") for kind, values in performance_map(kind, 1, 1).items()}
    return [*opening(), layer_parameter_set(Quantization(2, -9), maps=maps), small()]


def class_loop(choice: UnificationClassLoop) -> Recipe:
    """Build the recipe of a unification map whose classes can be counted in two ways.

    Args:
        choice: The way by which it is written: a count, or the bits of a mask.
    """
    entry = ENTRIES["unification"] | {"upm_count_classes": 2, "upm_class_bitmask": 3, "upm_nn_class_accuracy": [HALF, TENTH, HALF]}
    maps: dict[str, Values] = {"unification": {MAP_COUNTS["unification"]: 1, "entry": [entry]}}
    return Recipe(
        id=f"map-unification-classes-by-{'count' if choice is UnificationClassLoop.COUNT_CLASSES else 'bitmask'}",
        title=f"The class loop of the unification map runs to {choice.value}",
        tests="What bounds the class loop of the unification map; the other choice loses its place.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=_CLAUSE["unification"],
        units=lambda _: [start_unit(), model_parameter_set(SIXTEENTHS, maps=maps), small()],
        level=Level.DISPUTED,
        switch="unification_class_loop",
        interpretation=Interpretation(unification_class_loop=choice),
    )


def int_dq(choice: IntDqFlag) -> Recipe:
    """Build the recipe of an INT with dq_flag, written by one choice.

    Args:
        choice: Whether dq_flag applies to an INT.
    """
    interpretation = Interpretation(int_dq_flag=choice)
    head = header(NNR_PT_INT, "w", (3, 4), dq_flag=True)
    return Recipe(
        id=f"ndu-int-dq-{choice.value}",
        title=f"dq_flag in an INT, which {choice.value}",
        tests="Whether dq_flag doubles the indexes of an INT.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=("9", "10 quant_tensor"),
        units=lambda _: [*opening(), ndu(head, Coded([1, 0, -2, 3, 0, 0, 1, -1, 5, 0, 0, 2]), interpretation=interpretation)],
        level=Level.DISPUTED,
        switch="int_dq_flag",
        interpretation=interpretation,
    )


def column(dq_flag: bool) -> list[Values]:
    """Build a column of three block rows."""
    head = header(NNR_PT_FLOAT, "w", (20, 1), scan_order=1, dq_flag=dq_flag)
    return [*opening(), ndu(head, Coded([number % 4 - 1 for number in range(20)]))]


def column_as_scan_0(_: Numbers) -> list[Values]:
    """Build the column of `column` as if its scan order were 0.

    It is coded in one piece; the entry points that the header needs are zeros.
    """
    interpretation = Interpretation(column_block_scan=ColumnBlockScan.AS_SCAN_0)
    head = header(NNR_PT_FLOAT, "w", (20, 1), scan_order=1)
    unit = ndu(head, Coded([number % 4 - 1 for number in range(20)]), interpretation=interpretation)
    unit["nnr_unit_header"] |= {"cabac_offset_list": [0, 0], "bit_offset_delta1": 0, "bit_offset_delta2": [0]}
    return [*opening(), unit]


def column_recipe(name: str, units: list[Values], interpretation: Interpretation | None = None) -> Recipe:
    """Build the recipe of a matrix of one column in block scan.

    Args:
        name: The end of the vector's id.
        units: The stream's units.
        interpretation: The choices to write by; the defaults if None.
    """
    return Recipe(
        id=f"scan-1-column-{name}",
        title="A block scan of one column, three block rows",
        tests="Whether block rows of a column restart contexts and range, or the scan is 0 after all.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=("10 quant_tensor",),
        units=lambda _: units,
        level=Level.DISPUTED,
        switch="column_block_scan",
        interpretation=interpretation or Interpretation(),
    )


def data_format(kind: str, payload_type: int, number: int) -> Recipe:
    """Build the recipe of a data format that is not the payload type's own.

    Args:
        kind: The payload type in words, such as ``int``.
        payload_type: The payload type.
        number: nnr_decompressed_data_format.
    """
    return Recipe(
        id=f"ndu-format-{kind}-to-{number}",
        title=f"nnr_decompressed_data_format {number} of a {kind.upper()}",
        tests="Whether the format converts what is given out.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=("6 nnr_compressed_data_unit_header",),
        units=lambda _: [*opening(), ndu(header(payload_type, "w", (2, 2), data_format=number), Coded([16, 0, -32, 48]))],
        level=Level.DISPUTED,
        switch="data_format",
    )


def plain_products(_: Numbers) -> list[Values]:
    """Build indexes of more than 24 bits times a step with a fraction."""
    quantization = Quantization(3, -19)
    quants = [(1 << 24) + 1, (1 << 25) + 3, -((1 << 26) + 7), (1 << 31) - 1, 3]
    return [*opening(quantization), ndu(header(NNR_PT_FLOAT, "w", (len(quants),), quantization), Coded(quants))]


def codebook_products(_: Numbers) -> list[Values]:
    """Build a codebook of numbers of more than 24 bits; the step has a fraction."""
    quantization = Quantization(3, -19)
    values = book(1, -((1 << 26) + 7), 0, 3, (1 << 24) + 1, (1 << 25) + 3, (1 << 31) - 1)
    head = header(NNR_PT_FLOAT, "w", (6,), quantization, codebook=values)
    return [*opening(quantization), ndu(head, Coded([0, -1, 1, 2, 3, 4]))]


def without_dimensions() -> list[Values]:
    """Build units of one index and 0 dimensions, in each type of one tensor."""
    int_unit, float_unit = (ndu(header(kind, name, (1,)), Coded([-7])) for kind, name in ((NNR_PT_INT, "w"), (NNR_PT_FLOAT, "v")))
    raw = ndu(header(NNR_PT_RAW_FLOAT, "r", (1,)), np.array([0.5], np.float32))
    units = (int_unit, float_unit, raw)
    return [*opening(), *(header_of(unit, count_tensor_dimensions=0, tensor_dimensions=[]) for unit in units)]


def zeros_and_infinite_step(codebook: Codebook | None, _: Numbers) -> list[Values]:
    """Build a tensor with zeros under the largest step."""
    quantization = Quantization(0, 4095)
    return [*opening(quantization), ndu(header(NNR_PT_FLOAT, "w", (3,), quantization, codebook=codebook), Coded([0, 1, -1]))]


RECIPES = (
    *(map_entries(kind, spare) for kind in MAP_COUNTS for spare in (0, 1)),
    *map(no_entries, MAP_COUNTS),
    Recipe(
        id="map-lps-all",
        title="Three maps in an LPS",
        tests="How many entries the maps of an LPS have for their counts.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=("6 nnr_layer_parameter_set",),
        units=lps_maps,
        level=Level.DISPUTED,
        switch="map_entries",
    ),
    *map(class_loop, UnificationClassLoop),
    *map(int_dq, IntDqFlag),
    column_recipe("block-rows", column(False)),
    column_recipe("block-rows-dq", column(True)),
    Recipe(
        id="scan-1-column-as-scan-0",
        title="A block scan of one column, written as scan 0",
        tests="Whether block rows of a column restart contexts and range, or the scan is 0 after all.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=("10 quant_tensor",),
        units=column_as_scan_0,
        level=Level.DISPUTED,
        switch="column_block_scan",
        interpretation=Interpretation(column_block_scan=ColumnBlockScan.AS_SCAN_0),
    ),
    *(data_format("int", NNR_PT_INT, number) for number in (1, 5, 7)),
    *(data_format("float", NNR_PT_FLOAT, number) for number in (0, 6, 8, 9)),
    Recipe(
        id="value-plain-product",
        title="Products that binary32 and binary64 round differently",
        tests="Whether index and step are rounded to binary32 before they are multiplied.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=("9",),
        units=plain_products,
        level=Level.DISPUTED,
        switch="plain_product",
    ),
    Recipe(
        id="value-codebook-product",
        title="Codebook products that binary32 and binary64 round differently",
        tests="Whether codebook value and step are rounded to binary32 before they are multiplied.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=("9",),
        units=codebook_products,
        level=Level.DISPUTED,
        switch="codebook_product",
    ),
    Recipe(
        id="ndu-dimensions-count-0",
        title="tensor_dimensions_flag 1 and count_tensor_dimensions 0",
        tests="Whether a tensor without dimensions is refused, or has one element.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=("6 nnr_compressed_data_unit_header",),
        units=lambda _: without_dimensions(),
        level=Level.DISPUTED,
        switch="dimensions_count_0",
        interpretation=Interpretation(dimensions_count_0=DimensionsCount0.ONE_ELEMENT),
    ),
    *(
        Recipe(
            id=f"value-zero-times-infinite-step{name}",
            title=f"Zeros with a step beyond binary64{with_what}",
            tests="Whether 0 times an infinite step is 0 or a NaN.",
            catches="Not a bug by itself: published codecs differ.",
            clauses=("9",),
            units=partial(zeros_and_infinite_step, codebook),
            level=Level.DISPUTED,
            switch="zero_product",
        )
        for name, with_what, codebook in (("", "", None), ("-codebook", ", with a codebook", book(1, -3, 0, 5)))
    ),
    Recipe(
        id="unit-alignment-bits",
        title="Bits of byte_alignment() that are not 0",
        tests="Whether a reader looks at the bits after byte_alignment()'s 1.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=("6",),
        units=lambda _: all_units(),
        level=Level.DISPUTED,
        switch="alignment_bits",
        edit=dirty_alignment,
    ),
)
