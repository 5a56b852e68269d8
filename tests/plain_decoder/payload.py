"""NNR_NDU payloads: the tensors of one data unit by name."""

import math
from dataclasses import dataclass

import numpy as np

from plain_decoder import data_unit, tensor, values
from plain_decoder.arithmetic import ArithmeticDecoder
from plain_decoder.codebook import Codebook
from plain_decoder.data_unit import NNR_PT_BLOCK, NNR_PT_INT, NNR_PT_RAW_FLOAT, DataUnitHeader, DimensionMapping
from plain_decoder.errors import PlainError
from plain_decoder.parameter_sets import Quantization
from plain_decoder.tensor import QuantTensor, RowEntry, SecondEdition
from plain_decoder.values import Array


@dataclass
class EntryPoints:
    """The entries of one tensor: as the header gives them, and as sequential decoding meets them."""

    header: list[RowEntry]
    observed: list[RowEntry]


@dataclass
class Part:
    """A tensor of the payload; only a weight (or G, H) has a block scan and may have a codebook.

    ``key`` holds its name, or the names of all elements that are coded as one tensor.
    """

    key: tuple[str, ...]
    shape: tuple[int, ...]
    scan_order: int = 0
    codebook: Codebook | None = None

    @property
    def name(self) -> str:
        """The name of the tensor, or of the first of its elements."""
        return self.key[0]


@dataclass
class DataUnit:
    """What one data unit decodes to.

    Args:
        parameters: Tensors by name, in the decompressed data format.
        values: The same in the payload's own type, int32 or binary32.
        indexes: By a part's key its indexes, row-major, doubled with dependent quantization; a
            RAW_FLOAT has none.
        not_zero: By a part's key 1 for each index or raw float that is not 0.
        entry_points: By name, of each tensor whose header lists any.
    """

    parameters: dict[str, Array]
    values: dict[str, Array]
    indexes: dict[tuple[str, ...], list[int]]
    not_zero: dict[tuple[str, ...], list[int]]
    entry_points: dict[str, EntryPoints]


def parts(header: DataUnitHeader) -> list[Part]:
    """List the tensors of a payload in **coded** order.

    The ids of a block come in another order: weight (or G, H), LS, BN, BI.
    """
    if header.payload_type != NNR_PT_BLOCK:
        return [Part(header.key(), header.dimensions, header.scan_order, header.codebook)]
    keys = ((name,) for name in header.ids)
    if header.decomposed_block():
        weights = [
            Part(next(keys), header.g_shape(), header.scan_order, header.codebook),
            Part(next(keys), header.h_shape(), header.scan_order, header.codebook_dc),
        ]
    else:
        weights = [Part(next(keys), header.dimensions, header.scan_order, header.codebook)]
    vector = header.dimensions[:1]
    local_scaling = [Part(next(keys), vector)] if header.has(data_unit.NNR_CPT_LS) else []
    batch_norm = [Part(next(keys), vector) for _ in range(4)] if header.has(data_unit.NNR_CPT_BN) else []
    bias = [Part(next(keys), vector)] if header.has(data_unit.NNR_CPT_BI) else []
    return local_scaling + bias + batch_norm + weights


def decode_payload(
    header: DataUnitHeader,
    payload: bytes,
    quantization: Quantization | None,
    switches: dict[str, str],
    second: dict[tuple[str, ...], SecondEdition],
) -> DataUnit:
    """Decode one payload.

    Args:
        header: The header of the data unit.
        payload: What comes after the header.
        quantization: The quantization parameter in force.
        switches: The setting of every disputed point.
        second: In profile 1, what each part is read with, by its key.
    """
    data_format = header.decompressed_data_format if switches["data_format"] == "converts" else None
    if header.payload_type == NNR_PT_RAW_FLOAT:
        raw = [{header.ids[0]: _raw_float(payload, header.dimensions, wanted)} for wanted in (data_format, None)]
        not_zero = {header.key(): [int(value != 0) for value in raw[1][header.ids[0]].ravel().tolist()]}
        return DataUnit(_by_id(raw[0], header, switches), _by_id(raw[1], header, switches), {}, not_zero, {})

    is_int = header.payload_type == NNR_PT_INT
    trellis = bool(header.dq_flag) and not (is_int and switches["int_dq_flag"] == "ignored")
    if not is_int and quantization is None:
        raise PlainError("reference", f"no quantization parameter is in force for {header.ids}")
    engine = ArithmeticDecoder(payload)
    converted: dict[str, Array] = {}
    own_type: dict[str, Array] = {}
    indexes: dict[tuple[str, ...], list[int]] = {}
    entry_points: dict[str, EntryPoints] = {}
    chain = EntryChain(header)
    for part in parts(header):
        columns = math.prod(part.shape[1:])
        as_scan_0 = columns == 1 and switches["column_block_scan"] == "as-scan-0"
        coded = tensor.quant_tensor(
            engine,
            part.shape,
            qp_delta_bits=0 if is_int or quantization is None else 6 + quantization.qp_density,
            trellis=trellis,
            unary_length=header.unary_length,
            scan_order=0 if as_scan_0 else part.scan_order,
            switches=switches,
            second=second.get(part.key),
        )
        indexes[part.key] = coded.indexes
        listed = chain.take(part, coded.first_bit)
        if listed:
            entry_points[part.name] = EntryPoints(listed, coded.entries)
            if not as_scan_0:
                _check_entry_points(part.name, listed, coded, trellis)
        for tensors, wanted in ((converted, data_format), (own_type, None)):
            if is_int or quantization is None:
                flat = values.integer_values(coded.indexes, wanted)
            else:
                qp = coded.qp_delta + quantization.quantization_parameter
                step = values.quantization_step(qp, quantization.qp_density)
                flat = values.float_values(coded.indexes, step, part.codebook, wanted, switches)
            tensors[part.name] = flat.reshape(part.shape)
    engine.terminate()
    not_zero = {key: [int(index != 0) for index in found] for key, found in indexes.items()}
    return DataUnit(_by_id(converted, header, switches), _by_id(own_type, header, switches), indexes, not_zero, entry_points)


