"""The payload of a complete NNR_NDU: from its bytes to named tensors.

See clauses 6, 9 and 10.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from math import prod
from typing import Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.codeword import decode_codeword
from nnc_conformance.reference.entropy.coding import BinTrace, CodedTensor, CodewordError, EntryPoint, TensorCoding, TensorHistory
from nnc_conformance.reference.entropy.contexts import LayoutChoices
from nnc_conformance.reference.errors import Place, StreamError
from nnc_conformance.reference.interpretation import (
    CodebookGreaterSets,
    CodebookPrefixSets,
    ColumnBlockScan,
    DataFormat,
    IntDqFlag,
    Interpretation,
    SkippedStretch,
    TcaWithoutParent,
)
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.quantization.reconstruction import (
    FLOAT64_FORMAT,
    codebook_values,
    convert,
    exact_products,
    products,
    step_size,
)
from nnc_conformance.reference.syntax.context import PayloadError
from nnc_conformance.reference.syntax.elements import clause_of
from nnc_conformance.reference.syntax.rules import Enforcement, stream_error
from nnc_conformance.reference.syntax.structures.data_unit import (
    BI,
    BN,
    DC,
    G_SUFFIX,
    LS,
    NNR_PT_BLOCK,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    Codebook,
    DataUnitHeader,
    DimensionMapping,
    UpdateSignalling,
)
from nnc_conformance.reference.syntax.structures.unit import Unit, unit_type_name
from nnc_conformance.reference.updates.applying import CodedPart, clamped, shift_of, tensor_history
from nnc_conformance.reference.updates.base_model import BaseModel, BlockRecord


@dataclass(frozen=True)
class Part:
    """One tensor of a payload.

    ``is_weight``: the weight, or G or H, which follows the unit's scan order.
    """

    id: str
    dimensions: tuple[int, ...]
    codebook: Codebook | None
    is_weight: bool


def coded_parts(header: DataUnitHeader) -> tuple[Part, ...]:
    """Return the tensors of a payload in coded order.

    The order is LS, BI, BN (beta, gamma, mean, variance), then the weight or G, H.

    The list of ids has another order: the weight (or G, H), LS, BN, BI.
    """
    books = (header.codebook, header.codebook_dc)
    weights = tuple(Part(name, dimensions, book, True) for name, dimensions, book in zip(header.ids, header.matrices, books, strict=False))
    if header.payload_type != NNR_PT_BLOCK:
        return weights[:1]
    vectors = iter(header.ids[len(weights) :])
    groups = {kind: [next(vectors) for _ in range(count)] for kind, count in ((LS, 1), (BN, 4), (BI, 1)) if header.parameter_types & kind}
    rows = header.dimensions[:1]
    return (*(Part(name, rows, None, False) for kind in (LS, BI, BN) for name in groups.get(kind, ())), *weights)


def part_histories(header: DataUnitHeader, base: BaseModel | None, interpretation: Interpretation) -> tuple[TensorHistory, ...]:
    """Return what a decoder knows of the earlier indexes of each part, in coded order.

    Args:
        header: The header of the unit.
        base: The model before the stream; None if the decoder has none.
        interpretation: The choices at disputed points about parents and TCA.

    Raises:
        BrokenRuleError: As in `tensor_history`.
    """
    return tuple(tensor_history(part.id, part.dimensions, header, base, interpretation) for part in coded_parts(header))


def coding_of(part: Part, header: DataUnitHeader, interpretation: Interpretation) -> TensorCoding:
    """Return the coding of a part, as a matrix.

    Its rows are dimension 0, its columns the product of the other dimensions.
    """
    integer = header.payload_type == NNR_PT_INT
    rows = part.dimensions[0] if part.dimensions else 1
    columns = prod(part.dimensions[1:])
    scan_order = header.scan_order if part.is_weight else 0
    if columns == 1 and interpretation.column_block_scan is ColumnBlockScan.AS_SCAN_0:
        scan_order = 0
    dq_flag = header.dq_flag and not (integer and interpretation.int_dq_flag is IntDqFlag.IGNORED)
    density = header.quantization.qp_density if header.quantization else 0
    coding = TensorCoding(rows, columns, scan_order, dq_flag, header.unary_length, 0 if integer else 6 + density)
    return coding if header.update is None else coding_of_update(coding, part, header.update, interpretation)


def coding_of_update(coding: TensorCoding, part: Part, update: UpdateSignalling, interpretation: Interpretation) -> TensorCoding:
    """Return a coding with what the second edition adds to it.

    Args:
        coding: The coding as in the first edition.
        part: The tensor, whose codebook limits the indexes.
        update: Parent and TCA flag of the unit.
        interpretation: The choices at disputed points.
    """
    book = part.codebook
    return replace(
        coding,
        second_edition=True,
        has_parent=update.parent_id is not None,
        tca=update.tca,
        codebook=None if book is None else (book.values.size, book.zero_offset),
        choices=layout_choices(interpretation),
    )


def layout_choices(interpretation: Interpretation) -> LayoutChoices:
    """Return the disputed points of the second edition that the arithmetic coder depends on."""
    return LayoutChoices(
        skip_by_index=interpretation.skipped_stretch is SkippedStretch.SKIPPED_INDEXES,
        exact_greater_flags=interpretation.codebook_greater_sets is CodebookGreaterSets.POSSIBLE_BINS,
        exact_prefix_flags=interpretation.codebook_prefix_sets is CodebookPrefixSets.POSSIBLE_BINS,
    )


def expected_entry_points(header: DataUnitHeader, codings: Sequence[TensorCoding], number: int, first_bit: int) -> tuple[EntryPoint, ...]:
    """Return the listed entry points of the block rows of tensor ``number``, as absolute positions.

    Fewer if the list ends early.

    Each length is the length before it plus bit_offset_delta2, through all tensors that have
    entries (clause 10).
    """
    *before, count = (max(coding.block_rows - 1, 0) for coding in codings[: number + 1])
    own = slice(sum(before), sum(before) + count)
    lengths = list(accumulate(entry.delta for entry in header.entry_points))[own]
    positions = [first_bit + length for length in accumulate(lengths)]
    listed = zip(header.entry_points[own], positions, strict=True)
    return tuple(EntryPoint(entry.cabac_offset, entry.dq_state, position) for entry, position in listed)


@dataclass(frozen=True)
class PartCoding:
    """How a codeword codes one part.

    Attributes:
        part: The part.
        coding: Its coding, as the header says.
        qp_delta: Its qp_delta; 0 if none is coded.
        hdsp: Its hist_dep_sig_prob_enabled_flag.
        skipped: Its row_skip_list, bool (rows,); None without row_skip_enabled_flag.
    """

    part: Part
    coding: TensorCoding
    qp_delta: int
    hdsp: bool
    skipped: npt.NDArray[np.bool_] | None


@dataclass(frozen=True)
class DataUnitDecoder:
    """Decodes the payloads of complete NDUs under one set of options.

    ``rules`` decides what becomes of broken rules.

    ``histories``: the history of each part in coded order (second edition); ``coded``: takes each
    part before conversion, if asked for; ``codings`` takes how the codeword codes each part.
    """

    options: DecoderOptions
    rules: Enforcement
    histories: tuple[TensorHistory, ...] | None = None
    coded: list[CodedPart] | None = None
    codings: list[PartCoding] | None = None

    def tensors(self, unit: Unit, header: DataUnitHeader, trace: BinTrace | None = None) -> Iterator[tuple[str, np.ndarray]]:
        """Yield (id, values) of a unit's tensors in coded order, in their decompressed data format.

        Raise `StreamError`.

        ``trace`` records every bin of the codeword; the plain kernel then decodes.
        """
        try:
            for part, values in self._parts(unit, header, trace):
                if header.mapping is None:
                    yield part.id, values.reshape(part.dimensions)
                else:
                    yield from mapped(values.reshape(part.dimensions), header.ids, header.mapping)
        except PayloadError as error:
            element = "nnr_decompressed_data_format" if error.rule == "format-range" else "cabac_codeword"
            raise self._error(unit, error.rule, 0, element, str(error)) from None

    def _parts(self, unit: Unit, header: DataUnitHeader, trace: BinTrace | None) -> Iterator[tuple[Part, np.ndarray]]:
        """Yield each tensor of a data unit with its values.

        The values are converted to the unit's data format, if it has one. For an update session it
        also appends to `coded` what later updates need: the values before the conversion, the
        indexes, and where they are not 0.
        """
        data_format = None if self.options.interpretation.data_format is DataFormat.IGNORED else header.data_format
        parts = coded_parts(header)
        if header.payload_type == NNR_PT_RAW_FLOAT:
            count = prod(header.dimensions)
            values = np.frombuffer(unit.payload["raw_float32_parameter"], dtype="<f4", count=count).astype(np.float32)
            if self.coded is not None:
                self.coded.append(self._coded_part(header, parts[0], values, None, values != 0))
            yield parts[0], self._given(values) if data_format is None else convert(values, data_format)
            return
        for part, tensor in zip(parts, self._codeword(unit, header, parts, trace), strict=True):
            if self.coded is None:
                yield part, self._values(header, part, tensor, data_format)
            else:
                base, nonzero = clamped(tensor.indexes), tensor.indexes != 0
                again = None if data_format is None else replace(tensor, indexes=tensor.indexes.copy())
                values = self._values(header, part, tensor, None)
                self.coded.append(self._coded_part(header, part, values, base, nonzero))
                yield part, self._given(values) if again is None else self._values(header, part, again, data_format)

    def _given(self, values: np.ndarray) -> np.ndarray:
        """Return values for the caller, who may change them without changing the model."""
        return values if self.coded is None else values.copy()

    def _coded_part(
        self, header: DataUnitHeader, part: Part, values: np.ndarray, base: np.ndarray | None, nonzero: np.ndarray
    ) -> CodedPart:
        """Collect what later updates need of a coded tensor.

        Args:
            header: The header of the data unit.
            part: The tensor.
            values: Its values before any conversion.
            base: Its indexes clamped to int16; None for raw values.
            nonzero: Where its indexes, or raw values, are not 0.
        """
        shaped = values.reshape(part.dimensions)
        by_name = {part.id: shaped} if header.mapping is None else dict(mapped(shaped, header.ids, header.mapping))
        return CodedPart(part.id, part.dimensions, shifted(header, by_name, self.options.interpretation), base, nonzero)

    def _values(self, header: DataUnitHeader, part: Part, tensor: CodedTensor, data_format: int | None) -> np.ndarray:
        """Return the values of one tensor: its indexes, dequantized and converted.

        The memory of the indexes may be used for the values. Raises `PayloadError`.

        Args:
            header: The header of the unit.
            part: The tensor, with its codebook.
            tensor: Its indexes and qp_delta.
            data_format: nnr_decompressed_data_format to convert to; None for none.
        """
        if header.payload_type == NNR_PT_INT or header.quantization is None:
            return tensor.indexes if data_format is None else convert(tensor.indexes, data_format)
        numbers = tensor.indexes if part.codebook is None else codebook_values(tensor.indexes, part.codebook)
        step = step_size(header.quantization.qp_density, header.quantization.quantization_parameter + tensor.qp_delta)
        if data_format == FLOAT64_FORMAT:
            return exact_products(numbers, step, self.options.interpretation)
        dequantized = partial(products, step=step, with_codebook=part.codebook is not None, interpretation=self.options.interpretation)
        values = in_place(numbers, dequantized)
        return values if data_format is None else convert(values, data_format)

    def _codeword(self, unit: Unit, header: DataUnitHeader, parts: tuple[Part, ...], trace: BinTrace | None) -> tuple[CodedTensor, ...]:
        """Decode a unit's codeword; check the bytes after it and the entry points.

        Raises `StreamError`.
        """
        payload = unit.payload["cabac_codeword"]
        codings = [coding_of(part, header, self.options.interpretation) for part in parts]
        if self.options.interpretation.tca_without_parent is TcaWithoutParent.OFF and self.histories is not None:
            known = [history.base.size > 0 for history in self.histories]
            codings = [replace(coding, tca=coding.tca and base) for coding, base in zip(codings, known, strict=True)]
        listed = partial(expected_entry_points, header, codings)
        try:
            decoded = decode_codeword(
                payload,
                codings,
                tables=self.options.tables,
                trace=trace,
                kernel=self.options.kernel,
                threads=self.options.threads,
                listed_entry_points=listed,
                histories=self.histories,
            )
        except CodewordError as error:
            detail = f"{error.detail}, in tensor {parts[error.index].id!r}"
            raise self._error(unit, error.rule, error.bit, error.element, detail) from None
        self._check_end(unit, payload, decoded.bits_read)
        self._check_entry_points(unit, header, codings, decoded.tensors)
        if self.codings is not None:
            for part, coding, tensor in zip(parts, codings, decoded.tensors, strict=True):
                self.codings.append(PartCoding(part, coding, tensor.qp_delta, tensor.hdsp, tensor.skipped))
        return decoded.tensors

    def _check_end(self, unit: Unit, payload: bytes, bits_read: int) -> None:
        """Check that the last bit read is the stop bit 1.

        Only zeros up to the byte's end may follow.
        """
        size = (bits_read + 7) >> 3
        tail = payload[size - 1] & ((1 << (((-bits_read) & 7) + 1)) - 1)
        if tail != 1 << ((-bits_read) & 7):
            self._report(unit, "stop-bits", bits_read - 1, f"the codeword ends with {tail:b}, not with 1 and zeros")
        if len(payload) > size:
            self._report(unit, "payload-end", 8 * size, f"{len(payload) - size} bytes after the codeword")

    def _check_entry_points(
        self, unit: Unit, header: DataUnitHeader, codings: Sequence[TensorCoding], tensors: tuple[CodedTensor, ...]
    ) -> None:
        """Check the listed entry points against those that sequential decoding finds.

        The first that differs breaks rule entry-points, which a lenient decoder forgives.
        """
        found = [point for tensor in tensors for point in tensor.entry_points]
        if len(found) != len(header.entry_points):
            return
        coded = [
            point for number, tensor in enumerate(tensors) for point in expected_entry_points(header, codings, number, tensor.first_bit)
        ]
        for number, (listed, met) in enumerate(zip(coded, found, strict=True)):
            if listed != met:
                detail = f"entry {number} is {listed}, decoding finds {met}"
                self._report(unit, "entry-points", met.bit_position, detail, "cabac_offset_list")
                return

    def _report(self, unit: Unit, rule: str, bit: int, detail: str, element: str = "end_of_codeword") -> None:
        self.rules.enforce(self._error(unit, rule, bit, element, detail))

    def _error(self, unit: Unit, rule: str, bit: int, element: str, detail: str) -> StreamError:
        """Return the error for a rule broken at a bit of the unit's payload."""
        at = unit.stream_bit(bit)
        return stream_error(rule, Place(unit.number, unit_type_name(unit.unit_type), at >> 3, at & 7, element, clause_of(element)), detail)


