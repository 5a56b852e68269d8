"""Inferred structures and meanings: pruning containers, dimension mapping, conversions and the
like.
"""

import numpy as np

from nnc_conformance.generator.composition import SIXTEENTHS, Coded, bits32, header, ndu, opening
from nnc_conformance.generator.facts import FLOAT32_FORMAT
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.topology import reference_list, singles
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.composer import HeaderForm, layer_parameter_set, start_unit, topology_unit
from nnc_conformance.reference.quantization.reconstruction import DATA_FORMATS
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import (
    DC,
    NNR_PT_FLOAT,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    DimensionMapping,
)
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_BMSK, NNR_TPL_DICT, NNR_TPL_PRUN, RAW
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_PRUNING = ("6 nnr_pruning_topology_container",)
_MAPPING = ("6 topology_tensor_dimension_mapping",)
_NDU = ("6 nnr_compressed_data_unit_header",)


def inferred(name: str, *, title: str, tests: str, catches: str, clauses: tuple[str, ...], units: list[Values]) -> Recipe:
    """Build a recipe of level inferred.

    Args:
        name: The vector's id.
        title: The vector's title.
        tests: What it tests.
        catches: The faults that it catches.
        clauses: Its clauses.
        units: The stream's units, finished.
    """
    return Recipe(
        id=name,
        title=title,
        tests=tests,
        catches=catches,
        clauses=clauses,
        units=lambda _: units,
        level=Level.INFERRED,
    )


def mask(*values: int) -> Values:
    """Return the values of a bit_mask()."""
    return {"count_bits": len(values), "bit_mask_value": np.array(values, dtype=np.uint8)}


def container(rep_type: int, *, prune: int = 0, order: int = 0, sparse: int = 0, **content: object) -> Values:
    """Build an NNR_TPL_PRUN."""
    flags = {"nnr_rep_type": rep_type, "prune_flag": prune, "order_flag": order, "sparse_flag": sparse}
    return topology_unit(NNR_TPL_PRUN, RAW, {"nnr_pruning_topology_container": flags | content})


def pruned(container_unit: Values) -> list[Values]:
    """Build a stream with a pruning container and a tensor."""
    return [*opening(), container_unit, small()]


_DICTIONARY = [{"element_id": "w", "count_dims": 2, "dim": [2, 3]}, {"element_id": "é", "count_dims": 1, "dim": [200]}]
_INDEXED = [{"element_id_index": 1, "count_dims": 2, "dim": [2, 3]}]


def mapped(dimensions: tuple[int, ...], count: int, mapping: DimensionMapping, ids: tuple[str, ...]) -> list[Values]:
    """Build tensors that travel as one."""
    head = header(NNR_PT_INT, ids, dimensions, mapping=mapping)
    return [*opening(), ndu(head, Coded(list(range(1, count + 1))))]


def converted(kind: str, payload_type: int, data_format: int, tensor: Coded | np.ndarray) -> Recipe:
    """Build the recipe of a tensor that is converted to another data format.

    Args:
        kind: The payload type in words, such as ``int``.
        payload_type: The payload type.
        data_format: nnr_decompressed_data_format.
        tensor: Its indexes or numbers, with ties of rounding and the ends of the range.
    """
    name = DATA_FORMATS[data_format][0].lower()
    count = tensor.size if isinstance(tensor, np.ndarray) else len(tensor.quants)
    head = header(payload_type, "w", (count,), Quantization(0, -1), data_format=data_format)
    return inferred(
        f"format-{kind}-to-{name}",
        title=f"{kind.upper()} to {name.upper()}",
        tests="Values are converted after the product: integers by rounding half to even, at both ends of the range.",
        catches="A decoder that truncates, rounds ties away from zero, or wraps.",
        clauses=_NDU,
        units=[*opening(Quantization(0, -1)), ndu(head, tensor)],
    )


def integer_ends(data_format: int) -> Coded:
    """Return halves around 0 and both ends of an integer format, in steps of 1/2."""
    bound = 1 << min(DATA_FORMATS[data_format][2] - 1, 23)
    return Coded([0, 1, -1, *([3, -3, 5] if bound > 2 else []), 2 * bound - 2, -2 * bound, -2 * bound + 1, -2 * bound - 1])


def whole_ends(data_format: int) -> Coded:
    """Return integers around 0 and at both ends of an integer format."""
    bound = min(1 << (DATA_FORMATS[data_format][2] - 1), 1 << 31)
    return Coded([0, 1, -1, bound - 1, -bound + 1])


