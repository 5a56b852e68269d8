"""A case's stream from our composer: indexes, parameter sets and headers given outright, and what
stands around the tensor.
"""

from dataclasses import replace
from itertools import pairwise
from math import prod
from typing import Any, Final

import numpy as np
from interop.cases import LARGEST, Case, Shape
from interop.materials import generator_of, integers, vector_names

from nnc_conformance.generator.composition import Coded, header, ndu, on_trellis, opening
from nnc_conformance.generator.editing import dirty_alignment
from nnc_conformance.generator.recipe import write
from nnc_conformance.generator.recipes.disputed import performance_map
from nnc_conformance.reference.composer import (
    HeaderForm,
    aggregate_unit,
    ids_list,
    layer_parameter_set,
    model_parameter_set,
    quantization_unit,
    split_unit,
    start_unit,
    topology_unit,
)
from nnc_conformance.reference.interpretation import ColumnBlockScan, Interpretation, MapEntries
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import (
    BI,
    BN,
    DC,
    LS,
    NNR_PT_BLOCK,
    NNR_PT_FLOAT,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    Codebook,
    DataUnitHeader,
    DimensionMapping,
)
from nnc_conformance.reference.syntax.structures.parameter_sets import NNR_QCB
from nnc_conformance.reference.syntax.structures.topology import (
    NNR_TPL_DICT,
    NNR_TPL_NNEF,
    NNR_TPL_ONNX,
    NNR_TPL_PRUN,
    NNR_TPL_PYT,
    NNR_TPL_REFLIST,
    NNR_TPL_UNREC,
    RAW,
)
from nnc_conformance.reference.syntax.walker import Values

PAYLOADS: Final = {"INT": NNR_PT_INT, "FLOAT": NNR_PT_FLOAT, "RAW_FLOAT": NNR_PT_RAW_FLOAT, "BLOCK": NNR_PT_BLOCK}
PARTS: Final = {"DC": DC, "LS": LS, "BN": BN, "BI": BI}
OTHER_FORMAT: Final = {"INT": 7, "FLOAT": 9, "RAW_FLOAT": 9, "BLOCK": 9}
"""An nnr_decompressed_data_format that holds every value, and is not the payload's own: INT64,
FLOAT64.
"""
REACHING: Final = "to 2^24"
"""The content that a codebook's values have in place of its indexes."""
MOST_RANK: Final = 9
PARAMETER_SETS: Final = 9


def composed(case: Case, interpretation: Interpretation) -> bytes:
    """The stream that is good under an interpretation."""
    head = header_of(case)
    unit = tensor_unit(case, head, interpretation)
    stream = write(carried(case, head, unit, interpretation), interpretation)
    return dirty_alignment(stream) if case.carriage == "dirty alignment" else stream


def header_of(case: Case) -> DataUnitHeader:
    """The header of the case's NNR_NDU, without a codebook."""
    weights = ("w_G", "w_H") if "DC" in case.parts else ("w",)
    head = header(
        PAYLOADS[case.payload],
        (*weights, *vector_names(case.parts)),
        case.shape,
        Quantization(case.qp_density, case.qp),
        dq_flag=case.dq,
        scan_order=case.scan_order,
        unary_length=case.unary_length,
        parameter_types=sum(PARTS[part] for part in case.parts),
    )
    if "DC" in case.parts:
        head = replace(head, g_number_of_rows=case.rows, decomposition_rank=min(MOST_RANK, case.columns))
    if case.carriage == "data format":
        head = replace(head, data_format=OTHER_FORMAT[case.payload])
    if case.carriage == "two tensors in one":
        head = replace(head, ids=("w", "v"), mapping=split_in_two(case.shape))
    return head


