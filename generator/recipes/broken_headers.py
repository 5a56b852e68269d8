"""Streams that break a rule of a data unit's header (clause 6)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnc_conformance.generator.composition import Coded, book, header, ndu, opening
from nnc_conformance.generator.editing import header_of, payload_of, set_to
from nnc_conformance.generator.negative import broken, codeword
from nnc_conformance.generator.onnx_bytes import onnx_topology
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.blocks import block_header
from nnc_conformance.generator.recipes.inferred import mapped
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.composer import HeaderForm, topology_unit
from nnc_conformance.reference.entropy.coding import INT32_MAX, INT32_MIN
from nnc_conformance.reference.syntax.structures.data_unit import (
    BI,
    BN,
    DC,
    LS,
    NNR_PT_BLOCK,
    NNR_PT_FLOAT,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    DimensionMapping,
)
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX, RAW
from nnc_conformance.reference.syntax.walker import Values

_DIMENSIONS = "tensor_dimensions"


def changed(**changes: Any) -> list[Values]:
    """Build a small integer tensor with other values in its header."""
    return [*opening(), header_of(small(), **changes)]


def dimensions(*sizes: int) -> list[Values]:
    """Build a small codeword whose header claims these dimensions."""
    return changed(count_tensor_dimensions=len(sizes), tensor_dimensions=list(sizes), scan_order=0)


def too_many(name: str, *sizes: int) -> Recipe:
    """Build the recipe of a small unit that claims a tensor too large to hold.

    Args:
        name: The end of the vector's id.
        sizes: The dimensions; their product exceeds any memory, or 32 or 64 bits.
    """
    product = " x ".join(map(str, sizes))
    return broken(
        "dims-product",
        name,
        title=f"A tensor of {product} elements in a few bytes",
        catches="A decoder that allocates what a header claims, or multiplies in too few bits.",
        element=_DIMENSIONS,
        units=dimensions(*sizes),
    )


def codebook(indexes: Sequence[int] = (0, 1, -1), **changes: Any) -> list[Values]:
    """Build a tensor of three indexes, some elements of whose codebook() are changed.

    Args:
        indexes: The indexes.
        **changes: The elements to change, by name.
    """
    head = header(NNR_PT_FLOAT, "w", (3,), codebook=book(1, -5, 0, 6))
    unit = ndu(head, Coded(list(indexes)))
    return [*opening(), header_of(unit, codebook=unit["nnr_unit_header"]["codebook"] | changes)]


def block(parameter_types: int, **changes: Any) -> list[Values]:
    """Build a BLOCK with a [4, 3] weight, some elements of whose header are changed.

    Args:
        parameter_types: Flags of its parts: DC, LS, BN and BI.
        **changes: The elements to change, by name.
    """
    decomposed = {"decomposition_rank": 2, "g_number_of_rows": 4} if parameter_types & DC else {}
    head = block_header(parameter_types, (4, 3), **decomposed)
    counts = {"w": 12, "w_G": 8, "w_H": 6}
    tensors = {name: Coded([1] * counts.get(name, 4)) for name in head.ids}
    return [*opening(), header_of(ndu(head, tensors), **changes)]


def ids(*names: str) -> dict[str, Any]:
    """Build a list of ids."""
    return {"topology_elements_ids_list": {"count_topology_elements_minus2": len(names) - 2, "topology_elem_id_list": list(names)}}


def without_dimensions(*before: Values, input_parameters: bool, indexes: Sequence[int] = (1, 2, 3, 0, 0, 1)) -> list[Values]:
    """Build a tensor that leaves its dimensions to a topology."""
    form = HeaderForm(dimensions_present=False, input_parameters=input_parameters)
    return [*opening(), *before, ndu(header(NNR_PT_INT, "w", (len(indexes),)), Coded(indexes), form=form)]


def topology(**shapes: tuple[int, ...]) -> Values:
    """Build an ONNX topology."""
    return topology_unit(NNR_TPL_ONNX, RAW, {"topology_data": onnx_topology(shapes)})


def scalar_block(parameter_types: int) -> list[Values]:
    """Build a BLOCK whose weight is a scalar according to the topology."""
    head = block_header(parameter_types, (1,))
    unit = ndu(head, {name: Coded([number]) for number, name in enumerate(head.ids, start=1)}, form=HeaderForm(dimensions_present=False))
    return [*opening(), topology(w=()), unit]


def mapping(name: str, *, title: str, catches: str, element: str, how: DimensionMapping) -> Recipe:
    """Build the recipe of a dimension mapping that does not fit a [5, 4] tensor.

    Args:
        name: The end of the vector's id.
        title: The vector's title.
        catches: The faults that it catches.
        element: The element at fault.
        how: The mapping.
    """
    return broken(
        "mapping",
        name,
        title=title,
        catches=catches,
        element=element,
        units=mapped((5, 4), 20, how, ("a", "b", "c")[: len(how.shifts)]),
    )


def zero(name: str, payload_type: int, *sizes: int) -> Recipe:
    """Build the recipe of a tensor with a dimension of 0.

    Args:
        name: The end of the vector's id.
        payload_type: Payload type of the tensor.
        sizes: Its dimensions.
    """
    head = header(payload_type, "w", sizes)
    tensor = np.zeros(0, dtype=np.float32) if payload_type == NNR_PT_RAW_FLOAT else Coded([])
    return broken(
        "dims-zero",
        name,
        title=f"Dimensions {sizes}",
        catches="A decoder that divides by a dimension, or reads an index all the same.",
        element=_DIMENSIONS,
        units=[*opening(), ndu(head, tensor)],
    )


def mapping_absent() -> list[Values]:
    """Build a tensor with two ids and dimensions from a topology, but no mapping."""
    head = header(NNR_PT_INT, ("a", "b"), (2, 3))
    form = HeaderForm(input_parameters=False)
    return [*opening(), topology(a=(2, 3)), ndu(head, Coded([1, 2, 3, 0, 0, 1]), form=form)]


_RANK, _ROWS = "decomposition_rank", "g_number_of_rows"
_LIST = "count_topology_elements_minus2"

RECIPES = (
    *(
        broken(
            "payload-type",
            str(value),
            title=f"nnr_compressed_data_unit_payload_type {value}",
            catches="A decoder that masks the payload type.",
            element="nnr_compressed_data_unit_payload_type",
            edit=set_to("nnr_compressed_data_unit_payload_type", value),
        )
        for value in (4, 7, 31)
    ),
    broken(
        "payload-type",
        "4-coded-as-float",
        title="nnr_compressed_data_unit_payload_type 4, coded as a FLOAT is",
        catches="A decoder that reads a type that it does not know as it reads NNR_PT_FLOAT, with a qp_delta and no codebook.",
        element="nnr_compressed_data_unit_payload_type",
        units=[*opening(), payload_of(small(), cabac_codeword=codeword([1, 2, -1, 0, 3, -2], qp_delta_bits=6))],
        edit=set_to("nnr_compressed_data_unit_payload_type", 4),
    ),
    *(
        broken(
            "data-format",
            str(value),
            title=f"nnr_decompressed_data_format {value}",
            catches="A decoder that falls back to a default format.",
            element="nnr_decompressed_data_format",
            units=changed(nnr_decompressed_data_format_present_flag=1, nnr_decompressed_data_format=value),
        )
        for value in (10, 127)
    ),
    *(
        broken(
            "scan-order",
            str(value),
            title=f"scan_order {value}",
            catches="A decoder that takes larger blocks than there are.",
            element="scan_order",
            units=changed(scan_order=value, **{"cabac_offset_list": [], "dq_state_list": []}),
        )
        for value in (5, 15)
    ),
    broken(
        "dims-count",
        "0",
        title="tensor_dimensions_flag 1 and no dimension",
        catches="A decoder that takes it for a scalar.",
        element="count_tensor_dimensions",
        units=changed(count_tensor_dimensions=0, tensor_dimensions=[]),
    ),
    zero("int", NNR_PT_INT, 0),
    zero("float-rows", NNR_PT_FLOAT, 0, 3),
    zero("float-columns", NNR_PT_FLOAT, 3, 0),
    zero("raw", NNR_PT_RAW_FLOAT, 2, 0),
    too_many("2-31-and-more", 1 << 16, (1 << 15) + 1),
    too_many("2-32", 1 << 32),
    too_many("2-32-and-3", (1 << 32) + 3),
    too_many("65536-squared", 1 << 16, 1 << 16),
    too_many("2-40", 1 << 20, 1 << 20),
    too_many("2-63", (1 << 63) - 1),
    too_many("2-64", 1 << 32, 1 << 32),
    too_many("ten-dimensions", *(255,) * 10),
    broken(
        "dims-product",
        "decomposed",
        title="A decomposition whose G has 2 ** 40 elements",
        catches="A decoder that checks the tensor's own product only.",
        element=_RANK,
        units=block(DC, decomposition_rank=1 << 38),
    ),
    broken(
        "dims-absent",
        "flag-0",
        title="tensor_dimensions_flag 0 and no topology",
        catches="A decoder that takes the tensor for a scalar.",
        element="tensor_dimensions_flag",
        units=without_dimensions(input_parameters=True),
    ),
    broken(
        "dims-absent",
        "no-input-parameters",
        title="No input parameters and no topology",
        catches="A decoder that takes the tensor for a scalar.",
        element="input_parameters_present_flag",
        units=without_dimensions(input_parameters=False),
    ),
    broken(
        "dims-absent",
        "other-names",
        title="A topology that does not know the tensor",
        catches="A decoder that takes the dimensions of another.",
        element="tensor_dimensions_flag",
        units=without_dimensions(topology(v=(2, 3)), input_parameters=False),
    ),
    broken(
        "qp-in-force",
        "float",
        title="A FLOAT without a qp",
        catches="A decoder that takes a step of 1.",
        element="mps_quantization_method_flags",
        units=[*opening(None), ndu(header(NNR_PT_FLOAT, "w", (2,)), Coded([1, 2]))],
    ),
    broken(
        "qp-in-force",
        "float-without-qp-delta",
        title="A FLOAT without a qp, coded as an INT is",
        catches="A decoder that reads no qp_delta, and gives the indexes themselves, where no qp is in force.",
        element="mps_quantization_method_flags",
        units=[*opening(None), payload_of(ndu(header(NNR_PT_FLOAT, "w", (2,)), Coded([1, 2])), cabac_codeword=codeword([1, 2]))],
    ),
    broken(
        "qp-in-force",
        "block",
        title="A BLOCK without a qp",
        catches="A decoder that takes a step of 1.",
        element="mps_quantization_method_flags",
        units=[*opening(None), ndu(block_header(BI, (1, 2)), {"w": Coded([1, 2]), "bias": Coded([1])})],
    ),
    broken(
        "block-vectors",
        "scalar",
        title="A BLOCK whose weight has no dimension",
        catches="A decoder that reads dimension 0 unchecked.",
        element=_DIMENSIONS,
        units=scalar_block(BI),
    ),
    broken(
        "block-ids",
        "one",
        title="A BLOCK with a single id",
        catches="A decoder that names the parts itself.",
        element="nnr_multiple_topology_elements_present_flag",
        units=[*opening(), header_of(small(), nnr_compressed_data_unit_payload_type=NNR_PT_BLOCK, codebook_present_flag=0)],
    ),
    broken(
        "block-ids",
        "too-few",
        title="A BLOCK with fewer ids than parts",
        catches="A decoder that reads names past the list's end.",
        element=_LIST,
        units=block(LS | BI, **ids("w", "ls")),
    ),
    broken(
        "block-ids",
        "too-many",
        title="A BLOCK with more ids than parts",
        catches="A decoder that ignores ids that are left.",
        element=_LIST,
        units=block(LS | BI, **ids("w", "ls", "bias", "more")),
    ),
    broken(
        "block-ids",
        "batch-norm",
        title="A BLOCK with three of the batch norm's four ids",
        catches="A decoder that counts BN as one part.",
        element=_LIST,
        units=block(BN, **ids("w", "beta", "gamma", "mean")),
    ),
    broken(
        "block-ids",
        "no-parts",
        title="A BLOCK with two ids and no part but the weight",
        catches="A decoder that takes them for G and H.",
        element=_LIST,
        units=block(BI, compressed_parameter_types=0),
    ),
    broken(
        "rank",
        "0",
        title="decomposition_rank 0",
        catches="A decoder that multiplies matrices without columns.",
        element=_RANK,
        units=block(DC, decomposition_rank=0),
    ),
    broken(
        "rank",
        "rows-0",
        title="g_number_of_rows 0",
        catches="A decoder that divides by it.",
        element=_ROWS,
        units=block(DC, g_number_of_rows=0),
    ),
    broken(
        "rank",
        "rows-5",
        title="g_number_of_rows that does not divide the elements",
        catches="A decoder that rounds the columns of H.",
        element=_ROWS,
        units=block(DC, g_number_of_rows=5),
    ),
    broken(
        "rank",
        "rows-24",
        title="More rows in G than elements",
        catches="A decoder that gives H no columns.",
        element=_ROWS,
        units=block(DC, g_number_of_rows=24),
    ),
    broken(
        "golomb-length",
        "64-bits",
        title="An exp-Golomb code of 64 suffix bits",
        catches="A decoder whose shift wraps.",
        element=_DIMENSIONS,
        units=dimensions((1 << 64) - (1 << 7)),
    ),
    broken(
        "golomb-length",
        "rank",
        title="An exp-Golomb code of 100 suffix bits",
        catches="A decoder whose shift wraps.",
        element=_RANK,
        units=block(DC, decomposition_rank=(1 << 100) - 8),
    ),
    broken(
        "codebook-size",
        "0",
        title="A codebook of no values",
        catches="A decoder that reads its zero value all the same.",
        element="codebook_size",
        units=codebook(codebook_size=0, codebook_centre_offset=0),
    ),
    broken(
        "codebook-size",
        "offset-low",
        title="CbZeroOffset -1",
        catches="A decoder that reads before the codebook.",
        element="codebook_centre_offset",
        units=codebook(codebook_centre_offset=-2, codebook_delta_right=[0, 0, 0]),
    ),
    broken(
        "codebook-size",
        "offset-high",
        title="CbZeroOffset as large as the codebook",
        catches="A decoder that reads past the codebook.",
        element="codebook_centre_offset",
        units=codebook(codebook_centre_offset=2, codebook_delta_left=[0, 0, 0]),
    ),
    broken(
        "codebook-size",
        "offset-high-unused",
        title="CbZeroOffset as large as the codebook, and indexes that find values all the same",
        catches="A decoder that checks each index but not CbZeroOffset.",
        element="codebook_centre_offset",
        units=codebook((0, -1, 0), codebook_centre_offset=2, codebook_delta_left=[0, 0, 0]),
    ),
    broken(
        "codebook-range",
        "above",
        title="A codebook value of 2 ** 31",
        catches="A decoder whose values wrap.",
        element="codebook_delta_right",
        units=codebook(codebook_zero_value=INT32_MAX, codebook_delta_right=[0]),
    ),
    broken(
        "codebook-range",
        "below",
        title="A codebook value below -2 ** 31",
        catches="A decoder whose values wrap.",
        element="codebook_delta_left",
        units=codebook(codebook_zero_value=INT32_MIN, codebook_delta_left=[0]),
    ),
    broken(
        "codebook-range",
        "zero-value",
        title="A zero value of 2 ** 40",
        catches="A decoder that keeps the low bits.",
        element="codebook_zero_value",
        units=codebook(codebook_zero_value=1 << 40),
    ),
    broken(
        "mapping-absent",
        "int",
        title="Two ids and no mapping",
        catches="A decoder that gives both the same tensor.",
        element="concatentation_axis_index",
        units=mapping_absent(),
    ),
    mapping(
        "axis",
        title="An axis beyond the dimensions",
        catches="A decoder that counts axes from 1.",
        element="concatentation_axis_index",
        how=DimensionMapping(2, (1,), ((), ())),
    ),
    mapping(
        "split-end",
        title="A split at the axis's last index",
        catches="A decoder that gives an empty tensor.",
        element="split_index",
        how=DimensionMapping(0, (4,), ((), ())),
    ),
    mapping(
        "split-beyond",
        title="A split beyond the axis",
        catches="A decoder that clips.",
        element="split_index",
        how=DimensionMapping(0, (9,), ((), ())),
    ),
    mapping(
        "split-falls",
        title="Split indexes that fall",
        catches="A decoder that sorts them.",
        element="split_index",
        how=DimensionMapping(0, (3, 1), ((), (), ())),
    ),
    mapping(
        "shift-axis",
        title="A shift of an axis that is not there",
        catches="A decoder that reads past the dimensions.",
        element="shift_index",
        how=DimensionMapping(0, (1,), (((2, 1),), ())),
    ),
    mapping(
        "shift-value",
        title="A shift beyond the first axis",
        catches="A decoder that wraps round.",
        element="shift_value",
        how=DimensionMapping(0, (1,), (((1, 2),), ())),
    ),
    broken(
        "limits",
        "bytes",
        title="A tensor of 2 ** 31 elements of eight bytes, and its bias",
        catches="A decoder that allocates what a header claims.",
        element=_DIMENSIONS,
        units=block(
            BI,
            count_tensor_dimensions=1,
            tensor_dimensions=[1 << 31],
            nnr_decompressed_data_format_present_flag=1,
            nnr_decompressed_data_format=1,
        ),
    ),
)
