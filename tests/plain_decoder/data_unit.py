"""The header of an NNR_NDU: nnr_compressed_data_unit_header()."""

import math
from dataclasses import dataclass, field

from plain_decoder import tensor
from plain_decoder.bits import Bits
from plain_decoder.codebook import Codebook, codebook
from plain_decoder.errors import PlainError
from plain_decoder.topology import referred, topology_elements_ids_list

NNR_PT_INT, NNR_PT_FLOAT, NNR_PT_RAW_FLOAT, NNR_PT_BLOCK = range(4)
NNR_CPT_DC, NNR_CPT_LS, NNR_CPT_BN, NNR_CPT_BI = 1, 2, 4, 8
ICNN_NDU_ID, ICNN_NDU_PL_SHA256, ICNN_NDU_PL_SHA512 = range(3)
LAST_DATA_FORMAT = 9
LAST_SCAN_ORDER = 4
ELEMENT_LIMIT = 1 << 31
"""Elements that a tensor may have."""


@dataclass
class EntryPoint:
    """One entry of the list; ``bit_offset`` is bit_offset_delta1 or a bit_offset_delta2."""

    cabac_offset: int
    dq_state: int
    bit_offset: int


@dataclass
class DimensionMapping:
    """topology_tensor_dimension_mapping().

    ``shifts`` holds shift_index and shift_value pairs of each tensor.
    """

    concatenation_axis_index: int
    split_index: list[int]
    shifts: list[list[tuple[int, int]]]


@dataclass
class NodeId:
    """The place of a data unit in the parameter update tree; None for an id that is not sent."""

    device_id: int | None = None
    parameter_id: int | None = None
    put_node_depth: int | None = None

    def is_as(self, wanted: "NodeId") -> bool:
        """Tell whether each value in ``wanted`` that is not None is the same here."""
        return all(
            want is None or have == want
            for have, want in (
                (self.device_id, wanted.device_id),
                (self.parameter_id, wanted.parameter_id),
                (self.put_node_depth, wanted.put_node_depth),
            )
        )


@dataclass
class ParentId:
    """The node that a data unit is a difference to.

    Type 0 names it by ``device_id``, types 1 and 2 by the ``digest`` of its payload.
    """

    node_id_type: int
    device_id: int | None = None
    digest: bytes | None = None


@dataclass
class DataUnitHeader:
    """What a header says; absent elements have the value that the sheet gives them."""

    payload_type: int = NNR_PT_INT
    ids: list[str] = field(default_factory=list)
    multiple_topology_elements: int = 0
    node: NodeId = field(default_factory=NodeId)
    parent: ParentId | None = None
    temporal_context_modeling_flag: int = 0
    codebook: Codebook | None = None
    codebook_dc: Codebook | None = None
    dq_flag: int = 0
    decompressed_data_format: int | None = None
    compressed_parameter_types: int = 0
    decomposition_rank: int = 0
    g_number_of_rows: int = 0
    dimensions: tuple[int, ...] = ()
    mapping: DimensionMapping | None = None
    unary_length: int = 10
    first_tensor_dimension_shift: int = 0
    scan_order: int = 0
    entry_points: list[EntryPoint] = field(default_factory=list)

    def has(self, parameter_type: int) -> bool:
        """Whether a bit of compressed_parameter_types is set."""
        return bool(self.compressed_parameter_types & parameter_type)

    def decomposed_block(self) -> bool:
        """Whether G and H stand in the weight's place."""
        return self.payload_type == NNR_PT_BLOCK and self.has(NNR_CPT_DC)

    def g_shape(self) -> tuple[int, int]:
        """The shape of G."""
        return self.g_number_of_rows, self.decomposition_rank

    def h_shape(self) -> tuple[int, int]:
        """The shape of H."""
        return self.decomposition_rank, math.prod(self.dimensions) // self.g_number_of_rows

    def key(self) -> tuple[str, ...]:
        """Name what has these ``dimensions``: a tensor, the G and H of one, or tensors coded as
        one.
        """
        if self.decomposed_block():
            return tuple(self.ids[:2])
        return (self.ids[0],) if self.mapping is None else tuple(self.ids)


@dataclass
class Surroundings:
    """What a header is read with.

    Args:
        profile: general_profile_idc.
        indexed: mps_topology_indexed_reference_flag.
        parent_signalling: mps_parent_signalling_enabled_flag.
        reference_list: The element ids that indexes refer to.
        topology_dimensions: Dimensions by element, used where the header gives none.
        base_dimensions: Dimensions in the base model by `DataUnitHeader.key`; in an update they
            come before those of a topology.
    """

    profile: int
    indexed: int
    parent_signalling: int
    reference_list: list[str] | None
    topology_dimensions: dict[str, tuple[int, ...]]
    base_dimensions: dict[tuple[str, ...], tuple[int, ...]]


