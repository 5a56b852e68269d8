"""The order in which a tensor's elements are coded (clause 10).

It has the block scans and their inverse.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import ScanArea


def in_scan_order(values: npt.NDArray[Any], area: ScanArea) -> npt.NDArray[Any]:
    """Reorder row-major values (rows * columns,) as they are coded.

    The result is the same array if the scan is row-major too.
    """
    if area.side == 0 or area.columns <= area.side:
        return values
    ordered = np.empty_like(values)
    for part, order in _block_rows(area):
        ordered[part].reshape(-1, order.size)[:] = values[part].reshape(-1, order.size)[:, order]
    return ordered


def in_row_order(ordered: npt.NDArray[Any], area: ScanArea) -> npt.NDArray[Any]:
    """Reorder values (rows * columns,) from coded to row-major order.

    The result is the same array if the scan is row-major too.
    """
    if area.side == 0 or area.columns <= area.side:
        return ordered
    values = np.empty_like(ordered)
    for part, order in _block_rows(area):
        values[part].reshape(-1, order.size)[:, order] = ordered[part].reshape(-1, order.size)
    return values


def _block_rows(area: ScanArea) -> Iterator[tuple[slice, npt.NDArray[np.intp]]]:
    """Iterate over slices of block rows, with the order of elements in each of them.

    There are up to two: all whole block rows, and the one that is cut off at the last row.
    """
    whole = area.rows // area.side * area.side
    for rows, part in ((area.side, slice(0, whole * area.columns)), (area.rows - whole, slice(whole * area.columns, None))):
        if part.start != area.rows * area.columns and part.stop != 0:
            places = np.arange(rows * area.columns).reshape(rows, area.columns)
            blocks = [places[:, left : left + area.side].reshape(-1) for left in range(0, area.columns, area.side)]
            yield part, np.concatenate(blocks)
