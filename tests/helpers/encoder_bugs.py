"""Bugs for encoders on trial.

A bug names the syntax elements that are right as its explanation; () if no element is wrong in its
streams.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, count
from typing import Any, Final

import numpy as np
from helpers.wrong_encoders import (
    EncoderBug,
    Wrap,
    codeword_changed,
    design_changed,
    entry_points_changed,
    floats,
    header_changed,
    ints,
    names_changed,
    payload_changed,
    quantizer_changed,
    step_changed,
    table,
    tensors_changed,
    units_changed,
)

from nnc_conformance.encoders.cases import Tensors
from nnc_conformance.reference import composer
from nnc_conformance.reference.encoder_options import EncoderOptions
from nnc_conformance.reference.entropy.coding import TensorCoding, TensorHistory, TensorToCode
from nnc_conformance.reference.quantization import fast_trellis, quantizer, trellis
from nnc_conformance.reference.quantization.scan import in_row_order
from nnc_conformance.reference.syntax.structures.data_unit import BI, BN, DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import NNR_MPS, NNR_NDU
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.updates import encoding

_TURNS: Final = count()


def _with(values: np.ndarray, place: int, more: int) -> np.ndarray:
    """Return an array with one value changed."""
    changed = values.copy()
    changed[place] += more
    return changed


def _first_set_from(change: list[int]) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that changes the first parameter set."""
    return lambda sets: np.vstack([sets[:1] + np.array(change), sets[1:]])


def _qp_delta(change: Callable[[int, int], int]) -> tuple[Wrap, ...]:
    """Wrap the qp_delta that is coded; ``change`` gets it with its bits."""
    return codeword_changed(lambda job: replace(job, qp_delta=change(job.qp_delta, job.coding.qp_delta_bits)))


def _wrapped(value: int, bits: int) -> int:
    half = 1 << bits >> 1
    return (value + half) % (2 * half) - half if bits else value


def _unchecked_delta(make: Callable[..., int]) -> Callable[..., int]:
    """Return qp_delta without the check that it fits its bits."""

    def wrapped(options: EncoderOptions, name: str, *, weight: bool) -> int:
        return options.tensor_qp.get(name, options.qp if weight else options.nonweight_qp) - options.qp

    return wrapped


def _update(header: DataUnitHeader) -> bool:
    return header.update is not None and header.update.parent_id is not None


def _last_row_zero(values: np.ndarray, step: float, coding: TensorCoding, indexes: np.ndarray) -> np.ndarray:
    kept = indexes.copy()
    if coding.rows > 1 and coding.columns > 1 and coding.rows % 2:
        kept[-coding.columns :] = 0
    return kept


def _small_lost(values: np.ndarray, step: float, coding: TensorCoding, indexes: np.ndarray) -> np.ndarray:
    return np.where(np.abs(indexes) < 2, 0, indexes)


def _through_floats(array: np.ndarray) -> np.ndarray:
    return np.clip(array.astype(np.float32).astype(np.float64), -(2.0**31) + 1, 2**31 - 1)


def _without_sign(array: np.ndarray) -> np.ndarray:
    return array.view(np.uint8).astype(np.int32) if array.dtype == np.int8 else array


def _first_255(tensors: Tensors) -> Tensors:
    return dict(list(tensors.items())[:255])


def _sometimes_another_byte(stream: bytes, number: int) -> bytes:
    return stream[:-1] + bytes([stream[-1] ^ 16 * (number % 3 == 1)])


def _nan_lost(array: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(array), 0, array)


def _swapped_values(tensors: Tensors) -> Tensors:
    """Exchange the tensors of equal shape under their names."""
    names = list(tensors)
    twins = [name for name in names if tensors[name].shape == tensors[names[0]].shape and tensors[name].dtype == tensors[names[0]].dtype]
    moved = dict(zip(twins, [*twins[1:], twins[0]], strict=True))
    return {name: tensors[moved.get(name, name)] for name in names}


def _without_last(units: list[Values]) -> list[Values]:
    return units[:-1] if len(units) > 3 else units


def _is_mps(unit: Values) -> bool:
    return bool(unit["nnr_unit_header"]["nnr_unit_type"] == NNR_MPS)


def _is_ndu(unit: Values) -> bool:
    return bool(unit["nnr_unit_header"]["nnr_unit_type"] == NNR_NDU)