def data_unit_header(bits: Bits, around: Surroundings) -> DataUnitHeader:
    """Read the header to its byte_alignment()."""
    header = DataUnitHeader()
    header.payload_type = bits.u(5)
    if header.payload_type > NNR_PT_BLOCK:
        raise PlainError("reserved", f"nnr_compressed_data_unit_payload_type {header.payload_type}")
    is_block = header.payload_type == NNR_PT_BLOCK
    header.multiple_topology_elements = bits.u(1)
    nnr_decompressed_data_format_present_flag = bits.u(1)
    input_parameters_present_flag = bits.u(1)

    if header.multiple_topology_elements:
        header.ids = topology_elements_ids_list(bits, around.indexed, around.reference_list)
    elif around.indexed:
        header.ids = [referred(bits.ue(7), around.reference_list)]
    else:
        header.ids = [bits.st()]
    if len(set(header.ids)) < len(header.ids):
        raise PlainError("reference", f"an element is listed twice in {header.ids}")

    if around.profile > 0:
        node_and_parent(bits, header, around.parent_signalling)

    codebook_present_flag = 0
    if header.payload_type in (NNR_PT_FLOAT, NNR_PT_BLOCK):
        codebook_present_flag = bits.u(1)
        if codebook_present_flag:
            header.codebook = codebook(bits)
    if header.payload_type != NNR_PT_RAW_FLOAT:
        header.dq_flag = bits.u(1)
    if around.profile > 0 and header.codebook and header.dq_flag and bits.switches["codebook_dq"] == "refused":
        raise PlainError("value", "dq_flag with a codebook")
    if nnr_decompressed_data_format_present_flag:
        header.decompressed_data_format = bits.u(7)
        if header.decompressed_data_format > LAST_DATA_FORMAT:
            raise PlainError("reserved", f"nnr_decompressed_data_format {header.decompressed_data_format}")

    tensor_dimensions_flag = 0
    if input_parameters_present_flag:
        tensor_dimensions_flag = bits.u(1)
        cabac_unary_length_flag = bits.u(1)
        header.compressed_parameter_types = bits.u(4)
        if header.has(NNR_CPT_DC):
            header.decomposition_rank = bits.ue(3)
            header.g_number_of_rows = bits.ue(3)
        if tensor_dimensions_flag:
            count_tensor_dimensions = bits.ue(1)
            if count_tensor_dimensions < 1 and bits.switches["dimensions_count_0"] == "refused":
                raise PlainError("dimension", "count_tensor_dimensions is 0")
            header.dimensions = tuple(bits.ue(7) for _ in range(count_tensor_dimensions))
            if count_tensor_dimensions < 1 and bits.switches["dimensions_count_0"] == "one-element":
                header.dimensions = (1,)
        if not is_block and header.multiple_topology_elements:
            header.mapping = topology_tensor_dimension_mapping(bits, len(header.ids))
        if cabac_unary_length_flag:
            header.unary_length = bits.u(8) + 1
    if is_block and header.has(NNR_CPT_DC) and codebook_present_flag:
        header.codebook_dc = codebook(bits)

    if is_block:
        _check_block_ids(header)
    elif header.multiple_topology_elements and header.mapping is None:
        raise PlainError("reference", f"{len(header.ids)} elements in one tensor without a dimension mapping")
    if not tensor_dimensions_flag:
        header.dimensions = _dimensions_known(header, around)
    _check_dimensions(header)
    if len(header.dimensions) > 1:
        if around.profile > 0:
            header.first_tensor_dimension_shift = bits.ue(1)
            moves = bits.switches["dimension_shift"] == "moves"
            if moves and header.first_tensor_dimension_shift >= len(header.dimensions):
                shift = header.first_tensor_dimension_shift
                raise PlainError("dimension", f"first_tensor_dimension_shift {shift} of dimensions {header.dimensions}")
        if around.profile > 0 or tensor_dimensions_flag:
            header.scan_order = bits.u(4)
            if header.scan_order > LAST_SCAN_ORDER:
                raise PlainError("reserved", f"scan_order {header.scan_order}")
            header.entry_points = entry_point_list(bits, header)
    bits.byte_alignment()
    return header


