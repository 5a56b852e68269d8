"""Which syntax element explains wrong tensors of a stream that breaks no rule.

Each test supposes one mistake of an encoder, takes it back in the decoded values, and looks whether
these are then what the encoder was given. The first supposition that helps names the element.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Final

import numpy as np

from nnc_conformance.encoders.decoding import DecodedStep, ReadTensor
from nnc_conformance.encoders.results import TensorFault
from nnc_conformance.encoders.validation import BrokenRule
from nnc_conformance.encoders.values_near import MOST_UNEXPLAINED, Values, is_near, mostly_near
from nnc_conformance.reference.entropy.coding import HIGHEST_SCAN_ORDER
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.quantization.scan import in_row_order, in_scan_order
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_RAW_FLOAT, DataUnitHeader

FORM_ELEMENTS: Final = {
    "shape": "tensor_dimensions",
    "type": "nnr_decompressed_data_format",
    "missing": "topology_elem_id",
    "unexpected": "topology_elem_id",
}
"""The element of each kind of fault that is not about values."""
RULE_ELEMENTS: Final = {
    "mps-first": "nnr_unit_type",
    "qp-in-force": "mps_quantization_method_flags",
    "codebook-index": "codebook_centre_offset",
}
"""The element to correct for rules that show at another one."""
WHOLE: Final = "cabac_codeword"
"""The element of wrong values that no supposition explains."""
LEAST_SCALE: Final = 2 / 128
"""Difference of a factor from 1 that is taken for another step."""
FIRST_SWAPPED: Final = 3
"""Wrong tensors that are compared with all others."""
CODEBOOK_ROUNDING: Final = 0.75
"""Steps by which a value may be off with a codebook before its entry is suspected."""
_ENTRY_FIELD: Final = re.compile(r"(cabac_offset|dq_state|bit_position)=(-?\d+)")
_NODE_FIELD: Final = re.compile(r"\b(put_node_depth|parameter_id|device_id)\b")


def element_of_rule(finding: BrokenRule) -> str:
    """Return the element to correct for a broken rule.

    That is the element in which the finding shows it, unless the rule points at another one.
    """
    if finding.rule == "entry-points":
        listed = _ENTRY_FIELD.findall(finding.detail)
        differ = {one[0] for one, other in zip(listed[:3], listed[3:], strict=False) if one != other}
        if "cabac_offset" not in differ and differ:
            first = finding.detail.startswith("entry 0 ")
            return "dq_state_list" if "dq_state" in differ else "bit_offset_delta1" if first else "bit_offset_delta2"
    if finding.rule == "tca-parent" and (named := _NODE_FIELD.search(finding.detail)):
        return named[1]
    return RULE_ELEMENTS.get(finding.rule, finding.element)


@dataclass(frozen=True)
class _WrongTensor:
    """A tensor with wrong values.

    Attributes:
        x: The values wanted, binary64.
        y: The values given.
        before: The values before the stream, 0 without any.
        step: The step; 0 if the tensor is exact.
        wrong: Where a value is off by more than rounding explains.
        coded: How the tensor is coded; None if the stream does not have it.
    """

    x: Values
    y: Values
    before: Values
    step: float
    wrong: Values
    coded: ReadTensor | None

    def right(self, given: Values, wanted: Values | None = None, *, scale: float = 1.0) -> bool:
        """Return whether nearly all values are right, and of the wrong ones as well."""
        x = self.x if wanted is None else wanted
        step = self.step * scale
        return mostly_near(x, given, step) and mostly_near(x[self.wrong], given[self.wrong], step)


def suspected_element(
    faults: Sequence[TensorFault],
    wanted: Mapping[str, Values],
    decoded: DecodedStep,
    before: Mapping[str, Values],
    again: Callable[[Mapping[str, ReadTensor]], str],
    coarsest: float | None = None,
) -> str:
    """Return the syntax element that most likely is wrong; "" if values are only rounded wrong.

    Args:
        faults: What is wrong.
        wanted: What the encoder was given, by name.
        decoded: The model after the stream.
        before: The parameters before it.
        again: Decodes tensors of the stream with other headers; returns the element that helps.
        coarsest: The coarsest step that was asked for; None if none was.
    """
    for fault in faults:
        if fault.kind in FORM_ELEMENTS:
            return FORM_ELEMENTS[fault.kind]
    tensors = {fault.tensor: _wrong(fault.tensor, wanted, decoded, before, coarsest) for fault in faults}
    tensors = {name: one for name, one in tensors.items() if one.wrong.any()}
    if not tensors:
        return ""
    if len(tensors) > 1 and _swapped(tensors):
        return "topology_elem_id"
    if element := again({name: one.coded for name, one in tensors.items() if one.coded is not None}):
        return element
    if len(tensors) > 1 and len({round(_scale(one), 3) for one in tensors.values()}) == 1 and all(map(_other_scale, tensors.values())):
        return "mps_quantization_parameter"
    return next((element for one in tensors.values() for element, explains in _suppositions(one) if explains), WHOLE)


def _wrong(
    name: str, wanted: Mapping[str, Values], decoded: DecodedStep, before: Mapping[str, Values], coarsest: float | None
) -> _WrongTensor:
    """Mark the elements of a decoded tensor that are further off than they may be.

    The result has the wanted, decoded and earlier values as flat binary64 arrays.

    Args:
        name: The tensor.
        wanted: The values that were to be encoded, by tensor name.
        decoded: What the stream decodes to.
        before: The tensors before this step; zeros are taken for one that is not among them.
        coarsest: The greatest step size allowed; None for any.
    """
    coded = decoded.coded.get(name)
    step = 0.0 if coded is None or coded.step is None else coded.step
    x, y = (array.astype(np.float64).reshape(-1) for array in (wanted[name], decoded.parameters[name]))
    old = before[name].astype(np.float64).reshape(-1) if name in before else np.zeros_like(x)
    same = is_near(x, y, min(step, coarsest or step)) | (np.isnan(x) & np.isnan(y))
    if coded is not None and coded.codebook is not None:
        same &= np.abs(x - y) <= CODEBOOK_ROUNDING * step
    return _WrongTensor(x, y, old, step, ~same, coded)


def _swapped(tensors: Mapping[str, _WrongTensor]) -> bool:
    """Return whether one of the first wrong tensors was given the values of another one."""
    return any(
        one is not other and one.x.size == other.y.size and mostly_near(one.x, other.y, max(one.step, other.step))
        for one in list(tensors.values())[:FIRST_SWAPPED]
        for other in tensors.values()
    )


def _suppositions(one: _WrongTensor) -> Iterator[tuple[str, bool]]:
    """Yield (element, whether an error in it explains the wrong values), the likelier first."""
    if one.coded is None:
        yield "nnr_unit_type", True
        return
    x, y, wrong = one.x, one.y, one.wrong
    if not np.isfinite(x[wrong]).all():
        yield "nnr_compressed_data_unit_payload_type", one.step > 0
        yield "raw_float32_parameter", one.step == 0
    yield _of_codebook(one), one.coded.codebook is not None and _shifted(one)
    yield "parent_node_id_present_flag", bool(one.before.any()) and (one.right(y - one.before) or one.right(y + one.before))
    yield "sign_flag", one.right(-y) or one.right(np.abs(y), np.abs(x))
    yield "qp_delta", _other_scale(one)
    yield _of_zeros(one), _share(y[wrong] == one.before[wrong])
    yield "abs_remainder", _share((np.abs(y[wrong]) >= 0.99 * np.abs(y).max()) & (np.abs(x[wrong]) > np.abs(y[wrong])))
    yield "scan_order", any(one.right(given) for given in _in_other_orders(one, one.coded.header))
    yield "tensor_dimensions", one.right(np.sort(y)[np.argsort(np.argsort(x))])
    yield "dq_flag", one.step > 0 and (one.right(y * 2, scale=2.0) or one.right(y / 2))
    yield "nnr_decompressed_data_format", one.step == 0 and _share(np.mod(x[wrong] - y[wrong], 256) == 0)
    yield "raw_float32_parameter", one.coded.header.payload_type == NNR_PT_RAW_FLOAT


def _in_other_orders(one: _WrongTensor, header: DataUnitHeader) -> Iterator[Values]:
    """Yield the decoded values as each other scan order would have placed them."""
    part = next(part for part in coded_parts(header) if prod(part.dimensions) == one.y.size)
    how = coding_of(part, header, Interpretation())
    scanned = in_scan_order(one.y, how.area)
    for order in range(HIGHEST_SCAN_ORDER + 1):
        if order != how.scan_order:
            yield in_row_order(scanned, replace(how, scan_order=order).area)


def _share(right: Values) -> bool:
    """Return whether nearly all are right."""
    return bool(np.mean(~right) <= MOST_UNEXPLAINED)


def _scale(one: _WrongTensor) -> float:
    """Return the factor that brings the values closest to those wanted; 0 if there is none."""
    if one.step == 0 or not (np.isfinite(one.x).all() and np.isfinite(one.y).all()) or not np.any(one.y):
        return 0.0
    with np.errstate(over="ignore"):
        factor = float((one.x / one.step) @ (one.y / one.step)) / float((one.y / one.step) @ (one.y / one.step))
    return factor if np.isfinite(factor) else 0.0


def _other_scale(one: _WrongTensor) -> bool:
    """Return whether the values are right up to one factor: the step was coded wrong."""
    factor = _scale(one)
    return factor > 0 and abs(factor - 1) > LEAST_SCALE and one.right(one.y * factor, scale=factor)


def _shifted(one: _WrongTensor) -> bool:
    """Return whether wrong values are off alike: the codebook was coded wrong."""
    off = one.x[one.wrong] - one.y[one.wrong]
    return bool(np.ptp(off) <= 2 * one.step)


def _of_codebook(one: _WrongTensor) -> str:
    """Return which element of a codebook is wrong, by the values that are."""
    if one.wrong.mean() > 1 - MOST_UNEXPLAINED:
        return "codebook_zero_value"
    return "codebook_delta_right" if (one.y[one.wrong] > np.median(one.y)).all() else "codebook_delta_left"


def _of_zeros(one: _WrongTensor) -> str:
    """Return the syntax element to suspect when coded values were lost.

    It is row_skip_list if an update's wrong values all lie in rows that did not change, else
    sig_flag.
    """
    header = one.coded.header if one.coded is not None else None
    if header is None or header.update is None or len(header.dimensions) < 2:
        return "sig_flag"
    rows = (one.y == one.before).reshape(header.dimensions[0], -1).all(axis=1)
    lost = one.wrong.reshape(header.dimensions[0], -1).any(axis=1)
    return "row_skip_list" if (rows | ~lost).all() else "sig_flag"
