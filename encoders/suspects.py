"""Which syntax element explains wrong tensors of a stream that breaks no rule.

Each test supposes one mistake of an encoder, takes it back in the decoded values, and looks whether
these are then what the encoder was given. The first supposition that helps names the element.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.encoders.decoding import DecodedStep, ReadTensor
from nnc_conformance.encoders.results import TensorFault
from nnc_conformance.reference.entropy.coding import HIGHEST_SCAN_ORDER
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.quantization.scan import in_row_order, in_scan_order

Values = npt.NDArray[Any]

NEAR: Final = 4.0
"""Steps by which a value may be off after a mistake was taken back."""
MOST_UNEXPLAINED: Final = 0.02
"""Share of values that a supposition may leave unexplained."""
FORM_ELEMENTS: Final = {
    "shape": "tensor_dimensions",
    "type": "nnr_decompressed_data_format",
    "missing": "topology_elem_id",
    "unexpected": "topology_elem_id",
}
"""The element of each kind of fault that is not about values."""
WHOLE: Final = "cabac_codeword"
"""The element of wrong values that no supposition explains."""


def suspected_element(faults: Sequence[TensorFault], wanted: Mapping[str, Values], decoded: DecodedStep) -> str:
    """Return the syntax element that most likely is wrong; "" without faults."""
    for fault in faults:
        if fault.kind in FORM_ELEMENTS:
            return FORM_ELEMENTS[fault.kind]
    names = [fault.tensor for fault in faults]
    if len(names) > 1 and _swapped(names, wanted, decoded):
        return "topology_elem_id"
    for name in names:
        element = _of_values(wanted[name], decoded.parameters[name], decoded.coded.get(name))
        if element:
            return element
    return WHOLE if faults else ""


def _swapped(names: Sequence[str], wanted: Mapping[str, Values], decoded: DecodedStep) -> bool:
    """Return whether a wrong tensor has the values of another one."""
    return any(
        wanted[one].size == decoded.parameters[other].size and _near(wanted[one], decoded.parameters[other], decoded.coded.get(other))
        for one in names
        for other in names
        if one != other
    )


def _near(wanted: Values, given: Values, coded: ReadTensor | None, *, scale: float = 1.0) -> bool:
    """Return whether nearly all values are right."""
    step = 0.0 if coded is None or coded.step is None else coded.step * scale
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(wanted.astype(np.float64).reshape(-1) - given.astype(np.float64).reshape(-1))
        right = off <= NEAR * step
    return bool(np.mean(~right) <= MOST_UNEXPLAINED)


def _of_values(wanted: Values, given: Values, coded: ReadTensor | None) -> str:
    """Return the element that explains the wrong values of one tensor.

    Return "" if none is found.
    """
    if coded is None:
        return "nnr_unit_type"
    suppositions: tuple[tuple[str, Callable[[Values, Values, ReadTensor], bool]], ...] = (
        ("sign_flag", lambda x, y, how: _near(x, -y, how)),
        ("sign_flag", lambda x, y, how: _near(np.abs(x), np.abs(y), how)),
        ("qp_delta", _other_scale),
        ("scan_order", _other_order),
        ("tensor_dimensions", _same_values),
        ("dq_flag", _other_quantizer),
    )
    return next((element for element, explains in suppositions if explains(wanted, given, coded)), "")


def _other_scale(wanted: Values, given: Values, coded: ReadTensor) -> bool:
    """Return whether the values are right up to one factor: the step was coded wrong."""
    x, y = wanted.astype(np.float64).reshape(-1), given.astype(np.float64).reshape(-1)
    if coded.step is None or not (np.isfinite(x).all() and np.isfinite(y).all()) or not np.any(y):
        return False
    factor = float(x @ y) / float(y @ y)
    return factor > 0 and abs(factor - 1) > 2 / 128 and _near(x, y * factor, coded, scale=factor)


def _same_values(wanted: Values, given: Values, coded: ReadTensor) -> bool:
    """Return whether the values are there, in another order."""
    return _near(np.sort(wanted, axis=None), np.sort(given, axis=None), coded)


def _other_order(wanted: Values, given: Values, coded: ReadTensor) -> bool:
    """Return whether another scan order puts the values into their places."""
    how = next(coding_of(part, coded.header, Interpretation()) for part in coded_parts(coded.header) if part.dimensions == given.shape)
    scanned = in_scan_order(given.reshape(-1), how.area)
    others = [replace(how, scan_order=order).area for order in range(HIGHEST_SCAN_ORDER + 1) if order != how.scan_order]
    return any(_near(wanted, in_row_order(scanned, area), coded) for area in others)


def _other_quantizer(wanted: Values, given: Values, coded: ReadTensor) -> bool:
    """Return whether the values are right up to the shift of one quantizer against the other."""
    x, y = wanted.astype(np.float64).reshape(-1), given.astype(np.float64).reshape(-1)
    return coded.step is not None and (_near(x, y * 2, coded, scale=2.0) or _near(x, y / 2, coded))