def split_in_two(shape: Shape) -> DimensionMapping:
    """Cuts the longest axis; the second tensor's last axis moves to the front."""
    axis = shape.index(max(shape))
    last = len(shape) - 1
    return DimensionMapping(axis, (shape[axis] // 3,), ((), ((last, last),) if last else ()))


def tensor_unit(case: Case, head: DataUnitHeader, interpretation: Interpretation) -> Values:
    """The NNR_NDU of the case."""
    random = generator_of(case)
    common: dict[str, Any] = {"nnr_unit_size_flag": 1} if case.carriage == "31-bit sizes" else {}
    if case.carriage == "independently decodable":
        common["independently_decodable_flag"] = 1
    form = HeaderForm(reference_list=["v", *head.ids] if case.carriage == "ids by index" else None)
    if case.payload == "RAW_FLOAT":
        count = prod(case.shape)
        bits = random.integers(0, 1 << 32, count, dtype=np.uint32)
        values = bits.view(np.float32) if case.content == "any bits" else integers(case.content, count, random).astype(np.float32)
        return ndu(head, values, form=form, **common)
    largest = LARGEST // 2 if case.dq else LARGEST
    coded = {}
    books = {}
    for part in coded_parts(replace(head, codebook=Codebook(np.zeros(1, np.int32), 0)) if case.codebook == "given" else head):
        chosen = part.is_weight and case.codebook == "given"
        content = "small" if chosen and case.content == REACHING else case.content
        quants = integers(content, prod(part.dimensions), random, largest)
        coding = coding_of(part, head, interpretation)
        sets: Any = case.parameter_sets
        if sets == "random":
            sets = random.integers(0, PARAMETER_SETS, coding.layout.flag)
        coded[part.id] = Coded(quants, case.delta, sets)
        if chosen:
            books[part.id] = book_for(on_trellis(quants) if coding.dq_flag else quants, random, reaching=case.content == REACHING)
    if books:
        head = replace(head, codebook=books[head.ids[0]], codebook_dc=books.get(head.ids[1]) if "DC" in case.parts else None)
    unit = ndu(head, coded, form=form, interpretation=interpretation, **common)
    if interpretation.column_block_scan is ColumnBlockScan.AS_SCAN_0 and case.columns == 1 and case.block_rows > 1:
        unit["nnr_unit_header"] |= zero_entry_points(case.block_rows - 1)
    return unit


def zero_entry_points(count: int) -> Values:
    """An entry point list of zeros, for block rows that are none."""
    return {"cabac_offset_list": [0] * count, "dq_state_list": [0] * count, "bit_offset_delta1": 0, "bit_offset_delta2": [0] * (count - 1)}


def book_for(indexes: np.ndarray, random: np.random.Generator, *, reaching: bool) -> Codebook:
    """A codebook of rising values in which all indexes lie.

    ``reaching``: its values go up to about 2^24.
    """
    below, above = (int(random.integers(0, 3)) + max(0, int(end)) for end in (-indexes.min(), indexes.max()))
    gaps = random.integers(1, 2 * LARGEST // (below + above + 1) if reaching else 40, below + above + 1)
    return Codebook((np.cumsum(gaps) - gaps[: below + 1].sum() + random.integers(-5, 6)).astype(np.int32), below)


def carried(case: Case, head: DataUnitHeader, unit: Values, interpretation: Interpretation) -> list[Values]:
    """The units of the stream: the tensor's and those around it."""
    quantization = head.quantization
    assert quantization is not None
    start = opening(quantization)
    match case.carriage:
        case "31-bit sizes":
            return [start_unit(nnr_unit_size_flag=1), model_parameter_set(quantization, nnr_unit_size_flag=1), unit]
        case "two data units":
            return [*start, unit, another()]
        case "after a topology" | "after an NNEF topology" | "after an ONNX topology":
            data = {"topology_data": b"what either descriptor of it reads alike\0"}
            storage = {"after an NNEF topology": NNR_TPL_NNEF, "after an ONNX topology": NNR_TPL_ONNX}.get(case.carriage, NNR_TPL_PYT)
            return [*opening(quantization, topology_carriage=True), topology_unit(storage, RAW, data), unit]
        case "method NNR_QCB":
            return [*opening(quantization, method_flags=NNR_QCB), unit]
        case "sparsification map" | "pruning map" | "unification map" | "decomposition map":
            spare = int(interpretation.map_entries is MapEntries.COUNT_MINUS_1)
            return [*opening(quantization, maps=performance_map(case.carriage.removesuffix(" map"), 2 + spare, 2)), unit]
        case "parameters in an LPS":
            other = Quantization((quantization.qp_density + 3) % 8, quantization.quantization_parameter + 1)
            return [*opening(other), layer_parameter_set(quantization), unit]
        case "partial data":
            (payload,) = unit["nnr_unit_payload"].values()
            return [*start, *split_unit(unit, payload, [len(payload) // 2])]
        case "ids by index":
            names = topology_unit(NNR_TPL_REFLIST, RAW, {"topology_elements_ids_list": ids_list(["v", *head.ids])})
            return [*opening(quantization, indexed_references=True), names, unit]
        case "after an NNR_QNT":
            return [*start, quantization_unit(NNR_TPL_UNREC, RAW, b"how it was quantized\0"), unit]
        case "in an aggregate":
            return [*start, aggregate_unit([unit, another()])]
        case "in an aggregate with entry points":
            return [*start, aggregate_unit([unit, another()], sizes_of(start, [unit, another()]))]
        case "after an NNR_PT_RAW_FLOAT":
            return [*start, ndu(header(NNR_PT_RAW_FLOAT, "v", (3,)), np.array([1, -2, 0.5], np.float32)), unit]
        case "after a pruning container":
            element = {"element_id": "v", "count_dims": 2, "dim": [3, 5]}
            flags = {"nnr_rep_type": NNR_TPL_DICT, "prune_flag": 1, "order_flag": 0, "sparse_flag": 0}
            container = flags | {"count_ids": 1, "pruned_element": [element]}
            return [*start, topology_unit(NNR_TPL_PRUN, RAW, {"nnr_pruning_topology_container": container}), unit]
        case _:
            return [*start, unit]


def another() -> Values:
    """A further tensor."""
    return ndu(header(NNR_PT_INT, "v", (2, 3)), Coded([3, -1, 0, 2, -5, 1]))


def sizes_of(before: list[Values], units: list[Values]) -> list[int]:
    """The sizes of units in bytes."""
    ends = [len(write(before + units[:count])) for count in range(len(units) + 1)]
    return [end - start for start, end in pairwise(ends)]
