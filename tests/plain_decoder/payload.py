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
from plain_decoder.tensor import QuantTensor, RowEntry
from plain_decoder.values import Array


@dataclass
class EntryPoints:
    """The entries of one tensor: as the header gives them, and as sequential decoding meets them."""

    header: list[RowEntry]
    observed: list[RowEntry]


@dataclass
class Part:
    """A tensor of the codeword; only a weight (or G, H) has a block scan and may have a codebook."""

    name: str
    shape: tuple[int, ...]
    scan_order: int = 0
    codebook: Codebook | None = None


@dataclass
class DataUnit:
    """What one data unit decodes to."""

    parameters: dict[str, Array]
    entry_points: dict[str, EntryPoints]


def decode_payload(header: DataUnitHeader, payload: bytes, quantization: Quantization | None, switches: dict[str, str]) -> DataUnit:
    """Decodes one payload; ``quantization`` is the one in force."""
    data_format = header.decompressed_data_format if switches["data_format"] == "converts" else None
    if header.payload_type == NNR_PT_RAW_FLOAT:
        array = _raw_float(payload, header.dimensions, data_format)
        return DataUnit(_mapped(array, header), {})
    if header.payload_type == NNR_PT_BLOCK:
        parts = _block_parts(header)
    else:
        parts = [Part(header.ids[0], header.dimensions, header.scan_order, header.codebook)]

    is_int = header.payload_type == NNR_PT_INT
    trellis = bool(header.dq_flag) and not (is_int and switches["int_dq_flag"] == "ignored")
    if not is_int and quantization is None:
        raise PlainError("reference", f"no quantization parameter is in force for {header.ids}")
    engine = ArithmeticDecoder(payload)
    arrays: dict[str, Array] = {}
    entry_points: dict[str, EntryPoints] = {}
    chain = EntryChain(header)
    for part in parts:
        columns = math.prod(part.shape[1:])
        as_scan_0 = columns == 1 and switches["column_block_scan"] == "as-scan-0"
        coded = tensor.quant_tensor(
            engine,
            part.shape,
            qp_delta_bits=0 if is_int or quantization is None else 6 + quantization.qp_density,
            trellis=trellis,
            unary_length=header.unary_length,
            scan_order=0 if as_scan_0 else part.scan_order,
        )
        listed = chain.take(part, coded.first_bit)
        if listed:
            entry_points[part.name] = EntryPoints(listed, coded.entries)
            if not as_scan_0:
                _check_entry_points(part.name, listed, coded, trellis)
        if is_int or quantization is None:
            flat = values.integer_values(coded.indexes, data_format)
        else:
            qp = coded.qp_delta + quantization.quantization_parameter
            step = values.quantization_step(qp, quantization.qp_density)
            flat = values.float_values(coded.indexes, step, part.codebook, data_format, switches)
        arrays[part.name] = flat.reshape(part.shape)
    engine.terminate()
    if header.payload_type == NNR_PT_BLOCK:
        return DataUnit({name: arrays[name] for name in header.ids}, entry_points)
    return DataUnit(_mapped(arrays[header.ids[0]], header), entry_points)


def _raw_float(payload: bytes, shape: tuple[int, ...], data_format: int | None) -> Array:
    size = 4 * math.prod(shape)
    if len(payload) < size:
        raise PlainError("truncated", f"{len(payload)} bytes of raw floats where {shape} wants {size}")
    if len(payload) > size:
        raise PlainError("size", f"{len(payload) - size} bytes after the raw floats")
    return values.raw_values(payload, data_format).reshape(shape)


def _block_parts(header: DataUnitHeader) -> list[Part]:
    """The parts of a block in **coded** order; the ids are listed as weight (or G, H), LS, BN, BI."""
    ids = iter(header.ids)
    if header.decomposed_block():
        weights = [
            Part(next(ids), header.g_shape(), header.scan_order, header.codebook),
            Part(next(ids), header.h_shape(), header.scan_order, header.codebook_dc),
        ]
    else:
        weights = [Part(next(ids), header.dimensions, header.scan_order, header.codebook)]
    vector = header.dimensions[:1]
    local_scaling = [Part(next(ids), vector)] if header.has(data_unit.NNR_CPT_LS) else []
    batch_norm = [Part(next(ids), vector) for _ in range(4)] if header.has(data_unit.NNR_CPT_BN) else []
    bias = [Part(next(ids), vector)] if header.has(data_unit.NNR_CPT_BI) else []
    return local_scaling + bias + batch_norm + weights


class EntryChain:
    """Turns a header's entry list into bit positions: each delta2 changes the length of a block row."""

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


def _mapped(array: Array, header: DataUnitHeader) -> dict[str, Array]:
    """The tensor under its name, or cut into its elements and their axes moved."""
    if header.mapping is None:
        return {header.ids[0]: array}
    mapping = header.mapping
    pieces = _split(array, mapping)
    parameters = {}
    for name, piece, shifts in zip(header.ids, pieces, mapping.shifts, strict=True):
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
