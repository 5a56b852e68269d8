"""Whether values are those that were wanted, up to some steps and a few exceptions."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]

NEAR: Final = 4.0
"""Steps by which a value may be off after a mistake was taken back."""
MOST_UNEXPLAINED: Final = 0.02
"""Share of values that a supposition may leave unexplained."""


def is_near(wanted: Values, given: Values, step: float) -> npt.NDArray[np.bool_]:
    """Return for each value whether it is within a few steps of the wanted one."""
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(wanted.astype(np.float64).reshape(-1) - given.astype(np.float64).reshape(-1))
        near: npt.NDArray[np.bool_] = off <= NEAR * step
    return near


def mostly_near(wanted: Values, given: Values, step: float) -> bool:
    """Return whether nearly all values are near the wanted ones."""
    return bool(np.mean(~is_near(wanted, given, step)) <= MOST_UNEXPLAINED)
