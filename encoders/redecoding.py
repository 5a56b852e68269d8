"""Finds the header element that explains a codeword that decodes to wrong values.

The codeword is decoded again, each time with another value of one element. An element is named if
the codeword then ends where the unit does, and gives the values.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from typing import Final

import numpy as np

from nnc_conformance.encoders.decoding import ReadTensor
from nnc_conformance.encoders.values_near import Values, mostly_near
from nnc_conformance.reference.driver import Driver, Watcher, payload_bytes
from nnc_conformance.reference.entropy.codeword import decode_codeword
from nnc_conformance.reference.entropy.coding import HIGHEST_SCAN_ORDER, CodewordError, DecodedCodeword, TensorHistory
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.payload import Part, coded_parts, coding_of, part_histories
from nnc_conformance.reference.quantization.reconstruction import codebook_values, step_size
from nnc_conformance.reference.syntax.structures.data_unit import (
    ICNN_NDU_ID,
    NNR_PT_FLOAT,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    DataUnitHeader,
    ParentNode,
)
from nnc_conformance.reference.syntax.structures.unit import Unit
from nnc_conformance.reference.updates.base_model import BaseModel

_OTHER_BASES: Final[tuple[Callable[[Values], Values], ...]] = (lambda array: array // 2, lambda array: array * 2, np.zeros_like)
"""Mistakes in the base of temporal context adaptation: not doubled, doubled twice, forgotten."""
UNARY_LENGTHS: Final = (*range(1, 17), 32, 64, 128, 256)
"""Values of cabac_unary_length that are supposed, with those next to the coded one."""
DENSITIES: Final = 8
"""Values that qp_density has."""
BYTES_AFTER: Final = 4
"""Bytes after a unit that are supposed to belong to its codeword."""
CUT_RULES: Final = frozenset({"cabac-end"})
"""Rules that a codeword breaks from which bytes are missing."""
CODEWORD_RULES: Final = frozenset({"cabac-end", "interval", "prefix", "terminate", "stop-bits", "payload-end", "cb-limit"})
"""Rules that a codeword breaks if it was coded otherwise than its header says."""


class _Units(Watcher):
    """Keeps the data units of a stream, those that cannot be decoded included."""

    def __init__(self) -> None:
        self.kept: list[tuple[Unit, DataUnitHeader]] = []

    def unit(self, unit: Unit, depth: int) -> None:
        header = unit.data_unit_header
        if header is not None and header.payload_type != NNR_PT_RAW_FLOAT:
            self.kept.append((unit, header))


@dataclass(frozen=True)
class _Codeword:
    """A codeword of a stream, with what it should give.

    Attributes:
        header: The header of its unit.
        payload: Its bytes.
        after: The first bytes after its unit.
        base: The model before the stream.
        wanted: The values of the whole tensors, by name.
    """

    header: DataUnitHeader
    payload: bytes
    after: bytes
    base: BaseModel | None
    wanted: Mapping[str, Values]

    def gives(self, header: DataUnitHeader, *, payload: bytes | None = None, histories: tuple[TensorHistory, ...] | None = None) -> bool:
        """Return whether decoding under a header gives about the values that were wanted.

        The codeword must also end where the payload does. Return False if it cannot be decoded.

        Args:
            header: The header to decode under.
            payload: The codeword's bytes; by default its own.
            histories: What is known of each part's earlier indexes; by default that of `histories`.
        """
        data = self.payload if payload is None else payload
        parts = coded_parts(header)
        try:
            known = self.histories(header) if histories is None else histories
            decoded = decode_codeword(data, [coding_of(part, header, Interpretation()) for part in parts], histories=known)
            return _ends_with(data, decoded) and all(
                self._near(header, part, tensor.indexes, tensor.qp_delta) for part, tensor in zip(parts, decoded.tensors, strict=True)
            )
        except (CodewordError, NNCError, ValueError):
            return False

    def histories(self, header: DataUnitHeader) -> tuple[TensorHistory, ...]:
        """Return what is known of the parts' earlier indexes."""
        return part_histories(header, self.base, Interpretation())

    def _near(self, header: DataUnitHeader, part: Part, indexes: np.ndarray, qp_delta: int) -> bool:
        """Return whether decoded indexes give about the values that were to be encoded.

        The indexes are mapped through the codebook and multiplied by the step size; for an update
        the values of the base model are added. Integers must be exact, others within a step for
        most values.

        Args:
            header: The header of the data unit.
            part: The tensor of the unit to which the indexes belong.
            indexes: The decoded indexes, of any shape.
            qp_delta: What the codeword adds to the unit's quantization parameter.
        """
        wanted = self.wanted.get(part.id)
        if wanted is None or wanted.size != indexes.size:
            return False
        values = indexes if part.codebook is None else codebook_values(indexes, part.codebook)
        step = 1.0
        if header.payload_type != NNR_PT_INT and header.quantization is not None:
            step = float(step_size(header.quantization.qp_density, header.quantization.quantization_parameter + qp_delta))
        given = values.astype(np.float64) * step
        if header.parent_id is not None and self.base is not None and part.id in self.base.parameters:
            given += self.base.parameters[part.id].astype(np.float64).reshape(-1)
        exact = wanted.dtype.kind != "f"
        return mostly_near(wanted, given, 0.0 if exact else step)


