"""Arithmetic codewords: the tensors of a payload, from their first bits to the terminate bin."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy import plain
from nnc_conformance.reference.entropy.coding import (
    EVENT_FIELDS,
    INT32_MAX,
    INT32_MIN,
    NO_HISTORY,
    BinTrace,
    CodedTensor,
    CodewordError,
    DecodedCodeword,
    EntryPoint,
    ListedEntryPoints,
    ScanArea,
    TensorCoding,
    TensorHistory,
    TensorToCode,
)
from nnc_conformance.reference.entropy.contexts import NO_LIMIT, QP_DELTA, ContextLayout, element_name, reset_contexts
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT, SETS, STATES, IntArray, Tables
from nnc_conformance.reference.entropy.parameter_search import cheapest_sets, estimated_costs
from nnc_conformance.reference.errors import EncodeError, unknown

__all__ = [
    "BinTrace",
    "CodedTensor",
    "CodewordError",
    "DecodedCodeword",
    "EntryPoint",
    "TensorCoding",
    "TensorToCode",
    "decode_block_row",
    "decode_codeword",
    "encode_codeword",
]

SAMPLE_INDEXES: Final = 1 << 16
"""Indexes, at least, that the parameter sets of a sample are fitted to."""
_FAILURES: Final = {
    plain.CABAC_END: ("cabac-end", "the codeword reads past the payload's end"),
    plain.INTERVAL: ("interval", "IvlOffset is not below IvlCurrRange"),
    plain.PREFIX: ("prefix", "the index does not fit int32"),
    plain.CODEBOOK_LIMIT: ("cb-limit", "the index lies outside the codebook"),
    plain.TERMINATE: ("terminate", "the terminate bin is 0"),
}
"""Rule and description of each status of a kernel."""


KernelName = Literal["fast", "plain"]
"""Names of kernels; all give the same results.

``plain`` is the readable one, ``fast`` the default.
"""
KERNELS: Final[tuple[str, ...]] = get_args(KernelName)
"""The names as a tuple."""


def quant_tensor_of(kernel: str) -> Callable[..., None]:
    """Return the kernel of a name: a function with the signature of `plain.quant_tensor`.

    Args:
        kernel: ``fast`` or ``plain``.

    Raises:
        ValueError: For an unknown name.
    """
    if kernel not in KERNELS:
        raise ValueError(unknown("kernel", kernel, KERNELS))
    if kernel == "plain":
        return plain.quant_tensor
    from nnc_conformance.reference.entropy.fast import quant_tensor

    return quant_tensor


def _check(registers: IntArray, layout: ContextLayout, tensor: int) -> None:
    """Raise the `CodewordError` that a kernel left in the registers, if any."""
    if registers[plain.STATUS] == plain.OK:
        return
    rule, found = _FAILURES[int(registers[plain.STATUS])]
    at = int(registers[plain.INDEX])
    detail = found if at < 0 else f"{found}, at index {at} in coded order"
    raise CodewordError(rule, int(registers[plain.FAILED_BIT]), element_name(layout, int(registers[plain.FAILED_ELEMENT])), tensor, detail)


def decode_codeword(
    payload: bytes | npt.NDArray[np.uint8],
    tensors: Sequence[TensorCoding],
    *,
    tables: Tables = DEFAULT,
    trace: BinTrace | None = None,
    kernel: str = "fast",
    threads: int = 1,
    listed_entry_points: ListedEntryPoints | None = None,
    histories: Sequence[TensorHistory] | None = None,
) -> DecodedCodeword:
    """Decode the tensors of a payload and the terminate bin.

    The bytes after the terminate bin are not examined.

    No memory is allocated for more indexes than the payload can hold. A bin coded with a context
    leaves at most (510 - m) / 510 of the interval, where m is the least entry of lps_range. So it
    costs at least c = log2(510 / (510 - m)) bits (1 / 177 for the published m = 2), and every index
    has such a bin. n of them narrow a range of at most 510 to one of at least 256, which takes n *
    c - 1 bits.

    Args:
        tensors: At least one coding.
        trace: Filled with every bin; the plain kernel then decodes, whatever ``kernel`` is.
        kernel: ``fast`` or ``plain``; both give the same result.
        threads: Threads of the fast kernel, for block rows of tensors with listed entry points.
        listed_entry_points: Entry points in the stream; if they are wrong, one thread decodes.

    Raises:
        CodewordError: For a payload that breaks a rule.
        ValueError: For an unknown kernel or no tensor.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    if not tensors:
        raise ValueError("a codeword needs at least one tensor")
    data = np.frombuffer(payload, np.uint8).copy()
    histories = histories or (NO_HISTORY,) * len(tensors)
    if trace is None:
        quant_tensor = quant_tensor_of(kernel)
        if listed_entry_points is not None and kernel == "fast" and threads > 1:
            from nnc_conformance.reference.entropy.parallel import parallel_kernel

            quant_tensor = parallel_kernel(tensors, listed_entry_points, threads, quant_tensor)
        registers = np.zeros(plain.REGISTERS, np.int64)
        return _decode(data, tensors, histories, tables, quant_tensor, registers=registers, trace=BinTrace())
    most = np.inf if trace.most is None else max(trace.most, 1)  # the kernel counts bins only if it has room for one
    room = int(min(16 * data.size + 1024, most))
    while True:
        trace.first_events.clear()
        trace.layouts.clear()
        trace.events = np.zeros((room, len(EVENT_FIELDS)), np.int64)
        registers = np.zeros(plain.REGISTERS, np.int64)
        outcome: DecodedCodeword | CodewordError
        try:
            outcome = _decode(data, tensors, histories, tables, plain.quant_tensor, registers=registers, trace=trace)
        except CodewordError as error:
            outcome = error
        events = int(registers[plain.EVENTS])
        if events <= room or room == most:
            break
        room = int(min(events, most))
    trace.events = trace.events[: events if trace.most is None else min(events, trace.most)]
    trace.left_out = events - len(trace.events)
    if isinstance(outcome, CodewordError):
        raise outcome
    return outcome


