"""NNR_NDU: the header of a compressed data unit and what it holds (clause 6)."""

from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from typing import Final

import numpy as np

from nnc_conformance.reference.entropy.coding import HIGHEST_SCAN_ORDER, INT32_MAX, INT32_MIN
from nnc_conformance.reference.interpretation import CodebookDq, DimensionsCount0, DimensionShift, ParentWithoutNodeId, RawFloatTca
from nnc_conformance.reference.syntax.context import Quantization, StreamContext
from nnc_conformance.reference.syntax.structures.topology import referenced, topology_elements_ids_list
from nnc_conformance.reference.syntax.walker import Walker

NNR_PT_INT: Final = 0
NNR_PT_FLOAT: Final = 1
NNR_PT_RAW_FLOAT: Final = 2
NNR_PT_BLOCK: Final = 3
PAYLOAD_TYPE_NAMES: Final = ("NNR_PT_INT", "NNR_PT_FLOAT", "NNR_PT_RAW_FLOAT", "NNR_PT_BLOCK")
"""Names of the values of nnr_compressed_data_unit_payload_type, from 0."""

ICNN_NDU_ID: Final = 0
ICNN_NDU_PL_SHA256: Final = 1
ICNN_NDU_PL_SHA512: Final = 2
"""Values of parent_node_id_type."""

DC: Final = 1
LS: Final = 2
BN: Final = 4
BI: Final = 8
"""Bits of compressed_parameter_types: decomposed, local scaling, batch norm, bias."""

HIGHEST_DATA_FORMAT: Final = 9
DEFAULT_UNARY_LENGTH: Final = 10
G_SUFFIX: Final = "_G"
"""Suffix of the name of G after that of the decomposed tensor [I]."""


@dataclass(frozen=True)
class Codebook:
    """A codebook: int32 values of shape (codebook_size,), and CbZeroOffset.

    That is the place of index 0 in them.
    """

    values: np.ndarray
    zero_offset: int


@dataclass(frozen=True)
class CodedEntryPoint:
    """One entry of the entry point list, as coded.

    ``dq_state`` is 0 where none is coded, ``delta`` is bit_offset_delta1 or 2.
    """

    cabac_offset: int
    dq_state: int
    delta: int


@dataclass(frozen=True)
class DimensionMapping:
    """topology_tensor_dimension_mapping() [I].

    ``shifts`` holds (axis, places moved left) for each tensor.
    """

    axis: int
    split_indexes: tuple[int, ...]
    shifts: tuple[tuple[tuple[int, int], ...], ...]


@dataclass(frozen=True)
class NodeId:
    """Identifies a data unit in the tree of updates (second edition).

    It says who made it, which tensor it is, and how many updates deep.
    """

    device_id: int
    parameter_id: int
    put_node_depth: int


@dataclass(frozen=True)
class ParentNode:
    """Identifies the node to which a data unit is a difference (second edition).

    Args:
        id_type: parent_node_id_type: `ICNN_NDU_ID` or a digest.
        device_id: parent_device_id, for `ICNN_NDU_ID`.
        digest: The parent's payload digest, 32 or 64 bytes; None for `ICNN_NDU_ID`.
    """

    id_type: int
    device_id: int | None
    digest: bytes | None


@dataclass(frozen=True)
class UpdateSignalling:
    """Update elements of a data unit of the second edition.

    Args:
        parent_signalling: mps_parent_signalling_enabled_flag of the stream.
        pre: nnr_pre_flag of the stream.
        node_id: The unit's node; None without one.
        parent_id: The node to which the unit is a difference; None for a unit that stands alone.
        tca: temporal_context_modeling_flag.
    """

    parent_signalling: bool
    pre: bool
    node_id: NodeId | None
    parent_id: ParentNode | None
    tca: bool