def explaining_element(
    stream: bytes, wanted: Mapping[str, Values], base: BaseModel | None, *, rule: str = "", coded: Mapping[str, ReadTensor] | None = None
) -> str:
    """Return the element whose other value makes the first wrong codeword right; "" if none does.

    Args:
        stream: The stream.
        wanted: What the encoder was given, by name.
        base: The model before the stream; None without a session.
        rule: The rule that the stream breaks, if it breaks one.
        coded: The tensors that are looked at; all of the stream if None.
    """
    units = _Units()
    driver = Driver(stream, units, DecoderOptions(lenient=True, base=base), values=False)
    with suppress(NNCError):  # what was read up to there is looked at
        driver.run()
    for unit, header in units.kept:
        end = unit.offset + unit.size
        codeword = _Codeword(header, payload_bytes(unit), stream[end : end + BYTES_AFTER], base, wanted)
        if (coded is not None and not set(header.ids) & set(coded)) or codeword.gives(header):
            continue
        return next((element for element, right in _suppositions(codeword, rule) if right), "")
    return ""


def _suppositions(codeword: _Codeword, rule: str) -> Iterator[tuple[str, bool]]:
    """Yield (element, whether another value of it makes the codeword right).

    The likelier elements come first.

    Args:
        codeword: The codeword with its header.
        rule: The rule that the stream breaks; "" if none.
    """
    header = codeword.header
    yield "dq_flag", codeword.gives(replace(header, dq_flag=not header.dq_flag))
    if header.update is not None:
        yield from _of_update(codeword)
    if header.codebook is not None:
        yield "codebook_present_flag", codeword.gives(replace(header, codebook=None))
    for scan_order in range(HIGHEST_SCAN_ORDER + 1):
        yield "scan_order", codeword.gives(replace(header, scan_order=scan_order))
    near = {header.unary_length - 1, header.unary_length + 1} & set(range(1, 257))
    for length in sorted({*UNARY_LENGTHS, *near}):
        yield "cabac_unary_length_minus1", codeword.gives(replace(header, unary_length=length))
    if header.quantization is not None:
        for density in range(DENSITIES):
            yield "mps_qp_density", codeword.gives(replace(header, quantization=replace(header.quantization, qp_density=density)))
    if header.payload_type in (NNR_PT_INT, NNR_PT_FLOAT) and header.quantization is not None:
        other = NNR_PT_FLOAT if header.payload_type == NNR_PT_INT else NNR_PT_INT
        yield "nnr_compressed_data_unit_payload_type", codeword.gives(replace(header, payload_type=other))
    for dimensions in _other_dimensions(codeword):
        yield "tensor_dimensions", codeword.gives(replace(header, dimensions=dimensions))
    for size in range(1, len(codeword.after) + 1):
        yield "nnr_unit_size", codeword.gives(header, payload=codeword.payload + codeword.after[:size])
    if rule in CUT_RULES:
        for byte in range(1, 256):
            yield "end_of_codeword", codeword.gives(header, payload=codeword.payload + bytes([byte]))


def _of_update(codeword: _Codeword) -> Iterator[tuple[str, bool]]:
    """Yield (element, whether another value helps) for the signalling of updates."""
    header = codeword.header
    update = header.update
    assert update is not None
    yield "temporal_context_modeling_flag", codeword.gives(replace(header, update=replace(update, tca=not update.tca)))
    flag = "parent_node_id_present_flag" if update.parent_signalling else "mps_parent_signalling_enabled_flag"
    if update.parent_id is None and update.node_id is not None:
        histories = {} if codeword.base is None else codeword.base.histories
        for tca in (False, True):
            node = histories[header.ids[0]].node_id if header.ids[0] in histories else None
            child = replace(update.node_id, put_node_depth=(node or update.node_id).put_node_depth + 1)
            parent = ParentNode(ICNN_NDU_ID, child.device_id, None)
            changed = replace(update, parent_id=parent, node_id=child, tca=tca)
            yield flag, codeword.gives(replace(header, update=changed))
    elif update.parent_id is None:
        yield flag, False
    else:
        yield "parent_node_id_present_flag", codeword.gives(replace(header, update=replace(update, parent_id=None, tca=False)))
        try:
            known = codeword.histories(header)
        except NNCError:
            return
        for change in _OTHER_BASES:
            changed_bases = tuple(history._replace(base=change(history.base)) for history in known)
            yield "temporal_context_modeling_flag", codeword.gives(header, histories=changed_bases)
        for seen in (np.zeros_like, np.ones_like):
            changed_seen = tuple(history._replace(seen=seen(history.seen)) for history in known)
            yield "hist_dep_sig_prob_enabled_flag", codeword.gives(header, histories=changed_seen)
    yield "general_profile_idc", codeword.gives(replace(header, update=None))


def _other_dimensions(codeword: _Codeword) -> Iterator[tuple[int, ...]]:
    """Yield the dimensions of the input, and those of the unit in other orders."""
    header = codeword.header
    wanted = codeword.wanted.get(header.ids[0])
    if wanted is not None and prod(wanted.shape) == prod(header.dimensions):
        yield wanted.shape
    yield header.dimensions[::-1]
    for one, _ in pairwise(range(len(header.dimensions))):
        swapped = list(header.dimensions)
        swapped[one : one + 2] = swapped[one + 1], swapped[one]
        yield tuple(swapped)


def _ends_with(payload: bytes, decoded: DecodedCodeword) -> bool:
    """Return whether a codeword ends with its stop bit at the end of a payload."""
    size = (decoded.bits_read + 7) >> 3
    unused = -decoded.bits_read & 7
    return size == len(payload) and payload[size - 1] & ((2 << unused) - 1) == 1 << unused