def _with_tool_flags(coder: plain.Coder, coding: TensorCoding, history: TensorHistory, tables: Tables, number: int) -> plain.Coder:
    """Read the flags of HDSP and row skip; return the coder with row_skip_list.

    Args:
        coder: The coder, after qp_delta.
        coding: The coding of the tensor.
        history: Its earlier indexes.
        tables: The tables of the standard, or mutated ones.
        number: Number of the tensor, for errors.

    Raises:
        CodewordError: For HDSP if earlier updates are unknown, or a list that exceeds the payload.
    """
    registers, payload_bits = coder.registers, 8 * coder.payload.size
    registers[plain.HDSP] = 0
    if coding.has_hdsp_flag and plain.hist_dep_sig_prob_enabled_flag(coder, 0) and not history.known:
        bit = int(registers[plain.POSITION]) - 1
        raise CodewordError("hdsp-history", bit, "hist_dep_sig_prob_enabled_flag", number, "the updates before are not known")
    if coding.has_row_skip_flag and plain.row_skip_enabled_flag(coder, 0):
        _check_room(coding.rows, payload_bits, int(registers[plain.POSITION]), tables, number)
        coder = coder._replace(skipped=np.zeros(coding.rows, np.uint8))
        plain.row_skip_list(coder, coding.layout)
    return coder


def second_edition_flags(coder: plain.Coder) -> tuple[bool, npt.NDArray[np.bool_] | None]:
    """Return hist_dep_sig_prob_enabled_flag and row_skip_list of a decoded tensor.

    Without a list it is None.
    """
    return bool(coder.registers[plain.HDSP]), coder.skipped.astype(np.bool_) if coder.skipped.size else None