@dataclass(frozen=True)
class DataUnitHeader:
    """The content of an NDU header.

    Ids and dimensions are resolved against the stream so far.

    ``dimensions`` are those of the (undecomposed) tensor; ``quantization`` is that of the parameter
    set in force.
    """

    payload_type: int
    ids: tuple[str, ...]
    dimensions: tuple[int, ...]
    dq_flag: bool
    codebook: Codebook | None
    codebook_dc: Codebook | None
    data_format: int | None
    unary_length: int
    parameter_types: int
    decomposition_rank: int
    g_number_of_rows: int
    scan_order: int
    entry_points: tuple[CodedEntryPoint, ...]
    mapping: DimensionMapping | None
    quantization: Quantization | None
    update: UpdateSignalling | None = None
    dimension_shift: int = 0

    @property
    def node_id(self) -> NodeId | None:
        """The unit's node id, if it has one."""
        return self.update.node_id if self.update is not None else None

    @property
    def parent_id(self) -> ParentNode | None:
        """The id of the node to which the unit is a difference.

        It is None if the unit has no such node.
        """
        return self.update.parent_id if self.update is not None else None

    @property
    def tca(self) -> bool:
        """Whether contexts are chosen by the parent's indexes."""
        return self.update is not None and self.update.tca

    @property
    def whole_id(self) -> str:
        """The id of the tensor that the dimensions describe.

        For a decomposed BLOCK it is the id of G without its suffix.
        """
        decomposed = self.payload_type == NNR_PT_BLOCK and self.parameter_types & DC
        return self.ids[0].removesuffix(G_SUFFIX) if decomposed else self.ids[0]

    @property
    def matrices(self) -> tuple[tuple[int, ...], ...]:
        """Dimensions of the tensors scanned as matrices: the weight, or G and H.

        A BLOCK with DC has G and H.
        """
        if self.payload_type == NNR_PT_BLOCK and self.parameter_types & DC:
            columns = prod(self.dimensions) // self.g_number_of_rows
            return (self.g_number_of_rows, self.decomposition_rank), (self.decomposition_rank, columns)
        return (self.dimensions,)