def _sized(change: int) -> Callable[[bytes, int], bytes]:
    """Return a function that changes the size of the third unit."""

    def resize(stream: bytes, _: int) -> bytes:
        at = 0
        for _unit in range(2):
            size = int.from_bytes(stream[at : at + 2])
            at += size
        size = int.from_bytes(stream[at : at + 2])
        return stream if size & 0x8000 else stream[:at] + (size + change).to_bytes(2) + stream[at + 2 :]

    return resize


def _dimensions(change: Callable[[tuple[int, ...]], Sequence[int]]) -> tuple[Wrap, ...]:
    def changed(values: Values, header: DataUnitHeader) -> Mapping[str, Any]:
        dimensions = list(change(header.dimensions)) if header.dimensions else []
        return {"tensor_dimensions": dimensions, "count_tensor_dimensions": len(dimensions)}

    return header_changed(changed)


def _parts_exchanged(one: int, other: int) -> tuple[Wrap, ...]:
    """Exchange two ids of a unit's list, counted from the last."""

    def changed(values: Values, header: DataUnitHeader) -> Mapping[str, Any]:
        if len(header.ids) < max(one, other):
            return {}
        ids = list(header.ids)
        ids[-one], ids[-other] = ids[-other], ids[-one]
        return {"topology_elements_ids_list": composer.ids_list(ids)}

    return header_changed(changed)