def node_and_parent(bits: Bits, header: DataUnitHeader, parent_signalling: int) -> None:
    """Read the node id and the parent id, which place the data unit in the parameter update tree."""
    node_id_present_flag = bits.u(1)
    if node_id_present_flag:
        header.node = NodeId(device_id=bits.ue(1), parameter_id=bits.ue(5), put_node_depth=bits.ue(4))
    parent_node_id_present_flag = bits.u(1) if parent_signalling else 0
    if not parent_node_id_present_flag:
        return
    parent_node_id_type = bits.u(2)
    if parent_node_id_type > ICNN_NDU_PL_SHA512:
        raise PlainError("reserved", f"parent_node_id_type {parent_node_id_type}")
    header.parent = ParentId(parent_node_id_type)
    temporal_context_modeling_flag = bits.u(1)
    if header.payload_type != NNR_PT_RAW_FLOAT:
        header.temporal_context_modeling_flag = temporal_context_modeling_flag
    elif temporal_context_modeling_flag and bits.switches["raw_float_tca"] == "refused":
        raise PlainError("value", "temporal_context_modeling_flag 1 in an NNR_PT_RAW_FLOAT")
    if parent_node_id_type == ICNN_NDU_ID:
        header.parent.device_id = bits.ue(1)
        if not node_id_present_flag:
            if bits.switches["parent_without_node_id"] == "refused":
                raise PlainError("value", "a parent id of type 0 without a node id")
            header.node = NodeId(parameter_id=bits.ue(5), put_node_depth=bits.ue(4))
    elif parent_node_id_type == ICNN_NDU_PL_SHA256:
        header.parent.digest = bits.u(256).to_bytes(32, "big")
    else:
        header.parent.digest = bits.u(512).to_bytes(64, "big")


def _check_block_ids(header: DataUnitHeader) -> None:
    parts = (2 if header.has(NNR_CPT_DC) else 1) + header.has(NNR_CPT_LS) + 4 * header.has(NNR_CPT_BN) + header.has(NNR_CPT_BI)
    if not header.multiple_topology_elements or len(header.ids) != parts:
        raise PlainError("reference", f"{len(header.ids)} ids for the {parts} parts of a block")


def _check_dimensions(header: DataUnitHeader) -> None:
    if 0 in header.dimensions:
        raise PlainError("dimension", f"dimensions {header.dimensions}")
    if math.prod(header.dimensions) > ELEMENT_LIMIT:
        raise PlainError("limit", f"dimensions {header.dimensions}")
    if header.payload_type == NNR_PT_BLOCK and header.compressed_parameter_types & ~NNR_CPT_DC and not header.dimensions:
        raise PlainError("dimension", "a block with LS, BN or BI has no dimension 0")
    if header.has(NNR_CPT_DC):
        if header.decomposition_rank < 1 or header.g_number_of_rows < 1:
            raise PlainError("dimension", f"decomposition_rank {header.decomposition_rank}, g_number_of_rows {header.g_number_of_rows}")
        if header.decomposed_block():
            if math.prod(header.dimensions) % header.g_number_of_rows != 0:
                raise PlainError("dimension", f"{header.g_number_of_rows} rows of G do not divide the dimensions {header.dimensions}")
            if max(math.prod(header.g_shape()), math.prod(header.h_shape())) > ELEMENT_LIMIT:
                raise PlainError("limit", f"G of {header.g_shape()}, H of {header.h_shape()}")


def _dimensions_known(header: DataUnitHeader, around: Surroundings) -> tuple[int, ...]:
    """Find the dimensions of an element, or of a block's weight, in the base model or a topology.

    In a topology the W of a decomposed weight has the name of G without its ``_G``.
    """
    if around.parent_signalling and header.key() in around.base_dimensions:
        return around.base_dimensions[header.key()]
    name = header.ids[0].removesuffix("_G") if header.decomposed_block() else header.ids[0]
    if header.mapping is not None or name not in around.topology_dimensions:
        raise PlainError("dimension", f"neither the header, the base model nor a topology gives the dimensions of {name!r}")
    return around.topology_dimensions[name]


def topology_tensor_dimension_mapping(bits: Bits, count: int) -> DimensionMapping:
    """Read how one tensor is cut into ``count``."""
    concatenation_axis_index = bits.u(8)
    split_index = [bits.ue(7) for _ in range(count - 1)]
    shifts = []
    for _ in range(count):
        number_of_shifts = bits.ue(1)
        shifts.append([(bits.ue(7), bits.ue(1)) for _ in range(number_of_shifts)])
    return DimensionMapping(concatenation_axis_index, split_index, shifts)


def entry_point_list(bits: Bits, header: DataUnitHeader) -> list[EntryPoint]:
    """Read an entry for each block row but the first of each tensor; G's come before H's."""
    if header.decomposed_block():
        rows = [header.g_shape()[0], header.h_shape()[0]]
    else:
        rows = [header.dimensions[0]]
    entries: list[EntryPoint] = []
    for _ in range(sum(tensor.block_rows(n, header.scan_order) - 1 for n in rows)):
        cabac_offset = bits.u(8)
        dq_state = bits.u(3) if header.dq_flag else 0
        bit_offset = bits.ue(11) if not entries else bits.ie(7)
        entries.append(EntryPoint(cabac_offset, dq_state, bit_offset))
    return entries
