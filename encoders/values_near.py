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
    """Return for each value whether it is at most `NEAR` steps from the wanted one.

    Args:
        wanted: The wanted values.
        given: As many values.
        step: Size of a step, in the values' unit.

    Returns:
        Truth values of shape (number of values,); False for NaN.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(wanted.astype(np.float64).reshape(-1) - given.astype(np.float64).reshape(-1))
        near: npt.NDArray[np.bool_] = off <= NEAR * step
    return near


def mostly_near(wanted: Values, given: Values, step: float) -> bool:
    """Return whether nearly all values are near the wanted ones."""
    return bool(np.mean(~is_near(wanted, given, step)) <= MOST_UNEXPLAINED)