def _decode(
    data: npt.NDArray[np.uint8],
    codings: Sequence[TensorCoding],
    histories: Sequence[TensorHistory],
    tables: Tables,
    quant_tensor: Callable[..., None],
    *,
    registers: IntArray,
    trace: BinTrace,
) -> DecodedCodeword:
    """Decode the tensors of a payload and the terminate bin.

    Args:
        data: The payload.
        codings: The coding of each tensor.
        histories: The history of each tensor; `NO_HISTORY` without one.
        tables: The tables of the standard, or mutated ones.
        quant_tensor: The kernel that decodes the indexes of a tensor.
        registers: The coder's registers, in which a kernel leaves an error.
        trace: Filled with the bins, if it has room for them.

    Raises:
        CodewordError: For a payload that breaks a rule.
    """
    decoded: list[CodedTensor] = []
    for number, (coding, history) in enumerate(zip(codings, histories, strict=True)):
        layout = coding.layout
        coder = plain.new_coder(tables, layout, registers, data, events=trace.events, history=history)
        if number == 0:
            plain.initialise(coder, plain.DECODE)
        trace.first_events.append(int(registers[plain.EVENTS]))
        trace.layouts.append(layout)
        registers[plain.INDEX] = -1
        qp_delta = plain.iae_v(coder, QP_DELTA, coding.qp_delta_bits, 0) if coding.qp_delta_bits else 0
        coder = _with_tool_flags(coder, coding, history, tables, number)  # second edition
        plain.shift_parameter_ids(coder, layout)
        _check(registers, layout, number)
        first_bit = int(registers[plain.POSITION])
        _check_room(_count_of_coded(coding, coding.rows, coder.skipped), 8 * data.size, first_bit, tables, number)
        indexes = np.zeros(coding.count, np.int32)
        entry_points = np.zeros((max(coding.block_rows - 1, 0), 3), np.int64)
        if coding.count:
            quant_tensor(coder._replace(events=coder.events[:0]) if trace.heads_only else coder, layout, coding.area, indexes, entry_points)
        _check(registers, layout, number)
        decoded.append(
            CodedTensor(
                indexes,
                int(qp_delta),
                coder.parameter_sets[0, : layout.flag].astype(np.uint8),
                first_bit,
                tuple(EntryPoint(*row) for row in entry_points.tolist()),
                *second_edition_flags(coder),
            )
        )
    plain.code_terminate(coder)
    _check(registers, layout, number)
    return DecodedCodeword(tuple(decoded), int(registers[plain.POSITION]))


def read_qp_deltas(
    payload: bytes | npt.NDArray[np.uint8], tensors: Sequence[TensorCoding], *, most: int | None = None, kernel: str = "fast"
) -> list[int]:
    """Read the qp_delta of each tensor in a payload, as far as possible.

    The result is shorter if damage comes first, a tensor whose indexes depend on earlier streams,
    or too many indexes.

    Args:
        payload: The payload.
        tensors: The coding of each tensor.
        most: Indexes ahead of a tensor beyond which it is not read; None for no bound.
        kernel: ``fast`` or ``plain``.
    """
    data, registers = np.frombuffer(payload, np.uint8).copy(), np.zeros(plain.REGISTERS, np.int64)
    deltas: list[int] = []
    ahead = 0
    for number, coding in enumerate(tensors):
        coder = plain.new_coder(DEFAULT, coding.layout, registers, data)
        if number == 0:
            plain.initialise(coder, plain.DECODE)
        delta = plain.iae_v(coder, QP_DELTA, coding.qp_delta_bits, 0) if coding.qp_delta_bits else 0
        if registers[plain.STATUS] != plain.OK:
            break
        deltas.append(int(delta))
        ahead += coding.count
        if number + 1 == len(tensors) or (most is not None and ahead > most):
            break
        try:
            coder = _with_tool_flags(coder, coding, NO_HISTORY, DEFAULT, number)
            if coding.tca or registers[plain.HDSP]:
                break
            plain.shift_parameter_ids(coder, coding.layout)
            coded = _count_of_coded(coding, coding.rows, coder.skipped)
            _check_room(coded, 8 * data.size, int(registers[plain.POSITION]), DEFAULT, number)
        except CodewordError:
            break
        indexes, entry_points = np.zeros(coding.count, np.int32), np.zeros((max(coding.block_rows - 1, 0), 3), np.int64)
        if coding.count:
            quant_tensor_of(kernel)(coder, coding.layout, coding.area, indexes, entry_points)
    return deltas


def _count_of_coded(coding: TensorCoding, rows: int, skipped: npt.NDArray[np.uint8]) -> int:
    """Return the number of indexes in some rows that have a bin.

    In the second edition, those of skipped rows and of a codebook with one value have none.

    Args:
        coding: The coding of the tensor.
        rows: Number of the rows.
        skipped: Which of them are skipped; empty if none is.
    """
    return 0 if coding.limits == (0, 0) else (rows - int(skipped.sum())) * coding.columns


def _check_room(count: int, payload_bits: int, first_bit: int, tables: Tables, tensor: int) -> None:
    """Raise `CodewordError` if the payload is too short for a number of indexes.

    `decode_codeword` explains the bound.

    Args:
        count: Number of indexes to come.
        payload_bits: Bits of the payload.
        first_bit: Bits already read.
        tables: The tables; the least entry of lps_range decides.
        tensor: Number of the tensor, for the error.
    """
    least = int(tables.lps_range.min())
    indexes_a_bit = math.ceil(1 / math.log2(plain.INITIAL_RANGE / (plain.INITIAL_RANGE - least)))
    if count > (payload_bits - first_bit + 1) * indexes_a_bit:
        detail = f"{count} indexes cannot be coded in the {payload_bits - first_bit} bits left"
        raise CodewordError("cabac-end", payload_bits, "sig_flag", tensor, detail)