_INTEGER_FORMATS = [number for number, (_, _, bits) in enumerate(DATA_FORMATS) if bits]
_FLOAT_FORMATS = [number for number, (_, _, bits) in enumerate(DATA_FORMATS) if not bits]
_OTHER_FLOAT_FORMATS = [number for number in _FLOAT_FORMATS if number != FLOAT32_FORMAT]


_FLOAT16 = 8
_HALVES = bits32(0x7FC00000, 0xFFC00000, 0x7FD54000, 0x33800000, 0x33800001, 0x33000000, 0x33000001, 0x33C00000)
"""Quiet NaNs with payloads that FLOAT16 holds, subnormal halves, and what lies halfway between
them.
"""
_TIES = bits32(0x387FC000, 0x387FE000, 0x387FF000, 0x3F801000, 0x3F803000, 0xBF801001, 0x477FEFFF, 0xC77FEFFF)
"""The largest subnormal half, ties of normal ones, and the largest numbers that do not overflow."""

RECIPES = (
    inferred(
        "prun-empty",
        title="A pruning container without masks",
        tests="Neither flag set: five bits of flags and three reserved.",
        catches="A decoder that expects a mask always.",
        clauses=_PRUNING,
        units=pruned(container(NNR_TPL_BMSK)),
    ),
    inferred(
        "prun-bitmask",
        title="A pruning mask",
        tests="prune_flag and NNR_TPL_BMSK: a mask of bits, aligned after it.",
        catches="A decoder that reads the mask in bytes.",
        clauses=_PRUNING,
        units=pruned(container(NNR_TPL_BMSK, prune=1, prune_bit_mask=mask(1, 0, 0, 1, 1, 0, 1, 1, 1, 0, 1))),
    ),
    inferred(
        "prun-bitmask-and-sparse",
        title="A pruning mask and a sparsity mask",
        tests="Both flags and order_flag: two masks, each aligned.",
        catches="A decoder that reads one mask for both.",
        clauses=_PRUNING,
        units=pruned(container(NNR_TPL_BMSK, prune=1, order=1, sparse=1, prune_bit_mask=mask(1, 0, 1), sparse_bit_mask=mask(*[0, 1] * 8))),
    ),
    inferred(
        "prun-sparse",
        title="A sparsity mask alone",
        tests="sparse_flag without prune_flag, and a mask of no bits.",
        catches="A decoder that reads a mask of no bits as one of 2 ** 32.",
        clauses=_PRUNING,
        units=pruned(container(NNR_TPL_BMSK, sparse=1, sparse_bit_mask=mask())),
    ),
    inferred(
        "prun-dictionary",
        title="A dictionary of new dimensions",
        tests="NNR_TPL_DICT: ids with the dimensions that are left.",
        catches="A decoder that misses an alignment between id and dimensions.",
        clauses=_PRUNING,
        units=pruned(container(NNR_TPL_DICT, prune=1, count_ids=2, pruned_element=_DICTIONARY)),
    ),
    inferred(
        "prun-dictionary-dimensions",
        title="Dimensions from a dictionary",
        tests="A tensor that leaves out its dimensions has those that the dictionary gives it.",
        catches="A decoder that looks for dimensions in the topology only.",
        clauses=_PRUNING,
        units=[
            *opening(),
            container(NNR_TPL_DICT, prune=1, count_ids=2, pruned_element=_DICTIONARY),
            ndu(header(NNR_PT_INT, "w", (2, 3)), Coded([7, 0, -1, 2, 2, 0]), form=HeaderForm(input_parameters=False)),
        ],
    ),
    inferred(
        "prun-dictionary-indexed",
        title="A dictionary by index",
        tests="Where references are indexed the dictionary's are too.",
        catches="A decoder that reads a string.",
        clauses=_PRUNING,
        units=[
            *opening(indexed_references=True),
            reference_list(["a", "w"]),
            container(NNR_TPL_DICT, prune=1, sparse=1, count_ids=1, pruned_element=_INDEXED, sparse_bit_mask=mask(1)),
            *singles(["a", "w"], [1]),
        ],
    ),
    inferred(
        "mapping-split",
        title="A concatenated tensor is split",
        tests="A coded [5, 4] with axis 0 and split_index 2 is a [3, 4] and a [2, 4].",
        catches="A decoder that takes split_index for a size.",
        clauses=_MAPPING,
        units=mapped((5, 4), 20, DimensionMapping(0, (2,), ((), ())), ("a", "b")),
    ),
    inferred(
        "mapping-split-axis-1",
        title="A split along the second axis",
        tests="Three tensors side by side.",
        catches="A decoder that always splits rows.",
        clauses=_MAPPING,
        units=mapped((2, 6), 12, DimensionMapping(1, (0, 2), ((), (), ())), ("a", "b", "c")),
    ),
    inferred(
        "mapping-shifts",
        title="Axes moved after the split",
        tests="Axis shift_index moves left by shift_value, for each tensor by itself.",
        catches="A decoder that moves axes before the split, or to the right.",
        clauses=_MAPPING,
        units=mapped((4, 3, 2), 24, DimensionMapping(0, (1,), (((2, 1),), ((1, 1), (2, 2)))), ("a", "b")),
    ),
    inferred(
        "ndu-float-dc",
        title="G and H sent singly",
        tests="A FLOAT with rank and rows has dimensions of its own.",
        catches="A decoder that computes the dimensions from rank and rows.",
        clauses=_NDU,
        units=[
            *opening(),
            *(
                ndu(
                    header(NNR_PT_FLOAT, name, dimensions, parameter_types=DC, decomposition_rank=2, g_number_of_rows=3),
                    Coded(list(range(dimensions[0] * dimensions[1]))),
                )
                for name, dimensions in (("w_G", (3, 2)), ("w_H", (2, 4)))
            ),
        ],
    ),
    inferred(
        "lps-without-qp",
        title="An LPS without a qp",
        tests="It leaves the MPS's qp in force.",
        catches="A decoder that has none in force then.",
        clauses=("6 nnr_layer_parameter_set",),
        units=[
            *opening(Quantization(2, -9)),
            layer_parameter_set(None),
            ndu(header(NNR_PT_FLOAT, "w", (3,), Quantization(2, -9)), Coded([1, -2, 3])),
        ],
    ),
    inferred(
        "lps-without-qp-after-lps",
        title="An LPS without a qp after one with it",
        tests="The MPS's qp is in force again, not the earlier LPS's.",
        catches="A decoder that keeps the earlier LPS's qp.",
        clauses=("6 nnr_layer_parameter_set",),
        units=[
            *opening(Quantization(2, -9)),
            layer_parameter_set(Quantization(3, -30)),
            layer_parameter_set(None),
            ndu(header(NNR_PT_FLOAT, "w", (3,), Quantization(2, -9)), Coded([1, -2, 3])),
        ],
    ),
    inferred(
        "lps-self-contained",
        title="A self-contained LPS without an MPS",
        tests="lps_self_contained_flag 1: the data units under it need no MPS.",
        catches="A decoder that wants an MPS always.",
        clauses=("6 nnr_layer_parameter_set_unit_header",),
        units=[start_unit(), layer_parameter_set(SIXTEENTHS, self_contained=True), ndu(header(NNR_PT_FLOAT, "w", (3,)), Coded([1, -2, 3]))],
    ),
    *(converted("float", NNR_PT_FLOAT, number, integer_ends(number)) for number in _INTEGER_FORMATS),
    *(converted("int", NNR_PT_INT, number, whole_ends(number)) for number in _INTEGER_FORMATS if number),
    *(converted("int", NNR_PT_INT, number, Coded([0, 1, -2049, 60000, -65503])) for number in _FLOAT_FORMATS),
    *(converted("float", NNR_PT_FLOAT, number, Coded([0, 1, -4097, 4099, 131007, -4098])) for number in _OTHER_FLOAT_FORMATS),
    *(
        converted("raw", NNR_PT_RAW_FLOAT, number, bits32(0x3F800000, 0x80000000, 0x33000001, 0x7F800000, 0x477FEFFF, 0x38FFFFFF))
        for number in _OTHER_FLOAT_FORMATS
    ),
    converted("raw", NNR_PT_RAW_FLOAT, 5, bits32(0x3F000000, 0xBF000000, 0x3FC00000, 0x42FE0000, 0xC3008000, 0x80000000)),
    *(
        inferred(
            f"format-raw-to-float16-{name}",
            title=f"RAW_FLOAT to FLOAT16: {what}",
            tests="Numbers are rounded to the nearest half, ties to even; subnormal halves and NaN payloads are kept.",
            catches="A decoder that flushes subnormal halves, rounds twice, or gives every NaN the same bits.",
            clauses=_NDU,
            units=[*opening(), ndu(header(NNR_PT_RAW_FLOAT, "w", (8,), data_format=_FLOAT16), tensor)],
        )
        for name, what, tensor in (("subnormal", "NaN payloads and subnormal halves", _HALVES), ("ties", "ties and the ends", _TIES))
    ),
)
