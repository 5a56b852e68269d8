"""Pictures: what a difference's grid and histogram count, against counting one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nnc_conformance.suites.compare import GRID, compare_tensor


@given(
    st.one_of(
        st.tuples(),
        st.tuples(st.integers(1, 200)),
        st.tuples(st.integers(1, 60), st.integers(1, 60)),
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)),
    ),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["<i4", "<u8", "<f4", "<f8"]),
)
def test_the_picture_counts_every_element_once(shape, seed, kind) -> None:
    random = np.random.default_rng(seed)
    expected = np.asarray(random.integers(-100, 100, shape)).astype(kind)
    actual = expected.copy()
    mask = random.random(shape) < 0.3
    actual[mask] += np.asarray(random.integers(1, 1 << 30, shape))[mask].astype(kind)
    if kind == "<f4" and mask.any():
        actual.reshape(-1)[int(np.flatnonzero(mask)[0])] = np.nan
    found = compare_tensor("w", expected, actual)
    differs = np.atleast_1d(expected.view(f"u{expected.itemsize}") != actual.view(f"u{expected.itemsize}"))
    if not differs.any():
        assert found is None
        return
    picture = found.picture
    matrix = differs.reshape(len(differs), -1) if differs.ndim > 1 else differs.reshape(1, -1)
    rows, columns = (min(most, length) for most, length in zip(GRID, matrix.shape, strict=True))
    assert (len(picture.grid), len(picture.grid[0])) == (rows, columns)
    for row in range(rows):
        for column in range(columns):
            area = matrix[
                row * matrix.shape[0] // rows : (row + 1) * matrix.shape[0] // rows,
                column * matrix.shape[1] // columns : (column + 1) * matrix.shape[1] // columns,
            ]
            share = np.count_nonzero(area) / area.size
            digit = int(picture.grid[row][column])
            assert (digit == 0) == (share == 0)
            assert digit - 1 < 9 * share <= digit or digit == 0
    assert sum(picture.distances) + picture.without_distance == found.count
    assert picture.without_distance == np.count_nonzero(np.isnan(actual.astype(float)))


def test_distances_are_binned_by_their_length_in_bits() -> None:
    expected = np.zeros(6, "<i8")
    actual = np.array([0, 1, 2, 3, 4, 1 << 62], "<i8")
    picture = compare_tensor("w", expected, actual).picture
    assert picture.distances == (0, 1, 2, 1, *([0] * 59), 1)
    assert picture.grid == ("099999",)
