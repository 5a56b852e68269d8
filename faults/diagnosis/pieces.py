"""A stream as pieces that can be changed and written again.

Pieces are its units, with the tensors of data units as indexes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nnc_conformance.generator.recipe import write
from nnc_conformance.reference.composer import HeaderForm, TensorContent, data_unit
from nnc_conformance.reference.driver import Driver
from nnc_conformance.reference.entropy.codeword import decode_codeword
from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.entropy.tables import STATE_TRANS_TAB
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.quantization.scan import in_row_order, in_scan_order
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_RAW_FLOAT, DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import NNR_NDU, Unit
from nnc_conformance.reference.syntax.walker import Values


@dataclass(frozen=True)
class Plain:
    """A unit as its values; those of an aggregate hold the values of its units."""

    values: Values

    @property
    def unit_type(self) -> int:
        """The unit's nnr_unit_type."""
        return int(self.values["nnr_unit_header"]["nnr_unit_type"])


@dataclass(frozen=True)
class Data:
    """A data unit.

    Args:
        header: Its header.
        form: Choices between equivalent forms of the header.
        tensors: float32 of an NNR_PT_RAW_FLOAT; else the tensors by id, whose indexes are as coded,
            not doubled by dependent quantization, so that some can be left out.
        common: Other elements of its unit, by name.
    """

    header: DataUnitHeader
    form: HeaderForm
    tensors: Mapping[str, TensorContent] | NDArray[np.float32]
    common: Mapping[str, int] = field(default_factory=dict)

    unit_type = NNR_NDU


Piece = Plain | Data
"""A unit of a stream: as values, or as a data unit with indexes."""


def pieces_of(stream: bytes) -> tuple[Piece, ...] | None:
    """Split a stream into pieces, one for each unit.

    The pieces can be changed and written again.

    Return None if the reference cannot read the stream to its end.
    """
    driver = Driver(stream, options=DecoderOptions(lenient=True), values=False)
    pieces: list[Piece] = []
    try:
        for unit in driver.units():
            pieces.append(_piece(unit, driver.context, stream))
    except (NNCError, ValueError):
        return None
    return tuple(pieces)


def values_of(unit: Unit, stream: bytes) -> Values:
    """Return the values of a unit that was read from ``stream``, for the writer.

    The writer computes the size.
    """
    return {**_size_flag(unit, stream), "nnr_unit_header": unit.header, "nnr_unit_payload": unit.payload}


def _size_flag(unit: Unit, stream: bytes) -> dict[str, int]:
    """Return nnr_unit_size_flag if it is 1."""
    return {"nnr_unit_size_flag": 1} if stream[unit.offset] >> 7 else {}


def _piece(unit: Unit, context: StreamContext, stream: bytes) -> Piece:
    """Take a unit apart so that it can be reduced and written again.

    A data unit gives its header, its tensors before dependent quantization, and the form of its
    header. Other units, and data units sent in parts, give their plain values.

    Args:
        unit: The unit as read.
        context: What earlier units set, such as the reference list.
        stream: The stream with the unit.
    """
    header = unit.data_unit_header
    if header is None or "partial_data_counter" in unit.header:
        return Plain(values_of(unit, stream))
    common = _size_flag(unit, stream)
    if unit.header["independently_decodable_flag"]:
        common["independently_decodable_flag"] = 1
    form = HeaderForm(
        dimensions_present=bool(unit.header.get("tensor_dimensions_flag", 0)),
        input_parameters=bool(unit.header["input_parameters_present_flag"]),
        unary_length_present=bool(unit.header.get("cabac_unary_length_flag", 0)),
        codebook_egk=unit.header["codebook"]["codebook_egk"] if header.codebook is not None else None,
        reference_list=context.reference_list if context.indexed_references else None,
    )
    if header.payload_type == NNR_PT_RAW_FLOAT:
        numbers = np.frombuffer(unit.payload["raw_float32_parameter"], "<f4").astype(np.float32)
        return Data(header, form, numbers.reshape(header.dimensions), common)
    parts = coded_parts(header)
    codings = [coding_of(part, header, Interpretation()) for part in parts]
    decoded = decode_codeword(unit.payload["cabac_codeword"], codings)
    tensors = {}
    for part, coding, tensor in zip(parts, codings, decoded.tensors, strict=True):
        indexes = _through_states(tensor.indexes, coding, _halved) if coding.dq_flag else tensor.indexes
        tensors[part.id] = TensorContent(indexes.reshape(part.dimensions), tensor.qp_delta, tensor.parameter_sets)
    return Data(header, form, tensors, common)


def _halved(value: int, state: int) -> tuple[int, int]:
    """Undo `doubled`: return the coded index twice, as result and for the state transition."""
    magnitude = (abs(value) + (state & 1)) >> 1
    coded = -magnitude if value < 0 else magnitude
    return coded, coded


def _doubled(coded: int, state: int) -> tuple[int, int]:
    """Return the doubled value of a coded index, and the index for the state transition."""
    odd = state & 1
    return (2 * coded - odd if coded > 0 else 2 * coded + odd if coded < 0 else 0), coded


def _through_states(values: NDArray[np.int32], coding: TensorCoding, step: Callable[[int, int], tuple[int, int]]) -> NDArray[np.int32]:
    """Apply a function to each value with the stateId at which it is coded.

    Args:
        values: int32 (elements,), row-major.
        coding: The coding of the tensor.
        step: Takes value and stateId; returns the result and the index whose parity moves the
            state.
    """
    ordered = in_scan_order(values.reshape(-1), coding.area)
    made = np.empty_like(ordered)
    state = 0
    for place, value in enumerate(ordered.tolist()):
        made[place], coded = step(value, state)
        state = STATE_TRANS_TAB[state][coded & 1]
    return in_row_order(made, coding.area)


def _values(piece: Data) -> Values:
    """Return the values of a data unit, its indexes doubled if it uses dependent quantization."""
    tensors = piece.tensors
    if isinstance(tensors, Mapping) and piece.header.dq_flag:
        codings = {part.id: coding_of(part, piece.header, Interpretation()) for part in coded_parts(piece.header)}
        tensors = {
            name: replace(one, indexes=_through_states(one.indexes, codings[name], _doubled)) if codings[name].dq_flag else one
            for name, one in tensors.items()
        }
    return data_unit(piece.header, tensors, form=piece.form, interpretation=None, **piece.common)


def values_of_piece(piece: Piece) -> Values:
    """Return the values of a piece's nnr_unit().

    Raise `EncodeError`, `ValueError` or `IndexError` if tensors do not fit the header.
    """
    return piece.values if isinstance(piece, Plain) else _values(piece)


def written(pieces: tuple[Piece, ...], *, enforce: bool = True) -> bytes | None:
    """Write the pieces as a stream.

    Return None if that is not possible, with ``enforce`` as a good stream.
    """
    try:
        return write([values_of_piece(piece) for piece in pieces], enforce=enforce)
    except (NNCError, ValueError, KeyError, IndexError, TypeError, OverflowError):
        return None