def _by_id(tensors: dict[str, Array], header: DataUnitHeader, switches: dict[str, str]) -> dict[str, Array]:
    """Put the decoded parts in the order of the header's ids.

    Cut apart what is coded as one tensor.
    """
    weight = tensors[header.ids[0]]
    if switches["dimension_shift"] == "moves" and weight.ndim > 1 and not header.decomposed_block():
        weight = np.ascontiguousarray(np.moveaxis(weight, 0, header.first_tensor_dimension_shift))
    if header.mapping is not None:
        return _mapped(weight, header.ids, header.mapping)
    return {name: weight if name == header.ids[0] else tensors[name] for name in header.ids}


def _raw_float(payload: bytes, shape: tuple[int, ...], data_format: int | None) -> Array:
    size = 4 * math.prod(shape)
    if len(payload) < size:
        raise PlainError("truncated", f"{len(payload)} bytes of raw floats where {shape} wants {size}")
    if len(payload) > size:
        raise PlainError("size", f"{len(payload) - size} bytes after the raw floats")
    return values.raw_values(payload, data_format).reshape(shape)


class EntryChain:
    """Turns a header's entry list into bit positions: each delta2 changes the length of a block
    row.
    """

    def __init__(self, header: DataUnitHeader) -> None:
        self.left = list(header.entry_points)
        self.length: int | None = None

    def take(self, part: Part, first_bit: int) -> list[RowEntry]:
        """The entries of the next part, whose first index starts at payload bit ``first_bit``."""
        rows = part.shape[0] if part.shape else 1
        entries = []
        position = first_bit
        for _ in range(tensor.block_rows(rows, part.scan_order) - 1):
            entry = self.left.pop(0)
            self.length = entry.bit_offset if self.length is None else self.length + entry.bit_offset
            position += self.length
            entries.append(RowEntry(entry.cabac_offset, entry.dq_state, position))
        return entries


def _check_entry_points(name: str, listed: list[RowEntry], coded: QuantTensor, trellis: bool) -> None:
    for number, (given, met) in enumerate(zip(listed, coded.entries, strict=True), 1):
        same_state = given.dq_state == met.dq_state or not trellis
        if given.cabac_offset != met.cabac_offset or given.bit_position != met.bit_position or not same_state:
            raise PlainError("entropy", f"block row {number} of {name!r}: the header enters at {given}, decoding at {met}")


def _mapped(array: Array, ids: list[str], mapping: DimensionMapping) -> dict[str, Array]:
    """Cut the tensor into its elements and move their axes."""
    pieces = _split(array, mapping)
    parameters = {}
    for name, piece, shifts in zip(ids, pieces, mapping.shifts, strict=True):
        for shift_index, shift_value in shifts:
            if shift_index >= piece.ndim or shift_value > shift_index:
                raise PlainError("dimension", f"axis {shift_index} of {piece.shape} cannot move left by {shift_value}")
            piece = np.moveaxis(piece, shift_index, shift_index - shift_value)
        parameters[name] = np.ascontiguousarray(piece)
    return parameters


def _split(array: Array, mapping: DimensionMapping) -> list[Array]:
    axis = mapping.concatenation_axis_index
    if axis >= array.ndim:
        raise PlainError("dimension", f"axis {axis} of a tensor {array.shape}")
    starts = [0] + [last + 1 for last in mapping.split_index]
    ends = [*starts[1:], array.shape[axis]]
    if any(start >= end for start, end in zip(starts, ends, strict=True)):
        raise PlainError("dimension", f"split_index {mapping.split_index} on an axis of {array.shape[axis]}")
    return [array[(slice(None),) * axis + (slice(start, end),)] for start, end in zip(starts, ends, strict=True)]