def decode_block_row(
    payload: bytes | npt.NDArray[np.uint8],
    coding: TensorCoding,
    parameter_sets: npt.NDArray[Any],
    entry: EntryPoint,
    row: int,
    *,
    tables: Tables = DEFAULT,
    history: TensorHistory | None = None,
    hdsp: bool = False,
    skipped: npt.NDArray[Any] | None = None,
) -> tuple[npt.NDArray[np.int32], int]:
    """Decode one block row from its entry point, in a tensor with several.

    Args:
        parameter_sets: The set of each context in signalling order.
        entry: State of the decoder at the start of the block row.
        row: Number of the block row, from 0.

    Returns:
        The indexes, int32 (rows in the block row * columns,), row-major; and the next payload
            bit.

    Raises:
        CodewordError: For a payload that breaks a rule; its tensor number is 0.
        ValueError: For a block row that does not exist or an impossible entry point.
    """
    if not 0 <= row < coding.block_rows or coding.block_rows < 2:
        raise ValueError(f"cannot enter block row {row} of {coding.block_rows}")
    if entry.cabac_offset < 0 or not 0 <= entry.dq_state < STATES or entry.bit_position < 0:
        raise ValueError(f"impossible entry point: {entry}")
    layout, side = coding.layout, coding.area.side
    registers = np.zeros(plain.REGISTERS, np.int64)
    registers[plain.OFFSET] = entry.cabac_offset
    registers[plain.POSITION] = entry.bit_position
    registers[plain.HDSP] = hdsp
    rows = None if skipped is None else np.asarray(skipped, np.uint8)
    coder = plain.new_coder(tables, layout, registers, np.frombuffer(payload, np.uint8).copy(), history=history, skipped=rows)
    coder.parameter_sets[0, : layout.flag] = parameter_sets
    reset_contexts(tables, coder.parameter_sets, coder.states)
    plain.enter_block_row(coder)
    height = min(side, coding.rows - row * side)
    _check(registers, layout, 0)
    area = ScanArea(height, coding.columns, side)
    coded = _count_of_coded(coding, height, coder.skipped[row * side : row * side + height])
    _check_room(coded, 8 * coder.payload.size, entry.bit_position, tables, 0)
    indexes = np.zeros(height * coding.columns, np.int32)
    plain.quant_block_row(coder, layout, area, entry.dq_state, indexes, row * side)
    _check(registers, layout, 0)
    return indexes, int(registers[plain.POSITION])


def encode_codeword(tensors: Sequence[TensorToCode], *, tables: Tables = DEFAULT, kernel: str = "fast") -> bytes:
    """Encode tensors and the terminate bin; the last byte is padded with zeros.

    Args:
        tensors: At least one tensor.
        kernel: ``fast`` or ``plain``; both give the same result.

    Raises:
        EncodeError: For values or counts that cannot be coded like this.
        ValueError: For an unknown kernel.
    """
    quant_tensor = quant_tensor_of(kernel)
    if not tensors:
        raise EncodeError("a codeword needs at least one tensor")
    prepared = [_prepared(tensor, tables, number, quant_tensor) for number, tensor in enumerate(tensors)]
    room = 64 + sum(64 + 2 * indexes.size for indexes, _ in prepared)
    while True:
        payload = np.zeros(room, np.uint8)
        size = _encode(tensors, prepared, tables, payload, quant_tensor)
        if size <= room:
            return payload[:size].tobytes()
        room = size