def _halved(history: TensorHistory) -> TensorHistory:
    return history._replace(base=history.base // 2)


def _whole(make: Callable[..., Any]) -> Callable[..., Any]:
    """Code the whole tensor in a unit that says that it is a difference."""

    def wrapped(step: Any, header: DataUnitHeader, values: Mapping[str, np.ndarray]) -> Any:
        changed, _ = make(step, header, values)
        return changed, dict(values)

    return wrapped


def _rows_of_one_lost(job: TensorToCode) -> TensorToCode:
    """Skip rows with a single value other than 0 as if they were zeros."""
    if job.skipped is None:
        return job
    matrix = np.asarray(job.indexes).reshape(job.coding.rows, job.coding.columns)
    small = (matrix != 0).sum(axis=1) <= max(1, job.coding.columns * 9 // 10)
    return replace(job, skipped=small, indexes=np.where(small[:, None], 0, matrix).reshape(-1))


def _not_scanned(job: TensorToCode) -> TensorToCode:
    """Code the indexes row by row, whatever the scan order."""
    return replace(job, indexes=in_row_order(np.asarray(job.indexes).reshape(-1), job.coding.area))


def _unchecked_clip(least: int, most: int) -> Callable[..., np.ndarray]:
    return lambda values, step, coding, indexes: np.clip(indexes, least, most)


def _transposed(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.T).reshape(array.shape)


STATES_OFF: Final = table("state_trans", lambda states: states[:, ::-1].copy())
SET_FLAGS: Final = ("mps_quantization_method_flags",)
STEP: Final = ("qp_delta", "mps_quantization_parameter")
STEP_CODED: Final = ("mps_quantization_parameter", "mps_qp_density", "qp_delta")
NAME: Final = ("topology_elem_id",)
SHAPE: Final = ("tensor_dimensions", "count_tensor_dimensions")
POINTS: Final = ("cabac_offset_list", "bit_offset_delta1", "bit_offset_delta2", "dq_state_list")
PARTS: Final = ("topology_elem_id", "topology_elem_id_list", "compressed_parameter_types")
CODEWORD: Final = ("cabac_codeword",)
"""Named where the arithmetic coder is wrong, not what it codes."""

BUGS: Final[tuple[EncoderBug, ...]] = (
    # units
    EncoderBug("no-start-unit", ("nnr_unit_type",), (units_changed(lambda units: units[1:]),)),
    EncoderBug("no-parameter-set", ("nnr_unit_type",), (units_changed(lambda units: [one for one in units if not _is_mps(one)]),)),
    EncoderBug("parameter-set-last", ("nnr_unit_type",), (units_changed(lambda units: [units[0], *units[2:], units[1]]),)),
    EncoderBug("two-parameter-sets", ("nnr_unit_type",), (units_changed(lambda units: [*units[:2], *units[1:]]),)),
    EncoderBug("last-tensor-lost", ("nnr_unit_type", *NAME), (units_changed(_without_last),)),
    EncoderBug("first-tensor-twice", NAME, (units_changed(lambda units: [*units, *filter(_is_ndu, units[2:3])]),)),
    EncoderBug("size-without-its-field", ("nnr_unit_size",), after=_sized(-2)),
    EncoderBug("size-too-large", ("nnr_unit_size",), after=_sized(+1)),
    EncoderBug("last-byte-lost", ("nnr_unit_size", "end_of_codeword", "cabac_codeword"), after=lambda stream, _: stream[:-1]),
    EncoderBug("byte-after-the-stream", ("nnr_unit_size", "nnr_unit_size_flag"), after=lambda stream, _: stream + b"\0"),
    EncoderBug(
        "profile-of-another-edition",
        ("general_profile_idc",),
        (
            units_changed(
                lambda units: [
                    {**units[0], "nnr_unit_header": units[0]["nnr_unit_header"] | {"general_profile_idc": 2}},
                    *units[1:],
                ]
            ),
        ),
    ),
    # parameter sets
    EncoderBug("qp-of-the-stream-off-by-one", STEP_CODED, (payload_changed(NNR_MPS, mps_quantization_parameter=lambda qp: qp + 1),)),
    EncoderBug("density-off-by-one", STEP_CODED, (payload_changed(NNR_MPS, mps_qp_density=lambda density: density + 1),)),
    EncoderBug(
        "no-quantization-flag",
        (*SET_FLAGS, "nnr_compressed_data_unit_payload_type"),
        (payload_changed(NNR_MPS, mps_quantization_method_flags=0),),
    ),
    EncoderBug(
        "updates-without-their-flag",
        ("mps_parent_signalling_enabled_flag",),
        (payload_changed(NNR_MPS, mps_parent_signalling_enabled_flag=0),),
    ),
    # headers of data units
    EncoderBug("dimensions-swapped", SHAPE, _dimensions(lambda dimensions: dimensions[::-1])),
    EncoderBug("dimensions-flattened", SHAPE, _dimensions(lambda dimensions: [int(np.prod(dimensions))])),
    EncoderBug("dimensions-of-one-dropped", SHAPE, _dimensions(lambda dimensions: [n for n in dimensions if n > 1] or [1])),
    EncoderBug("dimensions-at-most-four", SHAPE, _dimensions(lambda dimensions: [int(np.prod(dimensions[:-3])), *dimensions[-3:]])),
    EncoderBug("dq-flag-never-set", ("dq_flag",), header_changed(lambda values, header: {"dq_flag": 0})),
    EncoderBug("dq-flag-always-set", ("dq_flag",), header_changed(lambda values, header: {"dq_flag": 1})),
    EncoderBug(
        "unary-length-not-sent",
        ("cabac_unary_length_flag", "cabac_unary_length_minus1"),
        header_changed(lambda values, header: {"cabac_unary_length_flag": 0}),
    ),
    EncoderBug(
        "unary-length-off-by-one",
        ("cabac_unary_length_minus1",),
        header_changed(lambda values, header: {"cabac_unary_length_minus1": header.unary_length % 256}),
    ),
    EncoderBug("scan-order-not-sent", ("scan_order",), header_changed(lambda values, header: {"scan_order": 0})),
    EncoderBug(
        "scan-order-of-other-blocks",
        ("scan_order",),
        header_changed(lambda values, header: {"scan_order": header.scan_order and header.scan_order % 4 + 1}),
    ),
    EncoderBug(
        "integers-as-floats",
        ("nnr_compressed_data_unit_payload_type", "mps_quantization_method_flags"),
        header_changed(
            lambda values, header: (
                {"nnr_compressed_data_unit_payload_type": 1, "codebook_present_flag": 0} if header.payload_type == 0 else {}
            )
        ),
    ),
    EncoderBug(
        "format-of-another-type",
        ("nnr_decompressed_data_format",),
        header_changed(
            lambda values, header: (
                {}
                if header.data_format is None
                else {"nnr_decompressed_data_format": header.data_format + (-1 if header.data_format % 2 else 1)}
            )
        ),
    ),
    EncoderBug(
        "codebook-zero-off-by-one",
        ("codebook_zero_value", "codebook_centre_offset"),
        design_changed(lambda book, indexes: (replace(book, values=book.values + 1), indexes)),
    ),
    EncoderBug(
        "codebook-centre-off-by-one",
        ("codebook_centre_offset", "codebook_zero_value", "codebook_delta_left", "codebook_delta_right"),
        design_changed(lambda book, indexes: (replace(book, zero_offset=min(book.zero_offset + 1, len(book.values) - 1)), indexes)),
    ),
    EncoderBug(
        "codebook-gap-lost",
        ("codebook_delta_right", "codebook_delta_left"),
        design_changed(
            lambda book, indexes: (replace(book, values=book.values + (np.arange(len(book.values)) > book.zero_offset + 1)), indexes)
        ),
    ),
    EncoderBug("scale-and-bias-exchanged", PARTS, _parts_exchanged(1, 2)),
    EncoderBug("mean-and-variance-exchanged", PARTS, _parts_exchanged(2, 3)),
    EncoderBug(
        "bias-flagged-as-scale",
        PARTS,
        header_changed(
            lambda values, header: {"compressed_parameter_types": header.parameter_types ^ (BI | BN)} if header.parameter_types & BI else {}
        ),
    ),
    EncoderBug(
        "temporal-contexts-flagged-only",
        ("temporal_context_modeling_flag",),
        header_changed(lambda values, header: {"temporal_context_modeling_flag": 1} if _update(header) else {}),
    ),
    EncoderBug(
        "temporal-contexts-not-flagged",
        ("temporal_context_modeling_flag",),
        header_changed(lambda values, header: {"temporal_context_modeling_flag": 0}),
    ),
    EncoderBug(
        "depth-of-the-parent",
        ("put_node_depth",),
        header_changed(
            lambda values, header: {"put_node_depth": header.node_id.put_node_depth - 1} if _update(header) and header.node_id else {}
        ),
    ),
    EncoderBug(
        "update-without-a-parent",
        ("parent_node_id_present_flag",),
        header_changed(lambda values, header: {"parent_node_id_present_flag": 0}),
    ),
    EncoderBug("update-codes-the-whole", ("parent_node_id_present_flag",), ((encoding.SessionStep, "update_of", _whole),)),
    EncoderBug("update-of-the-input", (), forgets=True),
    # codewords
    EncoderBug("qp-delta-wraps", STEP, ((EncoderOptions, "qp_delta", _unchecked_delta), *_qp_delta(_wrapped))),
    EncoderBug("qp-delta-negated", STEP, _qp_delta(lambda value, bits: -value)),
    EncoderBug("qp-delta-never-sent", STEP, _qp_delta(lambda value, bits: 0)),
    EncoderBug("signs-flipped", ("sign_flag",), codeword_changed(lambda job: replace(job, indexes=-np.asarray(job.indexes)))),
    EncoderBug("signs-lost", ("sign_flag",), codeword_changed(lambda job: replace(job, indexes=np.abs(job.indexes)))),
    EncoderBug(
        "contexts-not-reset",
        CODEWORD,
        codeword_changed(tables=table("parameter_sets", _first_set_from([0, 0, 320, 10]))),
    ),
    EncoderBug("rate-of-the-first-state", CODEWORD, codeword_changed(tables=table("parameter_sets", _first_set_from([1, 0, 0, 0])))),
    EncoderBug("a-wrong-range", CODEWORD, codeword_changed(tables=table("lps_range", lambda ranges: _with(ranges, 35, 1)))),
    EncoderBug("a-wrong-state-step", CODEWORD, codeword_changed(tables=table("state_step", lambda steps: _with(steps, 14, 16)))),
    EncoderBug(
        "dq-state-step-off",
        ("dq_flag", *CODEWORD),
        (
            *codeword_changed(tables=STATES_OFF),
            (quantizer, "DEFAULT", lambda tables: STATES_OFF),
            *((module, "DEFAULT", lambda tables: STATES_OFF) for module in (trellis, fast_trellis) if hasattr(module, "DEFAULT")),
        ),
    ),
    EncoderBug("scan-of-rows", ("scan_order",), codeword_changed(_not_scanned)),
    EncoderBug("stop-bit-lost", ("end_of_codeword",), codeword_changed(end=lambda data: data[:-1] + bytes([data[-1] & (data[-1] - 1)]))),
    EncoderBug("codeword-cut", ("end_of_codeword", *CODEWORD), codeword_changed(end=lambda data: data[:-1])),
    EncoderBug("codeword-padded", ("end_of_codeword",), codeword_changed(end=lambda data: data + b"\0")),
    EncoderBug("base-not-doubled", ("temporal_context_modeling_flag", "dq_flag"), codeword_changed(history=_halved)),
    EncoderBug(
        "history-never-kept",
        ("hist_dep_sig_prob_enabled_flag",),
        codeword_changed(history=lambda history: history._replace(seen=np.zeros_like(history.seen))),
    ),
    EncoderBug("rows-skipped-that-are-not-zero", ("row_skip_list",), codeword_changed(_rows_of_one_lost)),
    EncoderBug(
        "offset-of-an-entry-off",
        POINTS[:1],
        entry_points_changed(lambda values: {"cabac_offset_list": [value ^ 1 for value in values["cabac_offset_list"]]}),
    ),
    EncoderBug(
        "entry-lengths-not-as-changes",
        POINTS[1:3],
        entry_points_changed(
            lambda values: {"bit_offset_delta2": list(accumulate(values["bit_offset_delta2"], initial=values["bit_offset_delta1"]))[1:]}
        ),
    ),
    EncoderBug(
        "first-entry-off-by-a-byte",
        POINTS[1:3],
        entry_points_changed(lambda values: {"bit_offset_delta1": values["bit_offset_delta1"] + 8}),
    ),
    EncoderBug(
        "state-of-an-entry-off",
        POINTS[3:],
        entry_points_changed(
            lambda values: {"dq_state_list": [(state + 1) % 8 for state in values["dq_state_list"]]} if "dq_state_list" in values else {}
        ),
    ),
    # quantization
    EncoderBug("rounds-towards-zero", (), (quantizer_changed(lambda values, step, coding, _: np.trunc(values / step).astype(np.int32)),)),
    EncoderBug("rounds-up", (), (quantizer_changed(lambda values, step, coding, _: np.ceil(values / step).astype(np.int32)),)),
    EncoderBug("small-values-lost", (), (quantizer_changed(_small_lost),)),
    EncoderBug("indexes-of-16-bits", ("abs_remainder",), (quantizer_changed(_unchecked_clip(-(2**15), 2**15 - 1)),)),
    EncoderBug("indexes-of-8-bits", ("abs_remainder",), (quantizer_changed(_unchecked_clip(-128, 127)),)),
    EncoderBug("last-row-lost", ("row_skip_list", "sig_flag"), (quantizer_changed(_last_row_zero),)),
    EncoderBug("step-without-its-fraction", STEP, step_changed(lambda density, qp, step: 2.0 ** (qp >> density))),
    EncoderBug("step-interpolated-by-powers", STEP, step_changed(lambda density, qp, step: 2.0 ** (qp / 2**density))),
    EncoderBug("step-of-twice-the-size", STEP, step_changed(lambda density, qp, step: 2 * step)),
    # input
    EncoderBug("nan-lost", ("nnr_compressed_data_unit_payload_type", "raw_float32_parameter"), before=floats(_nan_lost)),
    EncoderBug(
        "infinity-clipped",
        ("nnr_compressed_data_unit_payload_type", "raw_float32_parameter"),
        before=floats(lambda array: np.clip(array, -3.4028235e38, 3.4028235e38) if array.dtype == np.float32 else array),
    ),
    EncoderBug("columns-first", (*SHAPE, "scan_order"), before=tensors_changed(_transposed)),
    EncoderBug("tensors-under-other-names", NAME, before=_swapped_values),
    EncoderBug("names-in-ascii", NAME, before=names_changed(lambda name: name.encode("ascii", "replace").decode())),
    EncoderBug("names-in-lower-case", NAME, before=names_changed(str.lower)),
    EncoderBug("names-cut-at-255-bytes", NAME, before=names_changed(lambda name: name[:255])),
    EncoderBug("names-without-blanks", NAME, before=names_changed(str.strip)),
    EncoderBug("at-most-255-tensors", ("nnr_unit_type", *NAME), before=_first_255),
    EncoderBug("integers-through-floats", (), before=ints(_through_floats)),
    EncoderBug("bytes-without-a-sign", ("nnr_decompressed_data_format", "sign_flag"), before=tensors_changed(_without_sign)),
    # the same twice
    EncoderBug("time-in-the-stream", ("abs_remainder", *CODEWORD), after=_sometimes_another_byte),
    EncoderBug(
        "order-of-a-hash-table",
        ("nnr_unit_size", *NAME),
        (units_changed(lambda units: [*units[:2], *units[2:][:: 1 - 2 * (next(_TURNS) % 2)]]),),
    ),
)