def block_rows(dimensions: tuple[int, ...], scan_order: int) -> int:
    """Return the number of block rows of a tensor under a scan order above 0."""
    return -(-dimensions[0] // (4 << scan_order))


def nnr_compressed_data_unit_header(w: Walker, context: StreamContext) -> DataUnitHeader:
    """Code the header of an NNR_NDU; return it resolved against the stream so far.

    Ids given as indexes become names, absent dimensions come from the base model or a topology.
    """
    w.require("mps-first", context.mps_seen or context.lps_self_contained, "an NNR_NDU before any NNR_MPS")
    payload_type = w.u("nnr_compressed_data_unit_payload_type", 5)
    w.require("payload-type", payload_type <= NNR_PT_BLOCK, f"nnr_compressed_data_unit_payload_type is {payload_type}")
    multiple = w.u("nnr_multiple_topology_elements_present_flag", 1)
    format_present = w.u("nnr_decompressed_data_format_present_flag", 1)
    input_present = w.u("input_parameters_present_flag", 1)
    several = bool(multiple) or payload_type != NNR_PT_BLOCK
    w.require("block-ids", several, "a BLOCK with one id", "nnr_multiple_topology_elements_present_flag")
    if multiple:  # branch: ndu.several-ids
        ids = topology_elements_ids_list(w, context, indexed=context.indexed_references)
    elif context.indexed_references:  # branch: ndu.id-as-index
        ids = (referenced(w, context, w.ue("topology_elem_id_index", 7)),)
    else:
        ids = (w.st("topology_elem_id"),)

    update = update_signalling(w, context, payload_type) if context.second_edition else None  # branch: 2024.ndu

    quantization = context.quantization
    codebook_present = 0
    codebook_g, codebook_h = None, None
    if payload_type in (NNR_PT_FLOAT, NNR_PT_BLOCK):  # branch: ndu.quantized
        w.require("qp-in-force", quantization is not None, "no quantization parameter is in force")
        codebook_present = w.u("codebook_present_flag", 1)
        if codebook_present:  # branch: ndu.codebook
            codebook_g = codebook(w, "codebook")
    dq_flag = 0
    if payload_type != NNR_PT_RAW_FLOAT:  # branch: ndu.dq-flag-coded
        dq_flag = w.u("dq_flag", 1)
    data_format = None
    if format_present:  # branch: ndu.data-format
        data_format = w.u("nnr_decompressed_data_format", 7)
        w.require("data-format", data_format <= HIGHEST_DATA_FORMAT, f"nnr_decompressed_data_format is {data_format}")

    check_codebook_with_dq(w, context, bool(codebook_present and dq_flag))

    dimensions_flag, unary_length, parameter_types, rank, g_rows = 0, DEFAULT_UNARY_LENGTH, 0, 0, 0
    dimensions: tuple[int, ...] = ()
    mapping = None
    if input_present:  # branch: ndu.input-parameters
        dimensions_flag = w.u("tensor_dimensions_flag", 1)
        unary_length_flag = w.u("cabac_unary_length_flag", 1)
        parameter_types = w.u("compressed_parameter_types", 4)
        if parameter_types & DC:  # branch: ndu.decomposition
            rank = w.ue("decomposition_rank", 3)
            g_rows = w.ue("g_number_of_rows", 3)
        if dimensions_flag:  # branch: ndu.dimensions-coded
            count = w.ue("count_tensor_dimensions", 1)
            one_element = w.interpretation.dimensions_count_0 is DimensionsCount0.ONE_ELEMENT
            w.require("dims-count", count > 0 or one_element, "count_tensor_dimensions is 0")
            dimensions = tuple(w.ue("tensor_dimensions", 7, j) for j in range(count))  # branch: ndu.dimensions
            dimensions = dimensions or (1,)
        if payload_type != NNR_PT_BLOCK and multiple:  # branch: ndu.mapping-coded (no block, several ids)
            mapping = topology_tensor_dimension_mapping(w, len(ids))
        if unary_length_flag:  # branch: ndu.unary-length
            unary_length = w.u("cabac_unary_length_minus1", 8) + 1
    if payload_type != NNR_PT_BLOCK and multiple:  # branch: ndu.mapping-required (no block, several ids)
        w.require("mapping-absent", mapping is not None, "several topology elements without a dimension mapping")
    if not dimensions_flag:  # branch: ndu.dimensions-from-topology
        decomposed = payload_type == NNR_PT_BLOCK and parameter_types & DC
        whole = ids[0].removesuffix(G_SUFFIX) if decomposed else ids[0]  # branch: ndu.dimensions-of-decomposed
        of_base = context.parent_signalling and whole in context.base_shapes  # first_tensor_dimension_shift
        shapes = context.base_shapes if of_base else context.shapes  # branch: 2024.dimensions-of-base
        known = mapping is None and whole in shapes
        w.require("dims-absent", known, f"no dimensions for {whole!r} in the unit, in the base model or in a topology")
        dimensions = shapes.get(whole, ())

    check_dimensions(w, context, dimensions)
    if mapping is not None:  # branch: ndu.mapping
        check_mapping(w, mapping, dimensions)
    if parameter_types & DC:  # branch: ndu.decomposition-checked
        check_decomposition(w, context, dimensions, (rank, g_rows), is_block=payload_type == NNR_PT_BLOCK)
    if payload_type == NNR_PT_BLOCK:  # branch: ndu.block
        check_block(w, parameter_types, ids, dimensions)
        if parameter_types & DC and codebook_present:  # branch: ndu.codebook-of-h (decomposed, codebook)
            codebook_h = codebook(w, "codebook_dc")

    header = DataUnitHeader(
        payload_type, ids, dimensions, bool(dq_flag), codebook_g, codebook_h, data_format, unary_length,
        parameter_types, rank, g_rows, 0, (), mapping, quantization, update,
    )  # fmt: skip
    scan_order = 0
    entry_points: tuple[CodedEntryPoint, ...] = ()
    dimensions_known = bool(dimensions_flag) or context.second_edition  # first_tensor_dimension_shift
    if dimensions_known and len(dimensions) > 1:  # branch: ndu.scan-order (dimensions coded, several dimensions)
        if context.second_edition:  # branch: 2024.dimension-shift
            header = replace(header, dimension_shift=first_tensor_dimension_shift(w, dimensions))
        scan_order = w.u("scan_order", 4)
        w.require("scan-order", scan_order <= HIGHEST_SCAN_ORDER, f"scan_order is {scan_order}")
        if scan_order > 0:  # branch: ndu.block-scan
            entry_points = entry_point_list(w, header, scan_order)
    w.byte_alignment()
    return replace(header, scan_order=scan_order, entry_points=entry_points)


def update_signalling(w: Walker, context: StreamContext, payload_type: int) -> UpdateSignalling:
    """Code node id, parent id and temporal_context_modeling_flag of a data unit (second edition)."""
    node_id, parent_id, tca = None, None, 0
    if w.u("node_id_present_flag", 1):  # branch: 2024.node-id
        node_id = NodeId(w.ue("device_id", 1), w.ue("parameter_id", 5), w.ue("put_node_depth", 4))
    if context.parent_signalling and w.u("parent_node_id_present_flag", 1):  # branch: 2024.parent-id (signalled, present)
        id_type = w.u("parent_node_id_type", 2)
        w.require("parent-type", id_type <= ICNN_NDU_PL_SHA512, f"parent_node_id_type is {id_type}")
        tca = w.u("temporal_context_modeling_flag", 1)
        check_tca_of_raw_float(w, payload_type, tca)
        if id_type == ICNN_NDU_ID:  # branch: 2024.parent-by-node
            parent_id = ParentNode(id_type, w.ue("parent_device_id", 1), None)
            if node_id is None:  # branch: 2024.parent-without-node
                allowed = w.interpretation.parent_without_node_id is ParentWithoutNodeId.ALLOWED
                w.require("parent-node", allowed, "a parent id of type 0 in a unit without a node id")
                node_id = NodeId(parent_id.device_id or 0, w.ue("parameter_id", 5), w.ue("put_node_depth", 4))
        elif id_type == ICNN_NDU_PL_SHA256:  # branch: 2024.parent-by-sha256
            parent_id = ParentNode(id_type, None, w.u("parent_node_payload_sha256", 256).to_bytes(32, "big"))
        else:
            parent_id = ParentNode(id_type, None, w.u("parent_node_payload_sha512", 512).to_bytes(64, "big"))
    return UpdateSignalling(context.parent_signalling, context.pre, node_id, parent_id, bool(tca) and payload_type != NNR_PT_RAW_FLOAT)


def check_tca_of_raw_float(w: Walker, payload_type: int, tca: int) -> None:
    """Check that a RAW_FLOAT has no temporal_context_modeling_flag, because it has no contexts.

    The disputed point ``raw_float_tca`` may ignore the flag.
    """
    wrong = tca and payload_type == NNR_PT_RAW_FLOAT and w.interpretation.raw_float_tca is RawFloatTca.REFUSED
    w.require("tca-raw", not wrong, "temporal_context_modeling_flag is 1 in a RAW_FLOAT")


def check_codebook_with_dq(w: Walker, context: StreamContext, both: bool) -> None:
    """Refuse a codebook together with dq_flag in the second edition.

    The disputed point ``codebook_dq`` decides whether this is a rule.
    """
    refused = both and context.second_edition and w.interpretation.codebook_dq is CodebookDq.REFUSED
    w.require("codebook-dq", not refused, "a codebook together with dq_flag")


def first_tensor_dimension_shift(w: Walker, dimensions: tuple[int, ...]) -> int:
    """Code and return the place to which the first dimension moves after decoding [I]."""
    shift = w.ue("first_tensor_dimension_shift", 1)
    within = shift < len(dimensions) or w.interpretation.dimension_shift is DimensionShift.AS_CODED
    w.require("shift", within, f"first_tensor_dimension_shift is {shift} for {len(dimensions)} dimensions")
    return shift


def check_dimensions(w: Walker, context: StreamContext, dimensions: tuple[int, ...]) -> None:
    """Check that no dimension is 0.

    Check also that their number and product are within the limits.
    """
    most = context.limits.dimensions
    w.require("limits", len(dimensions) <= most, f"{len(dimensions)} dimensions, the limit is {most}", "tensor_dimensions")
    w.require("dims-zero", 0 not in dimensions, f"a dimension of {dimensions} is 0", "tensor_dimensions")
    most = context.limits.elements
    w.require("dims-product", prod(dimensions) <= most, f"{prod(dimensions)} elements, the limit is {most}", "tensor_dimensions")


def check_decomposition(
    w: Walker, context: StreamContext, dimensions: tuple[int, ...], rank_and_rows: tuple[int, int], *, is_block: bool
) -> None:
    """Check the rank and the rows of a decomposed tensor.

    In a BLOCK, G is g_number_of_rows x rank and H rank x the other elements. A single G or H has
    dimensions of its own.

    Args:
        w: Enforces the rules.
        context: The state of the stream, with its limits.
        dimensions: Dimensions of the tensor.
        rank_and_rows: decomposition_rank and g_number_of_rows.
        is_block: Whether it is a BLOCK.
    """
    rank, g_rows = rank_and_rows
    w.require("rank", rank > 0, "decomposition_rank is 0", "decomposition_rank")
    w.require("rank", g_rows > 0, "g_number_of_rows is 0", "g_number_of_rows")
    if is_block and g_rows > 0:  # branch: decomposition.of-block (block, rows)
        columns, rest = divmod(prod(dimensions), g_rows)
        w.require("rank", rest == 0, f"g_number_of_rows {g_rows} does not divide {prod(dimensions)} elements", "g_number_of_rows")
        elements = rank * max(g_rows, columns)
        w.require("dims-product", elements <= context.limits.elements, f"{elements} elements in G or H", "decomposition_rank")


def check_block(w: Walker, parameter_types: int, ids: tuple[str, ...], dimensions: tuple[int, ...]) -> None:
    """Check that a BLOCK has as many ids as parts.

    LS, BN and BI have the length of dimension 0, so they need a tensor with dimensions.
    """
    parts = 1 + bool(parameter_types & DC) + bool(parameter_types & LS) + 4 * bool(parameter_types & BN) + bool(parameter_types & BI)
    w.require("block-ids", len(ids) == parts, f"{len(ids)} ids for {parts} parts", "compressed_parameter_types")
    vectors = parameter_types & (LS | BN | BI)
    w.require("block-vectors", not vectors or len(dimensions) > 0, "LS, BN or BI of a tensor without dimensions", "tensor_dimensions")


def codebook(w: Walker, name: str) -> Codebook:
    """Code codebook(), the first (``codebook``) or that of H (``codebook_dc``); return it."""
    with w.structure(name):
        egk = w.u("codebook_egk", 4)
        size = w.ue("codebook_size", 2)
        w.require("codebook-size", size > 0, "codebook_size is 0")
        zero_offset = (size >> 1) + w.ie("codebook_centre_offset", 2)
        w.require("codebook-size", 0 <= zero_offset < size, f"CbZeroOffset is {zero_offset} in a codebook of {size}")
        zero = w.ie("codebook_zero_value", 7)
        left, right = [zero], [zero]
        for j in range(zero_offset):  # branch: codebook.left
            left.append(left[-1] - w.ue("codebook_delta_left", egk, j) - 1)
        for j in range(size - zero_offset - 1):  # branch: codebook.right
            right.append(right[-1] + w.ue("codebook_delta_right", egk, j) + 1)
        in_range = left[-1] >= INT32_MIN and right[-1] <= INT32_MAX
        w.require("codebook-range", in_range, f"codebook values from {left[-1]} to {right[-1]}")
        values = left[:0:-1] + right if in_range else [0] * size  # branch: codebook.in-range
    return Codebook(np.array(values, dtype=np.int32), zero_offset)


def topology_tensor_dimension_mapping(w: Walker, tensors: int) -> DimensionMapping:
    """Code topology_tensor_dimension_mapping() [I] for a number of tensors; return it."""
    with w.structure("topology_tensor_dimension_mapping"):
        axis = w.u("concatentation_axis_index", 8)
        splits = tuple(w.ue("split_index", 7, i) for i in range(tensors - 1))  # branch: mapping.splits
        shifts = []
        for i in range(tensors):  # branch: mapping.tensors
            with w.structure("tensor", i):
                count = w.ue("number_of_shifts", 1)
                shifts.append(tuple((w.ue("shift_index", 7, k), w.ue("shift_value", 1, k)) for k in range(count)))  # branch: mapping.shifts
    return DimensionMapping(axis, splits, tuple(shifts))


def check_mapping(w: Walker, mapping: DimensionMapping, dimensions: tuple[int, ...]) -> None:
    """Check that a dimension mapping fits a tensor's dimensions.

    Its splits must cut an existing axis into tensors of at least one entry, and its moves must stay
    within the axes.
    """
    rank = len(dimensions)
    w.require("mapping", mapping.axis < rank, f"axis {mapping.axis} of {rank} dimensions", "concatentation_axis_index")
    ends = (-1, *mapping.split_indexes, dimensions[mapping.axis] - 1) if mapping.axis < rank else ()  # branch: mapping-check.axis-exists
    rises = all(a < b for a, b in pairwise(ends))  # branch: mapping-check.ends
    w.require("mapping", rises, f"split indexes {mapping.split_indexes} of an axis of {dimensions}", "split_index")
    # branch: mapping-check.tensors (shifts)
    reach = all(axis < rank and places <= axis for shifts in mapping.shifts for axis, places in shifts)
    w.require("mapping", reach, f"a shift beyond {rank} dimensions", "shift_index")


def entry_point_list(w: Walker, header: DataUnitHeader, scan_order: int) -> tuple[CodedEntryPoint, ...]:
    """Code and return the entry points of all block rows but the first.

    Each matrix has a first one; the matrices are the weight, or G and then H. An entry has
    IvlOffset, stateId with dq_flag, and the length of the block row before it as a difference.

    Args:
        w: Reads or writes the elements.
        header: The header, with dimensions and dq_flag.
        scan_order: The coded scan_order, which decides the number of block rows.
    """
    # branch: entry-points.matrices (rows)
    count = sum(block_rows(dimensions, scan_order) - 1 for dimensions in header.matrices if dimensions[0])
    entries = []
    for j in range(count):  # branch: entry-points.entries
        offset = w.u("cabac_offset_list", 8, j)
        state = w.u("dq_state_list", 3, j) if header.dq_flag else 0  # branch: entry-points.dq-state
        delta = w.ie("bit_offset_delta2", 7, j - 1) if j else w.ue("bit_offset_delta1", 11)  # branch: entry-points.later
        entries.append(CodedEntryPoint(offset, state, delta))
    return tuple(entries)


def nnr_compressed_data_unit_payload(w: Walker, header: DataUnitHeader) -> None:
    """Code the payload of an NNR_NDU: binary32 numbers, or the bytes of one arithmetic codeword."""
    if header.payload_type == NNR_PT_RAW_FLOAT:  # branch: ndu-payload.raw
        data = w.bs("raw_float32_parameter")
        size = 4 * prod(header.dimensions)
        w.require("raw-size", len(data) >= size, f"{len(data)} bytes for {prod(header.dimensions)} elements")
        w.require("payload-end", len(data) <= size, f"{len(data) - size} bytes after the payload")
    else:
        w.bs("cabac_codeword")