def _prepared(
    tensor: TensorToCode, tables: Tables, number: int, quant_tensor: Callable[..., None]
) -> tuple[npt.NDArray[np.int32], IntArray]:
    """Check a tensor to encode.

    Return its indexes (int32) and the parameter set of each context.

    Args:
        tensor: The tensor.
        tables: The tables, to choose the cheapest parameter sets with.
        number: Number of the tensor, for errors.
        quant_tensor: The kernel that estimates costs.

    Raises:
        EncodeError: For values that cannot be coded.
    """
    coding, values = tensor.coding, np.asarray(tensor.indexes)
    if values.size != coding.count:
        raise EncodeError(f"tensor {number} has {values.size} indexes; {coding.rows} x {coding.columns} are needed")
    if values.dtype.kind not in "iu" or (values.size and (values.min() < INT32_MIN or values.max() > INT32_MAX)):
        raise EncodeError(f"tensor {number}: the indexes do not fit int32")
    half = 1 << coding.qp_delta_bits >> 1
    if not -half <= tensor.qp_delta < max(half, 1):
        raise EncodeError(f"tensor {number}: qp_delta {tensor.qp_delta} does not fit {coding.qp_delta_bits} bits")
    indexes = np.require(values.reshape(-1), np.int32, ["C", "W"])
    contexts = coding.layout.flag
    if isinstance(tensor.parameter_sets, str):
        if tensor.parameter_sets == "default" or not coding.count:
            return indexes, np.zeros(contexts, np.int64)
        if tensor.parameter_sets == "sample" and tensor.history is NO_HISTORY and not tensor.hdsp and tensor.skipped is None:
            area = first_rows(coding.area)
            costs = estimated_costs(tables, coding.layout, area, indexes[: area.rows * area.columns], quant_tensor)
        else:
            costs = estimated_costs(tables, coding.layout, coding.area, indexes, quant_tensor, tensor)
        return indexes, cheapest_sets(tables, costs, coding.layout, hdsp=tensor.hdsp)
    sets = np.asarray(tensor.parameter_sets)
    if sets.shape != (contexts,) or sets.dtype.kind not in "iu" or sets.min() < 0 or sets.max() >= SETS:
        raise EncodeError(f"tensor {number}: parameter_sets must be {contexts} numbers in 0..{SETS - 1}")
    return indexes, sets.astype(np.int64)


def first_rows(area: ScanArea) -> ScanArea:
    """Return the area of a tensor's first rows, as a sample.

    They are whole block rows with at least `SAMPLE_INDEXES` indexes, or all rows.
    """
    height = max(area.side, 1)
    units = -(-SAMPLE_INDEXES // (height * area.columns))
    return area._replace(rows=min(area.rows, units * height))


def _why_unreachable(tensor: TensorToCode) -> str:
    """Return the subject of an error on an index that the tools cannot represent."""
    reasons = ["dependent quantization"] if tensor.coding.dq_flag else []
    reasons += ["the codebook"] if tensor.coding.limits != (NO_LIMIT, NO_LIMIT) else []
    reasons += ["row_skip_list"] if tensor.skipped is not None else []
    return f"{' or '.join(reasons)} cannot represent"


def _encode(
    tensors: Sequence[TensorToCode],
    prepared: Sequence[tuple[npt.NDArray[np.int32], IntArray]],
    tables: Tables,
    payload: npt.NDArray[np.uint8],
    quant_tensor: Callable[..., None],
) -> int:
    """Encode tensors into a buffer, and return the size in bytes of the whole codeword.

    Args:
        tensors: The tensors.
        prepared: The indexes and parameter sets of each, from `_prepared`.
        tables: The tables of the standard, or mutated ones.
        payload: The buffer; what exceeds it is only counted.
        quant_tensor: The kernel.

    Raises:
        EncodeError: For an index that the tensor's tools cannot represent.
    """
    registers = np.zeros(plain.REGISTERS, np.int64)
    for number, (tensor, (indexes, sets)) in enumerate(zip(tensors, prepared, strict=True)):
        coding, layout = tensor.coding, tensor.coding.layout
        skipped = None if tensor.skipped is None else np.array(tensor.skipped, np.uint8)
        coder = plain.new_coder(tables, layout, registers, payload, history=tensor.history, skipped=skipped)
        if number == 0:
            plain.initialise(coder, plain.ENCODE)
        registers[plain.HDSP] = 0
        if coding.qp_delta_bits:
            plain.iae_v(coder, QP_DELTA, coding.qp_delta_bits, tensor.qp_delta)
        if coding.has_hdsp_flag:
            plain.hist_dep_sig_prob_enabled_flag(coder, int(tensor.hdsp))
        if coding.has_row_skip_flag:
            plain.row_skip_enabled_flag(coder, int(skipped is not None))
            plain.row_skip_list(coder, layout)
        coder.parameter_sets[0, : layout.flag] = sets
        plain.shift_parameter_ids(coder, layout)
        entry_points = np.zeros((max(coding.block_rows - 1, 0), 3), np.int64)
        if coding.count:
            quant_tensor(coder, layout, coding.area, indexes, entry_points)
        if registers[plain.STATUS] != plain.OK:
            at = int(registers[plain.INDEX])
            raise EncodeError(f"tensor {number}: {_why_unreachable(tensor)} the value at index {at} in coded order")
    plain.code_terminate(coder)
    return (int(registers[plain.POSITION]) + 7) // 8