def shifted(header: DataUnitHeader, tensors: dict[str, np.ndarray], interpretation: Interpretation) -> dict[str, np.ndarray]:
    """Return tensors with their first dimension moved by first_tensor_dimension_shift [I].

    The disputed point decides whether it is moved.
    """
    places = {name: shift_of(name, header, interpretation) for name in tensors}
    return {name: np.ascontiguousarray(np.moveaxis(tensors[name], 0, to)) if to else tensors[name] for name, to in places.items()}


CHUNK: Final = 1 << 16
"""Numbers to dequantize at a time, so that they stay in a processor's cache."""


def in_place(numbers: np.ndarray, dequantized: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Dequantize in chunks to float32, and return the values.

    They lie in the memory of ``numbers`` if these have 32 bits, so that a large tensor is never
    held twice.

    Args:
        numbers: Indexes or codebook values, one-dimensional; overwritten if they have 32 bits.
        dequantized: Returns the float32 values of some of them.
    """
    values = numbers.view(np.float32) if numbers.itemsize == np.dtype(np.float32).itemsize else np.empty(numbers.shape, np.float32)
    for first in range(0, numbers.size, CHUNK):
        np.copyto(values[first : first + CHUNK], dequantized(numbers[first : first + CHUNK]), casting="no")
    return values


def mapped(values: np.ndarray, ids: tuple[str, ...], mapping: DimensionMapping) -> Iterator[tuple[str, np.ndarray]]:
    """Split a concatenated tensor along an axis, and yield (id, values) of each part [I].

    Axes of a part are moved to the left as the mapping says.

    Args:
        values: The tensor.
        ids: The id of each part.
        mapping: The axis, the places to split at, and the moves.
    """
    pieces = np.split(values, [index + 1 for index in mapping.split_indexes], axis=mapping.axis)
    for name, piece, shifts in zip(ids, pieces, mapping.shifts, strict=True):
        for axis, places in shifts:
            piece = np.moveaxis(piece, axis, axis - places)
        yield name, np.ascontiguousarray(piece)


def recombined(block: BlockRecord, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a BLOCK's tensors for a model to run.

    W is G x H, and its rows, as coded, are scaled by LS.

    BN and BI unchanged.

    W takes the name of G without ``_G``.
    """
    kept = dict(tensors)
    name = block.ids[0]
    weight = kept.pop(name)
    if block.parameter_types & DC:
        second = kept.pop(block.ids[1])
        product = weight.astype(np.float64) @ second.astype(np.float64)
        weight = np.moveaxis(product.astype(np.float32).reshape(block.dimensions), 0, block.shift)
        name = name.removesuffix(G_SUFFIX)
    if block.parameter_types & LS:
        scale = kept.pop(block.ids[2 if block.parameter_types & DC else 1])
        weight = weight * scale.reshape(-1, *(1,) * (weight.ndim - 1 - block.shift))
    return {name: np.asarray(weight, order="C"), **kept}
